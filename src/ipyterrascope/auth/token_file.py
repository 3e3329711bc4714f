"""A file as a source: it holds a token that somebody else keeps fresh, and is looked at again at every use (floor 3).

It may hold the bare token, or the JSON answer of a token endpoint (RFC 6749 section 5.1). A refresh token in it is
never used: with rotation that would void the one of whoever keeps the file.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

from ..errors import LoginRequired, ProviderUnreachable, quoted
from ..protocol.token_answers import number_of
from ..values.providers import Provider
from ..values.secret import Secret
from ..values.tokens import TokenSet, is_fit_for_header
from .chain import Found, LentToken, SilentSource, WhyNot
from .credentials import given_tokens
from .private_files import OpenFileError, PrivateText, Signature, UnfitFileError, read_private, signature_of

CAME_FROM = "the token file"


class _BeingWritten(UnfitFileError):
    """Nothing is in it, which may be otherwise in a moment."""


class TokenFile:
    """A file with a token.

    Parameters
    ----------
    path : pathlib.Path
    may_be_shared : bool
        Whether it may be another's, or readable by others.
    clock : callable
        POSIX seconds.
    """

    def __init__(self, path: Path, *, may_be_shared: bool = False, clock: Callable[[], float] = time.time) -> None:
        self._path, self._may_be_shared, self._clock = path, may_be_shared, clock
        self._seen: Signature | None = None

    def has_news(self) -> bool:
        """Tell whether the file is another one than the one that was read."""
        try:
            return signature_of(self._path.stat()) != self._seen
        except OSError:
            return True

    def read(self) -> TokenSet:
        """Return the token that is in it now. Raises `UnfitFileError` where there is none that lives."""
        content = read_private(self._path, may_be_shared=self._may_be_shared, may_be_link=True)
        tokens = _tokens_of(content, self._clock())
        if tokens.expires_at is not None and tokens.expires_at <= self._clock():
            raise UnfitFileError("The token in it has expired.")
        self._seen = content.signature
        return tokens

    def lend(self, refused: Secret | None) -> TokenSet:
        """Return the token that is in it now, as a `LentToken` does."""
        try:
            return self.read()
        except _BeingWritten as exc:
            failure = ProviderUnreachable("The token file holds nothing.", str(exc), "Try again in a moment.")
        except UnfitFileError as exc:
            failure = LoginRequired(
                "The token file serves no more.", str(exc), "Mend the file, or sign in another way."
            )
        raise failure


def token_file_source(path: str, *, may_be_shared: bool = False) -> SilentSource:
    """Make the source; an empty `path` means that there is no file."""
    # whatever the present folder is later, where a file of that name may be anybody's
    place = Path(path).expanduser().absolute()

    def find(_: Provider) -> Found:
        if not path:
            return WhyNot("Neither c.Terrascope.token_file nor TERRASCOPE_TOKEN_FILE is set.")
        file = TokenFile(place, may_be_shared=may_be_shared)
        try:
            file.read()
        except UnfitFileError as exc:
            do = (
                f"Run chmod 600 {shlex.quote(path)}." if isinstance(exc, OpenFileError) else "Mend it, or name another."
            )
            return WhyNot(f"The token file {quoted(path)} cannot be used. {exc}", is_fault=True, do=do)
        return LentToken(file.lend, CAME_FROM, has_news=file.has_news)

    return SilentSource("token_file", find)


def _tokens_of(content: PrivateText, now: float) -> TokenSet:
    text = content.text.strip()
    answer: dict[str, object] = _answer_of(text) if text.startswith("{") else {"access_token": text}
    token = answer.get("access_token")
    if not token:
        raise _BeingWritten("It may be about to be written.")
    kind = answer.get("token_type")
    if not isinstance(token, str) or not is_fit_for_header(token) or (kind and str(kind).lower() != "bearer"):
        raise UnfitFileError("What it holds is no bearer token.")
    tokens = given_tokens(Secret(token), now)
    lifetime_s = number_of(answer, "expires_in")
    if tokens.expires_at is not None or lifetime_s is None:
        return tokens
    # an answer counts from when it came, and that is when it was written down
    issued_at = min(content.written_at, now)
    return replace(tokens, issued_at=issued_at, expires_at=issued_at + lifetime_s)


def _answer_of(text: str) -> dict[str, object]:
    try:
        answer: object = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise UnfitFileError("What it holds is neither a token nor JSON.")
    return cast("dict[str, object]", answer)
