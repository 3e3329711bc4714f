"""What counts as a secret, in which spellings it may be written down, and whether it stands in a text."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

from ipyterrascope.sandbox import Sandbox

_ENOUGH = 20  # characters by which a long secret is recognised also where it was cut off

_TOKEN_STARTS = (b"eyJhbGciOi", b"eyJ0eXAiOi")  # {"alg": and {"typ":


def spellings(secret: str, users: Iterable[str]) -> set[bytes]:
    """Return a secret in every form in which it could be written down; a long one also by its beginning and end."""
    whole = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret), quote_plus(secret)}
    for text in (secret, *(f"{user}:{secret}" for user in users)):
        whole |= {
            base64.b64encode(text.encode()).decode(),
            base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
        }
    if len(secret) > 2 * _ENOUGH:
        # tokens of one issuer begin alike
        whole |= {secret[-_ENOUGH:], secret if secret.startswith("eyJ") else secret[:_ENOUGH]}
    return {text.encode(encoding) for text in whole for encoding in ("utf-8", "utf-16-le")} | {secret.encode("latin-1")}


def secrets_of(box: Sandbox, typed: Iterable[str]) -> set[str]:
    """Return all that must be found nowhere: what was typed, what was issued, and what only the kernel made up."""
    sent = [record.form.get(name, "") for record in box.requests for name in ("code_verifier", "device_code", "totp")]
    return {secret for secret in (*typed, *sent, *box.issued) if secret}


def found_in(places: Mapping[str, bytes], secrets: Iterable[str], users: Iterable[str]) -> set[str]:
    """Return the places in which a secret is written, with a mark of the secret and never the secret itself."""
    needles = [(_mark(secret), spelling) for secret in secrets for spelling in spellings(secret, users)]
    needles += [("the beginning of a token", start) for start in _TOKEN_STARTS]
    return {f"{place} (secret {mark})" for place, text in places.items() for mark, needle in needles if needle in text}


def _mark(secret: str) -> str:
    return f"{hashlib.sha256(secret.encode()).hexdigest()[:6]}, {len(secret)} characters"
