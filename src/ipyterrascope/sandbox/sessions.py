"""Logins and their tokens: what is alive, what was used, what ended (sandbox; RFC 6749 sections 1.4 and 1.5)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from typing import cast

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from .settings import Settings

_ALGORITHM = "RS256"


class Refused(Exception):
    """A token is not good; the text is Keycloak's `error_description`."""


@dataclass(eq=False)
class Login:
    """One login of one person with one client; `ended` is why its refresh token is refused, empty while it lives."""

    user: str
    client_id: str
    scopes: tuple[str, ...]
    session_id: str = field(default_factory=lambda: secrets.token_hex(16))
    ended: str = ""

    @property
    def is_offline(self) -> bool:
        """Whether it outlives an idle hour (`offline_access`)."""
        return "offline_access" in self.scopes


@dataclass(eq=False)
class _RefreshToken:
    login: Login
    expires_at: float
    uses: int = 0


@lru_cache(maxsize=1)
def signing_key() -> RSAKey:
    """Return the key of this process."""
    return cast(RSAKey, RSAKey.generate_key(2048, {"kid": "sandbox", "use": "sig", "alg": _ALGORITHM}))


class Sessions:
    """All logins of the sandbox. `issued` is every token handed out until now, alive or not."""

    def __init__(self, settings: Settings, issuer: str, clock: Callable[[], float]) -> None:
        self._settings, self._issuer, self._clock = settings, issuer, clock
        self._refresh_tokens: dict[str, _RefreshToken] = {}
        self._access_tokens: dict[str, Login] = {}
        self.issued: set[str] = set()

    def access_token(self, login: Login, email: str) -> str:
        """Issue an access token: a signed JWT."""
        token_id = secrets.token_hex(16)
        self._access_tokens[token_id] = login
        claims = {
            "typ": "Bearer",
            "jti": token_id,
            "azp": login.client_id,
            "sid": login.session_id,
            "scope": " ".join(login.scopes),
            "email": email,
        }
        return self._signed(login, claims)

    def id_token(self, login: Login) -> str:
        """Issue an ID token (OpenID Connect Core section 2)."""
        return self._signed(login, {"typ": "ID", "aud": login.client_id, "sid": login.session_id})

    def refresh_token(self, login: Login) -> str:
        """Issue a refresh token, which starts the idle time anew."""
        token = secrets.token_urlsafe(48)
        self.issued.add(token)
        self._refresh_tokens[token] = _RefreshToken(login, self._clock() + (self.idle_lifetime_s(login) or inf))
        return token

    def idle_lifetime_s(self, login: Login) -> float:
        """Return how long a login may be idle; 0, as in Keycloak's answers, for ever."""
        return 0 if login.is_offline else self._settings.refresh_token_lifetime_s

    def use_refresh_token(self, token: str, client_id: str) -> Login:
        """Return the login that `token` renews.

        Raises
        ------
        Refused
            When it is unknown, of another client, too old, or was used before; the last ends the login.
        """
        known = self._refresh_tokens.get(token)
        if known is None or known.login.client_id != client_id:
            raise Refused("Invalid refresh token")
        if known.login.ended:
            raise Refused(known.login.ended)
        if known.expires_at <= self._clock():
            raise Refused("Token is not active")
        known.uses += 1
        if self._settings.rotation and known.uses > self._settings.refresh_max_reuse + 1:
            known.login.ended = "Session doesn't have required client"
            raise Refused("Maximum allowed refresh token reuse exceeded")
        return known.login

    def login_of(self, access_token: str) -> Login:
        """Return the login behind a bearer.

        Raises
        ------
        Refused
            When signature, time, token or login are not good.
        """
        try:
            claims = jwt.decode(access_token, signing_key(), algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError):
            raise Refused("Token verification failed") from None
        login = self._access_tokens.get(str(claims.get("jti", "")))
        if login is None or claims.get("iss") != self._issuer or not self._clock() < float(claims["exp"]):
            raise Refused("Token verification failed")
        if login.ended:
            raise Refused("user_session_not_found")
        return login

    def revoke(self, token: str, client_id: str) -> bool:
        """End the login behind a refresh token, or one access token; return whether it was this client's."""
        if self.is_known(token, client_id):
            self._refresh_tokens[token].login.ended = "Session not active"
            return True
        try:
            claims = jwt.decode(token, signing_key(), algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError):
            return False
        login = self._access_tokens.get(str(claims.get("jti", "")))
        if login is None or login.client_id != client_id:
            return False
        del self._access_tokens[str(claims["jti"])]
        return True

    def is_known(self, refresh_token: str, client_id: str) -> bool:
        """Whether a refresh token was issued to that client."""
        known = self._refresh_tokens.get(refresh_token)
        return known is not None and known.login.client_id == client_id

    def end_all(self) -> None:
        """End every login."""
        for known in self._refresh_tokens.values():
            known.login.ended = known.login.ended or "Session not active"

    def forget_access_tokens(self) -> None:
        """Refuse every access token issued until now; refreshing goes on."""
        self._access_tokens.clear()

    def _signed(self, login: Login, claims: Mapping[str, object]) -> str:
        now = self._clock()
        everything = {
            "iss": self._issuer,
            "sub": f"sandbox-{login.user}",
            "preferred_username": login.user,
            "iat": int(now),
            "exp": now + self._settings.access_token_lifetime_s,
            **claims,
        }
        token = jwt.encode({"alg": _ALGORITHM, "kid": "sandbox"}, everything, signing_key())
        self.issued.add(token)
        return token
