"""Token requests: password (RFC 6749 section 4.3), refresh (section 6), errors (section 5.2), revocation (RFC 7009).

Floor 2. oauthlib forms the requests and parses the answers; what enters it was narrowed to the types the RFC names.
"""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections.abc import Callable

from oauthlib.common import urlencode
from oauthlib.oauth2 import Client, LegacyApplicationClient, OAuth2Error
from oauthlib.oauth2.rfc6749.parameters import parse_token_response

from ..errors import FlowUnavailable, LoginRefused, ProviderAnswerInvalid, ProviderError, TerrascopeError, quoted
from ..values.connection import Connection
from ..values.providers import Endpoints, Provider
from ..values.secret import Secret
from ..values.tokens import TokenSet
from .claims import instant_of
from .discovery import endpoints_of
from .http import Answer, HttpClient, JsonObject, not_as_expected

# What RFC 6750 section 2.1 lets into a header, and nothing that could end one.
_TOKEN = re.compile(r"[\x21-\x7e]+")
_REDISCOVER_AFTER_S = 60.0


class OAuthClient:
    """A public client of one provider: what it knows of the provider's endpoints, and how it asks them.

    Parameters
    ----------
    provider : Provider
        Whom to ask.
    connection : Connection
        CA bundle and connect time-out.
    clock : callable
        POSIX seconds.
    """

    def __init__(
        self, provider: Provider, connection: Connection | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.provider = provider
        self.clock = clock
        self.http = HttpClient(connection or Connection())
        self._lock = threading.Lock()
        self._endpoints: tuple[Endpoints, float] | None = None

    def endpoints(self) -> Endpoints:
        """Return the provider's endpoints, discovered once; known ones serve for a minute while discovery fails."""
        with self._lock:
            if self._endpoints is None or time.monotonic() > self._endpoints[1]:
                found, is_discovered = endpoints_of(self.provider, self.http)
                self._endpoints = found, math.inf if is_discovered else time.monotonic() + _REDISCOVER_AFTER_S
            return self._endpoints[0]

    def password(self, username: str, password: Secret, one_time_code: Secret | None = None) -> TokenSet:
        """Sign in by user name and password.

        Parameters
        ----------
        username : str
        password : Secret
        one_time_code : Secret, optional
            Sent as `totp`, the field that Keycloak reads.

        Raises
        ------
        LoginRefused
            The provider refused the credentials (`invalid_grant`).
        FlowUnavailable
            The provider or the client does not offer the password grant.
        ProviderUnreachable, ProviderAnswerInvalid
            There was no useful answer.
        """
        extra = {"totp": one_time_code.reveal()} if one_time_code else {}

        def form(scope: str) -> str:
            return LegacyApplicationClient(self.provider.client_id).prepare_request_body(
                username, password.reveal(), scope=scope or None, include_client_id=True, **extra
            )

        return self.grant(form, self.provider.scope, password_refused)

    def refresh(self, tokens: TokenSet) -> TokenSet:
        """Exchange the refresh token. The answer's refresh token, or else the old one, goes on.

        Raises
        ------
        LoginRefused
            The refresh token is dead (`invalid_grant`): never send it again.
        """
        refresh_token = tokens.refresh_token
        if refresh_token is None:
            raise LoginRefused("The session cannot be renewed.", "There is no refresh token.", "Sign in again.")

        def form(scope: str) -> str:
            return Client(self.provider.client_id).prepare_refresh_body(
                refresh_token=refresh_token.reveal(), scope=scope or None, client_id=self.provider.client_id
            )

        renewed = self.grant(form, "", refresh_refused)
        if renewed.refresh_token is not None:
            return renewed
        return TokenSet(
            access_token=renewed.access_token,
            refresh_token=refresh_token,
            issued_at=renewed.issued_at,
            expires_at=renewed.expires_at,
            refresh_expires_at=tokens.refresh_expires_at,
            scope=renewed.scope,
        )

    def grant(
        self, form: Callable[[str], str], scope: str, refused: Callable[[Provider, str, str], TerrascopeError]
    ) -> TokenSet:
        """POST `form(scope)` to the token endpoint; ask again without `offline_access` where that is not allowed."""
        issued_at = self.clock()
        answer = self.http.post(self.endpoints().token_endpoint, form(scope))
        error = error_of(answer)
        if error is not None and error[0] in ("not_allowed", "invalid_scope") and "offline_access" in scope.split():
            rest = " ".join(word for word in scope.split() if word != "offline_access")
            return self.grant(form, rest, refused)
        if error is not None:
            raise refused(self.provider, *error)
        return tokens_of(answer, self.provider.issuer_host, issued_at)

    def revoke(self, refresh_token: Secret) -> bool:
        """End the session at the provider by RFC 7009, or by Keycloak's logout where there is no revocation.

        Returns
        -------
        bool
            True when the provider confirmed it, False when it offers neither.
        """
        endpoints = self.endpoints()
        fields = [("client_id", self.provider.client_id)]
        # oauthlib's own form of this refuses http, also on loopback
        if endpoints.revocation_endpoint:
            form = urlencode([*fields, ("token", refresh_token.reveal()), ("token_type_hint", "refresh_token")])
            answer = self.http.post(endpoints.revocation_endpoint, form)
            if answer.status == 200:
                return True
            if answer.is_passing:
                raise not_as_expected(answer, self.provider.issuer_host, "confirmation")
        if endpoints.end_session_endpoint:
            form = urlencode([*fields, ("refresh_token", refresh_token.reveal())])
            answer = self.http.post(endpoints.end_session_endpoint, form)
            if answer.status in (200, 204):
                return True
            raise not_as_expected(answer, self.provider.issuer_host, "confirmation")
        return False


def error_of(answer: Answer) -> tuple[str, str] | None:
    """Return `error` and `error_description` of an OAuth error answer; None when the answer is not one."""
    if answer.body is None or answer.is_passing or "error" not in answer.body:
        return None
    code, description = answer.body.get("error"), answer.body.get("error_description")
    try:
        parse_token_response(json.dumps({"error": str(code), "error_description": str(description or "")}))
    except OAuth2Error as exc:
        return quoted(exc.error, 60), quoted(exc.description or "")
    return quoted(code, 60), quoted(description or "")


def tokens_of(answer: Answer, host: str, issued_at: float) -> TokenSet:
    """Narrow a token answer (RFC 6749 section 5.1).

    Parameters
    ----------
    answer : Answer
    host : str
        Named in errors.
    issued_at : float
        POSIX seconds when the request was sent: lifetimes count from there.

    Raises
    ------
    ProviderAnswerInvalid
        There is no usable bearer in it.
    """
    if answer.status != 200 or answer.body is None:
        raise not_as_expected(answer, host, "access_token")
    text = {name: _string(answer.body, name) for name in ("access_token", "refresh_token", "token_type", "scope")}
    if not _TOKEN.fullmatch(text["access_token"]):
        raise not_as_expected(answer, host, "access_token")
    if text["refresh_token"] and not _TOKEN.fullmatch(text["refresh_token"]):
        raise not_as_expected(answer, host, "refresh_token that can be used")
    if text["token_type"].lower() not in ("bearer", ""):
        raise ProviderAnswerInvalid(
            f"{host} gave a token of another type.", f"It is {quoted(text['token_type'], 40)}, not Bearer.", ""
        )
    parsed = parse_token_response(json.dumps({name: value for name, value in text.items() if value}))
    access_token = Secret(parsed["access_token"])
    lifetime = _seconds(answer.body, "expires_in")
    refresh_lifetime = _seconds(answer.body, "refresh_expires_in")
    return TokenSet(
        access_token=access_token,
        refresh_token=Secret(parsed["refresh_token"]) if parsed.get("refresh_token") else None,
        issued_at=issued_at,
        expires_at=issued_at + lifetime if lifetime is not None else instant_of(access_token, "exp"),
        # Keycloak says 0 for a refresh token that does not end
        refresh_expires_at=issued_at + refresh_lifetime if refresh_lifetime else None,
        scope=quoted(text["scope"], 500),
    )


def _string(body: JsonObject, name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) else ""


def _seconds(body: JsonObject, name: str) -> float | None:
    value = body.get(name)
    if isinstance(value, str) and value.strip().isdigit():
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and 0 <= value < 1e10 else None


def password_refused(provider: Provider, error: str, description: str) -> TerrascopeError:
    """Make the error for a refused password grant."""
    if error != "invalid_grant":
        return flow_refused(provider, error, description, "the password form")
    needs_person = any(word in description.lower() for word in ("disabled", "not fully set up", "locked", "verif"))
    if needs_person:
        where = f" at {provider.account_url}" if provider.account_url else ""
        return LoginRefused(
            f"{provider.label} did not let you in.",
            f'It said "{description}".',
            f"Open your account{where} in a browser and do what it asks there.",
            error=error,
        )
    return LoginRefused(
        f"{provider.label} did not accept the user name and password.",
        "One of them, or the one-time code, is wrong; accounts of EduGAIN or a social login have no password.",
        "Try again, or sign in with the device code." if "device" in provider.methods else "Try again.",
        error=error,
    )


def refresh_refused(provider: Provider, error: str, description: str) -> TerrascopeError:
    """Make the error for a refused refresh."""
    if error == "invalid_grant":
        why = f'It said "{description}".' if description else ""
        return LoginRefused(f"{provider.label} ended the session.", why, "Sign in again.", error=error)
    return flow_refused(provider, error, description, "renewing the session")


def flow_refused(provider: Provider, error: str, description: str, flow: str) -> TerrascopeError:
    """Make the error for a grant that this client may not use, or for a code that the RFC does not foresee."""
    said = f'It said {error}: "{description}".' if description else f"It said {error}."
    if error in ("unauthorized_client", "invalid_client", "unsupported_grant_type"):
        return FlowUnavailable(
            f"{provider.label} does not offer {flow} to client '{provider.client_id}'.",
            said,
            "Use another way to sign in, or check client_id.",
            error=error,
        )
    return ProviderError(f"{provider.label} refused {flow}.", said, "Check scope and client_id.", error=error)
