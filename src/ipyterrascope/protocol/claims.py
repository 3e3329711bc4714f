"""What an access token says of itself, for display only (floor 2; RFC 7519). Nothing here is verified or trusted."""

from __future__ import annotations

import base64
import binascii
import json
from typing import cast

from ..errors import quoted
from ..values.secret import Secret
from .echoes import Echoes

# POSIX seconds of the year 2286: what comes later was not meant
_LATEST = 1e10


def unverified_claims(token: Secret) -> dict[str, object]:
    """Return the claims of a JWT unchecked, but for those that hold a secret of ours; empty when it is opaque."""
    try:
        payload = token.reveal().split(".")[1]
        claims = Echoes(spares_addresses=True).cleaned(
            json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        )
    except (IndexError, ValueError, binascii.Error, RecursionError):
        return {}
    return cast("dict[str, object]", claims) if isinstance(claims, dict) else {}


def user_of(token: Secret) -> str:
    """Return the name to show for a token's owner; empty when the token does not tell."""
    claims = unverified_claims(token)
    for name in ("preferred_username", "uid", "name", "email", "sub"):
        value = claims.get(name)
        if isinstance(value, str) and value:
            return quoted(value, 80)
    return ""


def session_of(token: Secret) -> str:
    """Return the provider's session that a token belongs to (`sid` of OpenID Connect); empty when it does not tell."""
    sid = unverified_claims(token).get("sid")
    return sid if isinstance(sid, str) else ""


def instant_of(token: Secret, claim: str) -> float | None:
    """Return a NumericDate claim such as `exp` in POSIX seconds; None when it is missing or odd."""
    value = unverified_claims(token).get(claim)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value < _LATEST else None
