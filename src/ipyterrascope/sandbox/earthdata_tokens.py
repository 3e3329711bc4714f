"""User tokens of Earthdata Login: two at most, sixty days each, over an API with Basic authentication (sandbox)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from joserfc import jwt

from .earthdata_settings import EarthdataSettings
from .messages import Answer, ReceivedRequest, json_answer
from .sessions import signing_key


@dataclass(frozen=True)
class UserToken:
    """One token of a person; `expires_at` is in POSIX seconds."""

    value: str
    uid: str
    expires_at: float

    @property
    def fields(self) -> dict[str, str]:
        """What the API says of it."""
        ends_on = time.strftime("%m/%d/%Y", time.gmtime(self.expires_at))
        return {"access_token": self.value, "token_type": "Bearer", "expiration_date": ends_on}


class UserTokens:
    """The tokens of everybody. `issued` are all that were handed out until now, also those that have ended."""

    def __init__(self, settings: EarthdataSettings, issuer: str, clock: Callable[[], float]) -> None:
        self._settings, self._issuer, self._clock = settings, issuer, clock
        self._tokens: list[UserToken] = []
        self.issued: set[str] = set()

    def of(self, uid: str) -> list[UserToken]:
        """Return the tokens of a person that have not ended."""
        return [token for token in self._tokens if token.uid == uid and token.expires_at > self._clock()]

    def owner(self, value: str) -> str:
        """Return whose a token is; empty where it is nobody's, or has ended."""
        alive = (token.uid for token in self._tokens if token.value == value and token.expires_at > self._clock())
        return next(alive, "")

    def make(self, uid: str, lifetime_s: float | None = None) -> UserToken:
        """Make a token, whatever the limit: a JWT, as theirs are."""
        now = self._clock()
        expires_at = now + (self._settings.token_lifetime_s if lifetime_s is None else lifetime_s)
        claims = {
            "type": "User", "uid": uid, "iss": self._issuer, "iat": int(now), "exp": expires_at,
            "identity_provider": "edl_sandbox", "jti": secrets.token_hex(16),
        }  # fmt: skip
        value = jwt.encode({"alg": "RS256", "typ": "JWT"}, claims, signing_key())
        token = UserToken(value, uid, expires_at)
        self._tokens.append(token)
        self.issued.add(value)
        return token

    def end(self, value: str = "") -> None:
        """End one token, or all."""
        self._tokens = [token for token in self._tokens if value and token.value != value]

    # The API; who asks was checked

    def create(self, uid: str) -> Answer:
        """Make one more."""
        if len(self.of(uid)) >= self._settings.most_tokens:
            return json_answer({"error": "max_token_limit", "error_description": "Max token limit reached"}, 403)
        return json_answer(self.make(uid).fields)

    def listed(self, uid: str) -> Answer:
        """List those that there are."""
        return json_answer([token.fields for token in self.of(uid)])

    def found_or_made(self, uid: str) -> Answer:
        """Give the one that there is, however soon it ends, else a new one."""
        known = self.of(uid)
        return json_answer(known[0].fields) if known else self.create(uid)

    def revoke(self, uid: str, request: ReceivedRequest) -> Answer:
        """End the one that the query names."""
        value = request.query.get("token", "")
        if self.owner(value) != uid:
            return json_answer({"error": "invalid_token", "error_description": "Invalid token"}, 404)
        self.end(value)
        return json_answer({})
