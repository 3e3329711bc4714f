"""The user tokens of Earthdata Login, and what it says of a person (floor 2).

https://urs.earthdata.nasa.gov/documentation/for_users/user_token: two tokens of sixty days for each person, over an API
that asks for user name and password (RFC 7617) each time.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote, urlencode

from ..errors import LoginRefused, TerrascopeError, quoted
from ..threads.abort import AbortSignal
from ..values.providers import Provider
from ..values.secret import Secret, sealed
from ..values.tokens import TokenSet, is_fit_for_header
from .claims import instant_of, unverified_claims
from .http import Answer, HttpClient, JsonObject, not_as_expected

_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_UID = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_MOST = 50


class TokenLimitReached(LoginRefused):
    """A person has as many user tokens as there may be."""


@dataclass(frozen=True)
class UserTokenApi:
    """Asks for user tokens.

    Parameters
    ----------
    provider : Provider
    http : HttpClient
    clock : callable
        POSIX seconds.
    """

    provider: Provider
    http: HttpClient
    clock: Callable[[], float] = time.time

    def listed(self, credentials: Secret, *, signal: AbortSignal | None = None) -> list[TokenSet]:
        """Return the tokens that there are, the one that ends last first.

        Parameters
        ----------
        credentials : Secret
            User name and password as RFC 7617 encodes them.
        signal : AbortSignal, optional
            Ends the call when it is aborted.

        Raises
        ------
        LoginRefused
            They are not accepted.
        ProviderError
            It did not answer as it should.
        """

        def ask() -> Answer:
            return self.http.get(
                f"{self.provider.issuer}/api/users/tokens", authorization=_basic(credentials), signal=signal
            )

        answer = self._answered(ask)
        if answer.entries is None:
            raise not_as_expected(answer, self.provider.issuer_host, "list of tokens")
        found = (self._tokens_in(entry) for entry in answer.entries[:_MOST])
        return sorted(
            (tokens for tokens in found if tokens is not None), key=lambda tokens: -(tokens.expires_at or 0.0)
        )

    def made(self, credentials: Secret, *, signal: AbortSignal | None = None) -> TokenSet:
        """Make one more. Raises as `listed` does, and `TokenLimitReached`."""

        def ask() -> Answer:
            address = f"{self.provider.issuer}/api/users/token"
            return self.http.post(address, Secret(""), authorization=_basic(credentials), signal=signal)

        answer = self._answered(ask)
        tokens = self._tokens_in(answer.body)
        if tokens is None:
            raise not_as_expected(answer, self.provider.issuer_host, "access_token")
        return tokens

    def revoke(self, token: Secret, credentials: Secret) -> None:
        """End a token. Raises as `listed` does; one that had ended is as good."""

        def ask() -> Answer:
            query = urlencode({"token": token.reveal()})
            return self.http.post(
                f"{self.provider.issuer}/api/users/revoke_token?{query}", Secret(""), authorization=_basic(credentials)
            )

        answer = sealed(ask)
        if answer.status not in (200, 204, 404):
            raise self._refusal(answer) or not_as_expected(answer, self.provider.issuer_host, "confirmation")

    def profile(self, token: Secret) -> dict[str, str]:
        """Return all that is said of whose token it is, as text that can be shown, by its name there.

        Raises
        ------
        LoginRefused
            The token is not accepted any more.
        ProviderError
            It did not answer as it should.
        """
        uid = uid_of(token)

        def ask() -> Answer:
            address = f"{self.provider.issuer}/api/users/{quote(uid, safe='')}"
            return self.http.get(address, authorization=Secret(f"Bearer {token.reveal()}"))

        if not uid:
            return {}
        answer = sealed(ask)
        if answer.status in (401, 403):
            raise LoginRefused(
                f"{self.provider.label} does not accept this user token.",
                "It has ended, or was deleted.",
                f"Make another one at {self.provider.account_url}.",
                status=answer.status,
            )
        if answer.status != 200 or answer.body is None:
            raise not_as_expected(answer, self.provider.issuer_host, "profile")
        facts = {quoted(name, 40): _shown(value) for name, value in list(answer.body.items())[:_MOST]}
        return {name: text for name, text in facts.items() if text}

    def _answered(self, ask: Callable[[], Answer]) -> Answer:
        answer = sealed(ask)
        if answer.status != 200:
            raise self._refusal(answer) or not_as_expected(answer, self.provider.issuer_host, "user token")
        return answer

    def _refusal(self, answer: Answer) -> TerrascopeError | None:
        error = str((answer.body or {}).get("error", ""))
        label, page = self.provider.label, self.provider.account_url
        if error == "max_token_limit":
            return TokenLimitReached(
                f"{label} gives you no other user token.",
                "You have two already, which is all that it allows.",
                f"Delete one at {page}, or paste one of the two.",
                error=error,
                status=answer.status,
            )
        if answer.status == 401 or error == "invalid_credentials":
            return LoginRefused(
                f"{label} did not accept the user name and password.",
                "",
                "Type them again; after several failures it locks the account for a while.",
                error="invalid_grant",
                status=answer.status,
            )
        return None

    def _tokens_in(self, entry: object) -> TokenSet | None:
        fields = cast("JsonObject", entry) if isinstance(entry, dict) else {}
        value = fields.get("access_token")
        if not isinstance(value, str) or not is_fit_for_header(value):
            return None
        token, now = Secret(value), self.clock()
        expires_at = instant_of(token, "exp") or _instant_of_date(fields.get("expiration_date"))
        issued_at = instant_of(token, "iat")
        return TokenSet(
            access_token=token, issued_at=now if issued_at is None else min(issued_at, now), expires_at=expires_at
        )


def uid_of(token: Secret) -> str:
    """Return whose user token it is; empty when it does not tell."""
    uid = unverified_claims(token).get("uid")
    return uid if isinstance(uid, str) and _UID.fullmatch(uid) else ""


def _basic(credentials: Secret) -> Secret:
    return Secret(f"Basic {credentials.reveal()}")


def _instant_of_date(text: object) -> float | None:
    """Return when a day begins, in POSIX seconds: the token ends on that day."""
    match = _DATE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    month, day, year = (int(part) for part in match.groups())
    try:
        return float(calendar.timegm((year, month, day, 0, 0, 0)))
    except (ValueError, OverflowError):
        return None


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return quoted(value, 100) if isinstance(value, (str, int, float)) else ""
