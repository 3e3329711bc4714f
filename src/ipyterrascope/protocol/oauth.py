"""Token requests (floor 2).

Password, client credentials and refresh (RFC 6749 sections 4.3, 4.4 and 6).
"""

from __future__ import annotations

import math
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace

from oauthlib.oauth2 import BackendApplicationClient, Client, LegacyApplicationClient

from ..errors import SIGN_IN_AGAIN, LoginRefused, TerrascopeError, UsageError
from ..threads.abort import AbortSignal
from ..threads.flight import SingleFlight
from ..values.connection import Connection
from ..values.providers import Endpoints, Provider
from ..values.secret import Secret, sealed
from ..values.tokens import TokenSet
from .discovery import endpoints_of
from .http import Answer, HttpClient, cancelled
from .refusals import client_refused, password_refused, refresh_refused, stay_refused
from .scopes import allowed_scope, with_allowed_scope, without_offline_access
from .token_answers import error_of, tokens_of

Refused = Callable[[Provider, str, str], TerrascopeError]

_REDISCOVER_AFTER_S = 60.0
_GRACE_S = 5.0


class OAuthClient:
    """A client of one provider, mostly a public one: what it knows of the provider's endpoints, and how it asks them.

    Parameters
    ----------
    provider : Provider
        Whom to ask.
    connection : Connection
        CA bundle and connect time-out.
    clock, monotonic : callable
        POSIX seconds, and seconds that never go back.
    """

    def __init__(
        self,
        provider: Provider,
        connection: Connection | None = None,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.provider = provider
        self.clock, self._monotonic = clock, monotonic
        self.http = HttpClient(connection or Connection())
        # False once `offline_access` was refused so late that the code was used up: the next one does without
        self.may_stay = True
        # of a client of one's own; it goes along wherever the client is named (RFC 6749 section 2.3.1)
        self.client_secret: Secret | None = None
        self._endpoints: tuple[Endpoints, float] | None = None
        self._discovery = SingleFlight(self._discover)

    def scope(self, remember: bool = False) -> str:
        """Return the scope to ask for: to stay signed in (`remember`) that is `offline_access` too (OpenID Connect)."""
        scope = self.provider.scope
        if remember and "offline_access" not in scope.split():
            scope = f"{scope} offline_access".strip()
        return scope if self.may_stay else without_offline_access(scope)

    def secret_fields(self, tokens: TokenSet | None = None) -> dict[str, str]:
        """Return what a form needs beside `client_id`; nothing for a public client. Call it where no frame keeps it.

        About `tokens` it is what they were got with.
        """
        secret = (tokens.client_secret if tokens else None) or self.client_secret
        return {"client_secret": secret.reveal()} if secret and not self.provider.is_earthdata else {}

    def _client_header(self, client_id: str, secret: Secret | None) -> Secret | None:
        """Return how a client authenticates where that is not by the form (RFC 6749 section 2.3.1)."""
        if not self.provider.is_earthdata or secret is None:
            return None
        # as they are: nobody there takes an encoding off again
        return sealed(lambda: Secret(f"Basic {b64encode(f'{client_id}:{secret.reveal()}'.encode()).decode()}"))

    def connect_by(self, connection: Connection) -> None:
        """Ask with another CA bundle and other time-outs from now on."""
        self.http = HttpClient(connection)

    def endpoints(self, signal: AbortSignal | None = None) -> Endpoints:
        """Return the provider's endpoints, discovered once; known ones serve for a minute while discovery fails.

        Raises
        ------
        LoginCancelled
            `signal` was aborted. The discovery goes on, for others may wait for it.
        """
        found = self._known_endpoints() or self._discovery.join(signal)
        if found is None:
            raise cancelled()
        return found

    def _known_endpoints(self) -> Endpoints | None:
        known = self._endpoints
        return known[0] if known is not None and self._monotonic() <= known[1] else None

    def _discover(self) -> Endpoints:
        known = self._known_endpoints()  # of a flight that landed while we came
        if known is None and self.provider.is_earthdata and self.provider.endpoints:
            return self.provider.endpoints  # it has no discovery
        if known is None:
            known, is_discovered = endpoints_of(self.provider, self.http)
            self._endpoints = known, math.inf if is_discovered else self._monotonic() + _REDISCOVER_AFTER_S
        return known

    def password(
        self,
        username: str,
        password: Secret,
        one_time_code: Secret | None = None,
        *,
        remember: bool = False,
        signal: AbortSignal | None = None,
    ) -> TokenSet:
        """Sign in by user name and password.

        Parameters
        ----------
        username : str
        password : Secret
        one_time_code : Secret, optional
            Sent as `totp`, the field that Keycloak reads.
        remember : bool
            Ask for a session that outlives an idle hour, and live without where it is not allowed.
        signal : AbortSignal, optional
            See `grant`.

        Raises
        ------
        LoginRefused
            The provider refused the credentials (`invalid_grant`).
        FlowUnavailable
            The provider or the client does not offer the password grant.
        ProviderUnreachable, ProviderAnswerInvalid
            There was no useful answer.
        """

        def form(scope: str) -> str:
            extra = {"totp": one_time_code.reveal()} if one_time_code else {}
            return LegacyApplicationClient(self.provider.client_id).prepare_request_body(
                username,
                password.reveal(),
                scope=scope or None,
                include_client_id=True,
                **extra,
                **self.secret_fields(),
            )

        scope = self.scope(remember)

        def refused(provider: Provider, error: str, description: str) -> TerrascopeError:
            if not one_time_code or allowed_scope(scope, error) == scope:
                return password_refused(provider, error, description)
            self.may_stay = False
            return stay_refused(provider, error, "Sign in with a new one-time code.")

        # a one-time code is good once: the same question again would be refused for it
        tokens = self.grant(form, scope, refused, bare_is_refusal=True, asks_again=not one_time_code, signal=signal)
        self.may_stay = True  # the next one may be somebody else
        return tokens

    def client_credentials(self, client_id: str, secret: Secret, *, signal: AbortSignal | None = None) -> TokenSet:
        """Sign in as a confidential client of its own, which stands for no person; `signal` as for `grant`.

        Raises
        ------
        LoginRefused
            The provider refused the client, or its secret.
        """

        def form(scope: str) -> str:
            # in the body (section 2.3.1), which Keycloak reads as well as a header
            fields = {} if self.provider.is_earthdata else {"client_secret": secret.reveal()}
            return BackendApplicationClient(client_id).prepare_request_body(
                scope=scope or None, include_client_id=True, **fields
            )

        header = self._client_header(client_id, secret)
        return self.grant(form, self.provider.scope, client_refused, header=header, bare_is_refusal=True, signal=signal)

    def refresh(self, tokens: TokenSet) -> TokenSet:
        """Exchange the refresh token. The answer's refresh token, or else the old one, goes on.

        Raises
        ------
        LoginRefused
            The refresh token is dead (`invalid_grant`): never send it again.
        """
        refresh_token = tokens.refresh_token
        if refresh_token is None:
            raise LoginRefused("The session cannot be renewed.", "There is no refresh token.", SIGN_IN_AGAIN)

        def form(scope: str) -> str:
            return Client(self.provider.client_id).prepare_refresh_body(
                refresh_token=refresh_token.reveal(),
                scope=scope or None,
                client_id=self.provider.client_id,
                **self.secret_fields(tokens),
            )

        renewed = self.grant(form, "", refresh_refused)
        if tokens.client_secret is not None:
            renewed = replace(renewed, client_secret=tokens.client_secret)
        if not renewed.scope:
            renewed = replace(renewed, scope=tokens.scope)  # RFC 6749 section 5.1: missing when it did not change
        if renewed.refresh_token is None:
            return replace(renewed, refresh_token=refresh_token, refresh_expires_at=tokens.refresh_expires_at)
        return renewed

    def grant(
        self,
        form: Callable[[str], str],
        scope: str,
        refused: Refused,
        *,
        header: Secret | None = None,
        bare_is_refusal: bool = False,
        asks_again: bool = True,
        signal: AbortSignal | None = None,
    ) -> TokenSet:
        """POST `form(scope)` to the token endpoint; ask again without `offline_access` where that is not allowed.

        Parameters
        ----------
        form : callable
            Makes the form for a scope.
        scope : str
        refused : callable
            Makes the error for a refusal, from the provider, `error` and `error_description`.
        header : Secret, optional
            By which the client authenticates; that of its own secret unless given.
        bare_is_refusal : bool
            Whether 401 or 403 without an OAuth error is the provider's "no" too; it has an empty `error` then.
        asks_again : bool
            False where the form can be sent once only.
        signal : AbortSignal, optional
            Ends the call when it is aborted: at once before the form is sent, else after a few seconds, for a session
            that begins just then can be ended only by who hears of it.
        """

        def answered() -> TokenSet:
            endpoint, issued_at = self.endpoints(signal).token_endpoint, self.clock()
            secret = self.client_secret
            by = header or self._client_header(self.provider.client_id, secret)

            def ask(scope: str) -> Answer:
                encoded = _encoded(form, scope)
                return self.http.post(endpoint, encoded, authorization=by, signal=signal, grace_s=_GRACE_S)

            answer = with_allowed_scope(ask, scope) if asks_again else ask(scope)
            return replace(self._tokens_of(answer, issued_at, refused, bare_is_refusal), client_secret=secret)

        return sealed(answered)

    def _tokens_of(self, answer: Answer, issued_at: float, refused: Refused, bare_is_refusal: bool) -> TokenSet:
        error = error_of(answer)
        if error is None and bare_is_refusal and answer.status in (401, 403):
            error = "", ""
        if error is not None:
            refusal = refused(self.provider, *error)
            refusal.status, refusal.retry_after_s = answer.status, answer.retry_after_s
            raise refusal
        return tokens_of(answer, self.provider.issuer_host, issued_at)


def _encoded(form: Callable[[str], str], scope: str) -> Secret:
    try:
        return Secret(form(scope))
    except UnicodeEncodeError:
        pass
    raise UsageError("That cannot be sent.", "It holds half a character, which no encoding knows.", "Type it again.")
