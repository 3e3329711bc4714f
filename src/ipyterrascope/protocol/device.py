"""The device authorization grant, RFC 8628, with PKCE S256, RFC 7636 (floor 2).

`authorize` asks for a code, `poll` asks once whether it was approved, and `until_approved` says when to ask: it is
handed its clock and its wait, so a login of 45 seconds can be played in a millisecond.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from oauthlib.common import urlencode
from oauthlib.oauth2 import DeviceClient

from ..errors import (
    FlowUnavailable,
    LoginDenied,
    LoginExpired,
    LoginRefused,
    ProviderUnreachable,
    TerrascopeError,
)
from ..threads.abort import AbortSignal
from ..values.hosts import is_address, origin_of
from ..values.providers import Provider
from ..values.secret import Secret, sealed
from ..values.states import DeviceAuthorization
from ..values.tokens import TokenSet
from .http import Answer, JsonObject, cancelled, not_as_expected
from .oauth import OAuthClient
from .refusals import flow_refused, stay_refused
from .scopes import allowed_scope, with_allowed_scope
from .token_answers import error_of, number_of

Wake = Literal["elapsed", "poll", "cancel"]

_USER_CODE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?")
_DEVICE_CODE = re.compile(r"[\x20-\x7e]+")
_DEFAULT_INTERVAL_S = 5.0
_LONGEST_LIFE_S = 3600.0
_SLOW_DOWN_S = 5.0
_MARGIN = 1.2
_LONGEST_PAUSE_S = 60.0
# beside a form that may ask for a one-time code, too
_NEW_CODE = "Get a new sign-in code."


class AuthorizationPending(TerrascopeError):
    """Nobody approved yet (`authorization_pending`, RFC 8628 section 3.5)."""


class SlowDown(AuthorizationPending):
    """Nobody approved yet, and we asked too often (`slow_down`)."""


def authorize(client: OAuthClient, *, remember: bool = False, signal: AbortSignal | None = None) -> DeviceAuthorization:
    """Ask for a device code (RFC 8628 section 3.1).

    Parameters
    ----------
    client : OAuthClient
    remember : bool
        Ask for a session that outlives an idle hour, and live without where it is not allowed.

    Raises
    ------
    FlowUnavailable
        The provider has no device endpoint, or this client may not use it.
    ProviderUnreachable, ProviderAnswerInvalid
        There was no useful answer.
    LoginCancelled
        `signal` was aborted.
    """
    return sealed(lambda: _authorize(client, client.provider, client.scope(remember), signal))


def _authorize(client: OAuthClient, provider: Provider, wished: str, signal: AbortSignal | None) -> DeviceAuthorization:
    endpoint = client.endpoints(signal).device_authorization_endpoint
    if endpoint is None:
        raise _no_device_code(provider, "It names no device_authorization_endpoint.")
    oauth = DeviceClient(provider.client_id)
    code_verifier = Secret(oauth.create_code_verifier(64))
    code_challenge = oauth.create_code_challenge(code_verifier.reveal(), "S256")

    def ask(scope: str) -> Answer:
        # oauthlib's own form of this is a GET address (and refuses http, also on loopback); RFC 8628 wants a POST
        fields = [
            ("client_id", provider.client_id),
            *client.secret_fields().items(),
            ("code_challenge", code_challenge),
            ("code_challenge_method", "S256"),
            *provider.authorization_parameters,
        ]
        form = urlencode([*fields, ("scope", scope)] if scope else fields)
        return client.http.post(endpoint, Secret(form), signal=signal)

    answer = with_allowed_scope(ask, wished)
    if answer.status == 404:
        raise _no_device_code(provider, "It answered 404.", 404)
    error = error_of(answer)
    if error:
        refusal = flow_refused(provider, *error, "the device code")
        refusal.status = answer.status
        raise refusal
    return replace(_authorization(answer, provider, code_verifier, client.clock()), scope=wished)


def _no_device_code(provider: Provider, why: str, status: int | None = None) -> FlowUnavailable:
    do = "Use the password." if "password" in provider.methods else "Use another way to sign in."
    return FlowUnavailable(f"{provider.label} offers no device code.", why, do, status=status)


def _authorization(answer: Answer, provider: Provider, code_verifier: Secret, now: float) -> DeviceAuthorization:
    body = answer.body
    if answer.status != 200 or body is None:
        raise not_as_expected(answer, provider.issuer_host, "device code")
    device_code, user_code, uri = (body.get(name) for name in ("device_code", "user_code", "verification_uri"))
    uri = uri or body.get("verification_url")  # a spelling that some servers kept from the draft
    if not (isinstance(device_code, str) and _DEVICE_CODE.fullmatch(device_code)):
        raise not_as_expected(answer, provider.issuer_host, "device code")
    if not (isinstance(user_code, str) and _USER_CODE.fullmatch(user_code) and is_address(uri)):
        raise not_as_expected(answer, provider.issuer_host, "code and address that can be shown")
    complete = body.get("verification_uri_complete")
    return DeviceAuthorization(
        device_code=Secret(device_code),
        code_verifier=code_verifier,
        user_code=user_code,
        verification_uri=uri,
        # people are shown the host of the first: the link must not lead to another
        verification_uri_complete=complete if is_address(complete) and origin_of(complete) == origin_of(uri) else None,
        expires_at=now + _bounded(body, "expires_in", 600.0),
        interval=_bounded(body, "interval", _DEFAULT_INTERVAL_S),
    )


def _bounded(body: JsonObject, name: str, default: float) -> float:
    value = number_of(body, name)
    return default if value is None else float(min(max(value, 1), _LONGEST_LIFE_S))


def poll(client: OAuthClient, authorization: DeviceAuthorization, *, signal: AbortSignal | None = None) -> TokenSet:
    """Ask once for the tokens (RFC 8628 section 3.4).

    Raises
    ------
    AuthorizationPending, SlowDown
        Ask again later.
    LoginDenied, LoginExpired, LoginRefused, FlowUnavailable
        It is over.
    ProviderUnreachable
        Inconclusive: ask again later.
    LoginCancelled
        `signal` was aborted.
    """

    def form(_scope: str) -> str:
        return DeviceClient(client.provider.client_id).prepare_request_body(
            authorization.device_code.reveal(),
            include_client_id=True,
            code_verifier=authorization.code_verifier.reveal(),
            **client.secret_fields(),
        )

    def refused(provider: Provider, error: str, description: str) -> TerrascopeError:
        if allowed_scope(authorization.scope, error) == authorization.scope:
            return _poll_refused(provider, error, description)
        client.may_stay = False
        return stay_refused(provider, error, _NEW_CODE)

    tokens = client.grant(form, "", refused, signal=signal)
    client.may_stay = True  # the next one may be somebody else
    return tokens


def _poll_refused(provider: Provider, error: str, description: str) -> TerrascopeError:
    if error == "authorization_pending":
        return AuthorizationPending("Nobody approved yet.", error=error)
    if error == "slow_down":
        return SlowDown("Nobody approved yet.", error=error)
    if error == "access_denied":
        return LoginDenied(
            "The sign-in was denied.",
            f"Somebody said no on {provider.label}'s page.",
            _NEW_CODE,
            error=error,
        )
    if error == "expired_token":
        return _expired()
    if error == "invalid_grant":
        return LoginRefused(
            "The code is not good any more.",
            "It was used elsewhere, or it ran out.",
            _NEW_CODE,
            error=error,
        )
    return flow_refused(provider, error, description, "the device code")


def _expired() -> LoginExpired:
    return LoginExpired("The code ran out.", "It was not approved in time.", _NEW_CODE, error="expired_token")


def until_approved(
    poll_once: Callable[[], TokenSet],
    *,
    interval_s: float,
    lifetime_s: float,
    wait: Callable[[float], Wake],
    on_trouble: Callable[[TerrascopeError | None], None] = lambda _: None,
    monotonic: Callable[[], float] = time.monotonic,
) -> TokenSet:
    """Poll until the login is approved, refused, cancelled or out of time.

    Parameters
    ----------
    poll_once : callable
        One poll; see `poll`.
    interval_s, lifetime_s : float
        What the server said. Between an answer and the next poll we keep 20 % more than the interval, which grows by
        5 s with each `slow_down`, for good (RFC 8628 section 3.5). While no answer comes, each pause is twice the last,
        up to a minute. No pause is shorter than the answer's `Retry-After`.
    wait : callable
        Waits for at most that many seconds and says what ended it: "elapsed", "poll" (somebody looks again: poll now if
        the plain interval has passed) or "cancel".
    on_trouble : callable
        Told of each passing trouble, and None when it is over.
    monotonic : callable
        The clock, in seconds.

    Raises
    ------
    LoginExpired, LoginDenied, LoginRefused, LoginCancelled, FlowUnavailable, ProviderAnswerInvalid
    """
    last = monotonic()
    deadline, failures, asked_s = last + lifetime_s, 0, 0.0
    while True:
        pause, least = interval_s * _MARGIN, interval_s
        if failures:
            pause = least = max(pause, min(pause * 2**failures, _LONGEST_PAUSE_S))
        pause, least = max(pause, asked_s), max(least, asked_s)
        _wait_until(last + pause, last + least, deadline, wait, monotonic)
        if monotonic() >= deadline:
            raise _expired()
        trouble: ProviderUnreachable | None = None
        try:
            return poll_once()
        except AuthorizationPending as exc:
            interval_s += _SLOW_DOWN_S if isinstance(exc, SlowDown) else 0.0
            asked_s = exc.retry_after_s or 0.0
        except ProviderUnreachable as exc:
            trouble = exc
            asked_s = exc.retry_after_s or 0.0
        # from when the answer came: the question may have been long on its way
        last = monotonic()
        if trouble or failures:
            on_trouble(trouble)
        failures = min(failures + 1, 6) if trouble else 0


def _wait_until(
    due: float, at_least: float, deadline: float, wait: Callable[[float], Wake], monotonic: Callable[[], float]
) -> None:
    while (now := monotonic()) < min(due, deadline):
        wake = wait(min(due, deadline) - now)
        if wake == "cancel":
            raise cancelled()
        if wake == "poll":
            due = min(due, at_least)
