"""What a login yields: tokens, or a user name and password for Basic authentication (floor 3)."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import UsageError
from ..protocol.claims import instant_of, user_of
from ..values.secret import Secret
from ..values.states import Origin
from ..values.tokens import TokenSet
from .renewers import Renewer


@dataclass(frozen=True, kw_only=True)
class Login:
    """The yield of one login: `tokens` or `basic`, whose it is, and where it came from.

    `is_borrowed` is True for a token that somebody else obtained: it is not ours to revoke. `came_from` is a phrase for
    people, such as the name of a variable. `renewer` is its own way to a fresh token; without one, a refresh token is
    exchanged where there is one. `kept_as` names it in the store, if it is kept, and `notice` is what a person should
    know. `secret` signs in anew where it has no refresh token, and is kept with it. `end` is its own way to be over at
    the provider, and returns what to say of it. `at_login` is what the login host itself is shown, where a service
    leads there.
    """

    source: Origin
    tokens: TokenSet | None = None
    basic: Secret | None = None
    user: str = ""
    is_borrowed: bool = False
    came_from: str = ""
    renewer: Renewer | None = None
    kept_as: str = ""
    notice: str = ""
    secret: Secret | None = None
    end: Callable[[TokenSet], str] | None = None
    at_login: Secret | None = None


def token_login(tokens: TokenSet, source: Origin, *, user: str = "", came_from: str = "") -> Login:
    """Make the yield of a login that gave tokens; `user` counts where the token does not tell."""
    return Login(source=source, tokens=tokens, user=user_of(tokens.access_token) or user, came_from=came_from)


def borrowed_login(tokens: TokenSet, source: Origin, came_from: str, renewer: Renewer | None = None) -> Login:
    """Make the yield of a login that somebody else obtained, who may renew it too."""
    return replace(token_login(tokens, source, came_from=came_from), is_borrowed=True, renewer=renewer)


def basic_login(username: str, password: Secret, source: Origin = "basic") -> Login:
    """Make the yield of a Basic login: the credentials of RFC 7617 in UTF-8, not tried yet.

    Raises
    ------
    UsageError
        The user name or the password holds what Basic authentication cannot carry (RFC 7617 section 2).
    """
    if ":" in username or not username or not username.isprintable():
        raise UsageError(
            "That user name cannot be used.",
            "Basic authentication allows no colon and no control character in it.",
            "Sign in another way.",
        )
    basic = _basic(username, password)
    if basic is None:
        raise UsageError(
            "That password cannot be used.", "Basic authentication allows no control character in it.", "Type it again."
        )
    return Login(source=source, basic=basic, user=username)


def _basic(username: str, password: Secret) -> Secret | None:
    # half a character, from an environment that is not UTF-8, counts as a control character
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in password.reveal()):
        return None
    return Secret(base64.b64encode(f"{username}:{password.reveal()}".encode()).decode())


def given_tokens(access_token: Secret, now: float) -> TokenSet:
    """Make a set of a token that somebody else obtained, with the times that it tells; `now` is in POSIX seconds."""
    issued_at = instant_of(access_token, "iat")
    return TokenSet(
        access_token=access_token,
        issued_at=now if issued_at is None else min(issued_at, now),
        expires_at=instant_of(access_token, "exp"),
    )
