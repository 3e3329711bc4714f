"""What a person's click does to an account, and when it comes too late (floor 6)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping

from ..auth.account import Account
from ..errors import FlowUnavailable, UsageError
from ..values.providers import LoginMethod
from ..values.secret import Secret
from ..values.states import Phase
from .protocol import Request, RequestKind

_ALLOWED_IN: Mapping[RequestKind, tuple[Phase, ...]] = {
    "start_device": ("signed_out", "failed", "awaiting_user"),
    "remember": ("awaiting_user",),
    "submit_password": ("signed_out", "failed", "awaiting_user"),
    "cancel": ("signing_in", "awaiting_user"),
    "logout": ("signed_in",),
}


_MOST_CODES, _WITHIN_S = 6, 30.0


class Pace:
    """Lets codes be asked for now and then: a script in a page that asks for more would bother the provider.

    Parameters
    ----------
    monotonic : callable
        The clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._asked_at = deque[float](maxlen=_MOST_CODES)

    def take(self) -> None:
        """Note that a code is asked for. Raises `UsageError` where that were too many in a short time."""
        now = self._monotonic()
        if len(self._asked_at) == _MOST_CODES and now - self._asked_at[0] < _WITHIN_S:
            raise UsageError("Nothing was done.", "Many codes were asked for just now.", "Wait half a minute.")
        self._asked_at.append(now)


def obey(
    account: Account,
    request: Request,
    *,
    offered: Collection[LoginMethod],
    beside: Callable[[Callable[[], object]], None],
    pace: Pace,
) -> None:
    """Do what a request asks for, and return at once.

    Parameters
    ----------
    account : Account
    request : Request
        One of the kinds that change something.
    offered : collection of {"device", "password", "basic", "token", "oidc"}
        Ways to sign in that the widget offers.
    beside : callable
        Runs what may take its time beside the caller.
    pace : Pace
        Of the widget.

    Raises
    ------
    UsageError
        The account has moved on, so that a click on an old picture would undo what another tab did; or codes are asked
        for all the time.
    FlowUnavailable
        That way to sign in is not offered.
    """
    kind, allowed = request.kind, _ALLOWED_IN[request.kind]
    # a login that was not seen is not replaced; one beside which another failed is left as it was
    is_left = kind == "cancel" and account.state.error is not None
    if account.state.phase not in ((*allowed, "signed_in") if request.switch or is_left else allowed):
        raise UsageError(
            "Nothing was done.", "The login had moved on already, perhaps in another tab.", "See how it stands now."
        )
    if kind == "cancel":
        account.cancel()
    elif kind == "logout":
        beside(account.logout)  # asks the provider
    elif kind == "remember":
        account.change_wish(request.remember, on_asking=pace.take)
    elif kind == "start_device":
        _check_offered(account, "device", offered)
        pace.take()
        account.start_device_login(remember=request.remember, is_switch=request.switch)
    elif request.password is not None:
        _check_offered(account, request.method, offered)
        if request.method == "oidc":
            pace.take()  # a client that may not sign in for itself has a person approve a code
        _submit(account, request, request.password)


def _submit(account: Account, request: Request, secret: Secret) -> None:
    if request.method == "token":
        account.start_token_login(secret, is_switch=request.switch)
    elif request.method == "oidc":
        account.start_client_login(secret, remember=request.remember, is_switch=request.switch)
    else:
        account.start_password_login(
            request.username,
            secret,
            one_time_code=request.one_time_code,
            method=request.method,
            remember=request.remember,
            is_switch=request.switch,
        )


def _check_offered(account: Account, method: LoginMethod, offered: Collection[LoginMethod]) -> None:
    if method not in offered:
        raise FlowUnavailable(
            "That way to sign in is not offered here.", f"It is not among those of {account.provider.label}."
        )
