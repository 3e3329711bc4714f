"""What others send back of the secrets that we hold: never to be shown or kept (floor 2).

What a provider or a back-end says is shown, kept in a widget's traits and saved with a notebook; some repeat in it what
they were sent. All that they answer passes here, and so do the claims of a token and what a data centre says.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Iterator
from typing import cast
from urllib.parse import parse_qsl, unquote

from ..values.secret import Secret, held_secrets

# what may be shown, because anybody may know it
_PUBLIC = ("client_id", "grant_type", "scope", "username", "token_type_hint", "code_challenge_method")
# what is never shown, and may well be what it was: not every provider rotates
_SECRET = ("access_token", "refresh_token", "id_token", "device_code")
# what is shorter stands in many a text by chance: of what was just sent, and of all that is held
_LEAST_SENT, _LEAST_HELD = 4, 12
# whoever hands out a token chooses its text: one that is a word of the protocol, a name, a path or an address, must not
# blot these out of what another provider answers; true tokens have capitals or digits
_WORD = re.compile(r"[a-z_./:+-]*")
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{6,}")


class Echoes:
    """Finds in foreign text what was sent with a request, and any longer secret that this process holds.

    It is made for one answer, and kept nowhere: it holds what it looks for.

    Parameters
    ----------
    form : Secret, optional
        What was posted, encoded.
    authorization : Secret, optional
        The header of that name.
    spares_addresses : bool
        Whether an address is let pass that holds what was not sent: it is asked, and not shown.
    """

    __slots__ = ("_held", "_least", "_sent", "_spares_addresses")

    def __init__(
        self, form: Secret | None = None, authorization: Secret | None = None, *, spares_addresses: bool = False
    ) -> None:
        self._spares_addresses = spares_addresses
        sent = {value for value in _sent(form, authorization) if len(value) >= _LEAST_SENT}
        held = (secret.reveal() for secret in held_secrets())
        held = {value for value in held if len(value) >= _LEAST_HELD and not _WORD.fullmatch(value)} - sent
        self._least = min(map(len, sent | held), default=0)
        self._sent, self._held = ({value.casefold() for value in values} for values in (sent, held))

    def without(self, text: str) -> str:
        """Return a text, or nothing where it holds a secret: in capitals, percent-encoded or in base64 too."""
        if len(text) < self._least:
            return text  # no spelling is shorter, and most of an answer is short
        is_spared = self._spares_addresses and _ADDRESS.match(text)
        sought = self._sent if is_spared else self._sent | self._held
        return "" if any(value in said for said in _readings(text) for value in sought) else text

    def cleaned(self, parsed: object) -> object:
        """Return parsed JSON without the texts and names that hold a secret; tokens by their own names stay."""
        if isinstance(parsed, str):
            return self.without(parsed)
        if isinstance(parsed, list):
            entries = ((each, self.cleaned(each)) for each in cast("list[object]", parsed))
            return [clean for each, clean in entries if clean != "" or each == ""]
        if not isinstance(parsed, dict):
            return parsed
        fields = cast("dict[str, object]", parsed)
        return {
            name: value if name in _SECRET else self.cleaned(value)
            for name, value in fields.items()
            if _WORD.fullmatch(name) or self.without(name)
        }


def without_secrets(text: str) -> str:
    """Return foreign text that is to be shown, or nothing where it holds a secret that this process holds."""
    return Echoes().without(text)


def _sent(form: Secret | None, authorization: Secret | None) -> Iterator[str]:
    if form is not None:
        yield from (value for name, value in parse_qsl(form.reveal()) if name not in _PUBLIC)
    if authorization is not None:
        kind, _, credential = authorization.reveal().partition(" ")
        yield credential
        if kind == "Bearer":
            yield credential.rpartition("/")[2]  # behind the prefix of an openEO back-end
        else:
            yield from (read.partition(":")[2] for read in _decoded(credential))


def _readings(text: str) -> Iterator[str]:
    """Yield a text as it may be meant: as it is, percent-decoded, and each word of it as base64."""
    texts = {text, unquote(text), unquote(unquote(text))}
    for each in texts:
        yield each.casefold()
        for word in _BASE64.findall(each):
            yield from (read.casefold() for read in _decoded(word))


def _decoded(word: str) -> Iterator[str]:
    plain = word.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    with contextlib.suppress(ValueError):
        yield base64.b64decode(plain + "=" * (-len(plain) % 4)).decode(errors="replace")
