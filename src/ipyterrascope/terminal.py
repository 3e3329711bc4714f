"""Signing in at a terminal: the link and code are printed, or user name and password are asked for (below the API)."""

from __future__ import annotations

import getpass
import sys
import time
import warnings
from collections.abc import Callable
from copy import copy
from typing import TextIO, TypeVar

from .auth.account import Account
from .errors import AccountRefused, FlowUnavailable, LoginRefused, LoginRequired, UsageError, printable
from .protocol.http import cancelled
from .values.providers import LoginMethod
from .values.secret import Secret
from .values.states import DeviceAuthorization, LoginState
from .wording import named, welcome

_Typed = TypeVar("_Typed", str, Secret)

_UNDER_WAY = ("signing_in", "awaiting_user")
# more could lock the person out
_TRIES = 3


def login(
    account: Account,
    method: LoginMethod | None = None,
    *,
    username: str = "",
    may_type: bool = True,
    remember: bool = False,
    out: TextIO | None = None,
    show: Callable[[str], None] | None = None,
) -> None:
    """Sign in by text, and return when it is done. Ctrl-C and the end of the input (Ctrl-D) cancel.

    Where nothing is typed, or a password is refused, it is asked for again, up to three times in all; after a refusal
    together with a one-time code, for a provider that misses one says no more than that.

    Parameters
    ----------
    account : Account
    method : {"device", "password", "basic", "code", "token", "oidc"}, optional
        The provider's first one unless given; a device code that is not to be had leads to the password.
    username : str
        Not asked for when given.
    may_type : bool
        False where a password must not be typed, as under the cell of a notebook: a code is the only way then.
    remember : bool
        Keep the login for other kernels and later days.
    out : text stream, optional
        Where the words go; `sys.stdout` unless given.
    show : callable, optional
        Given link and code, and how it ended, each to stand in the place of the one before; else they are printed.

    Raises
    ------
    LoginError, ProviderError
        Signing in did not succeed.
    UsageError
        Nothing was typed, or nothing may be.
    """
    words = sys.stdout if out is None else out
    show = show or (lambda text: say(text, words))
    chosen = method or account.state.methods[0]
    if chosen != "device" and not may_type:
        raise UsageError(
            "A cell cannot wait for the form.",
            "While a cell runs, the kernel does not hear what is typed there.",
            "Leave --wait (wait=True) out.",
        )
    try:
        if chosen == "device":
            state = _by_device(account, show, words, remember, "Ctrl-C" if may_type else "The stop button")
            has_no_code = isinstance(state.error, FlowUnavailable) and method is None and may_type
            if not (state.error and has_no_code and "password" in account.provider.methods):
                return _conclude(state, account, show)
            say(f"{state.error.what} User name and password instead:", words)
            chosen = "password"
        if chosen == "code":
            return _conclude(_by_code(account, words, remember), account, show)
        if chosen == "token":
            return _conclude(_by_token(account, words, remember), account, show)
        if chosen == "oidc":
            return _conclude(_by_client(account, show, words, remember), account, show)
        return _conclude(_by_password(account, chosen, username, words, remember), account, show)
    except (KeyboardInterrupt, EOFError):
        account.cancel()
        if may_type:
            say("", words)
    raise cancelled()


def say(text: str, out: TextIO | None = None) -> None:
    """Print a line, also where the terminal lacks one of its characters: a login must not fail at the last word."""
    words = sys.stdout if out is None else out
    encoding = words.encoding or "utf-8"
    print(printable(text).encode(encoding, "replace").decode(encoding), file=words, flush=True)


def _by_device(account: Account, show: Callable[[str], None], out: TextIO, remember: bool, stop: str) -> LoginState:
    if account.state.phase not in _UNDER_WAY or account.state.remember < remember:
        account.start_device_login(remember=remember)
    return _followed(account, show, out, stop)


def _followed(account: Account, show: Callable[[str], None], out: TextIO, stop: str = "Ctrl-C") -> LoginState:
    """Show the code that somebody has to approve, where there is one, until the sign-in has ended."""
    shown = trouble = None
    while (state := account.state).phase in _UNDER_WAY:
        if state.device is not None and state.device is not shown:
            shown = state.device
            show(invitation(named(account.provider), state.device, by=stop))
        if state.error is not None and state.error.what != trouble:
            trouble = state.error.what
            say(f"{trouble} Still waiting …", out)
        account.wait(0.2)
    return state


def invitation(label: str, device: DeviceAuthorization, *, by: str = "Ctrl-C") -> str:
    """Return what asks a person to approve a code at the provider of that label; `by` is what cancels it."""
    minutes = max(1, round((device.expires_at - time.time()) / 60))
    lines = [
        f"To sign in to {label}, open this page in any browser, on any machine:",
        "",
        f"    {device.verification_uri_complete or device.verification_uri}",
        "",
        f"and check that it shows the code  {device.user_code}",
        f"Waiting for up to {minutes} min. {by} cancels …",
    ]
    return "\n".join(lines)


def _by_code(account: Account, out: TextIO, remember: bool) -> LoginState:
    # all applications of Earthdata Login have one
    client_secret = _client_secret(account, out) if account.provider.is_earthdata else None
    request = account.request_code(remember=remember)
    say(f"To sign in to {account.provider.label}, open this page in a browser:\n\n    {request.url}\n", out)
    say(f"It leads you to {request.redirect_uri} in the end, which may show nothing or an error.", out)
    redirected = _typed("address", lambda: _hidden("Paste the whole address from there (not shown): "), out)
    account.start_code_login(request, redirected, client_secret=client_secret, remember=remember)
    return account.wait()


def _by_token(account: Account, out: TextIO, remember: bool) -> LoginState:
    label = account.provider.label
    if account.provider.is_earthdata:
        say(f"A user token is made at\n\n    {account.provider.account_url}\n", out)
    for tries_left in reversed(range(_TRIES)):
        token = _typed("token", lambda: _hidden(f"Access token for {label} (not shown): "), out)
        account.start_token_login(token, remember=remember)
        state = account.wait()
        if tries_left == 0 or not isinstance(state.error, (LoginRefused, UsageError)):
            return state
        say(str(state.error), out)
    raise cancelled()


def _by_client(account: Account, show: Callable[[str], None], out: TextIO, remember: bool) -> LoginState:
    account.start_client_login(_client_secret(account, out), remember=remember)
    return _followed(account, show, out)


def _client_secret(account: Account, out: TextIO) -> Secret:
    question = f"Secret of client {account.provider.client_id} (not shown): "
    return _typed("secret", lambda: _hidden(question), out)


def _by_password(account: Account, method: LoginMethod, username: str, out: TextIO, remember: bool) -> LoginState:
    label = account.provider.label
    name = username or _typed("user name", lambda: input(f"{label} user name: ").strip(), out)
    state = _tried(account, method, name, _password(f"{label} password", out), remember=remember)
    for _ in range(_TRIES - 1):
        if isinstance(state.error, LoginRefused) and not isinstance(state.error, AccountRefused):
            say(f"{state.error} Once more, with a one-time code if your account has one.", out)
            # not the name again: fingers that expect the password would type it where it is shown
            password = _password(f"{label} password of {name}", out)
            code = _hidden("One-time code (Enter if you have none): ")
            state = _tried(account, method, name, password, code, remember=remember)
    return state


def _tried(
    account: Account,
    method: LoginMethod,
    name: str,
    password: Secret,
    one_time_code: Secret | None = None,
    *,
    remember: bool,
) -> LoginState:
    account.start_password_login(
        name,
        password,
        one_time_code=one_time_code or None,
        method="basic" if method == "basic" else "password",
        remember=remember,
    )
    return account.wait()


def _password(what: str, out: TextIO) -> Secret:
    return _typed("password", lambda: _hidden(f"{what} (not shown): "), out)


def _typed(what: str, ask: Callable[[], _Typed], out: TextIO) -> _Typed:
    """Ask until something is typed, three times at most."""
    for _ in range(_TRIES):
        if answer := ask():
            return answer
        say("Nothing was typed. Ctrl-C cancels.", out)
    raise UsageError(f"There is no {what}.", "Nothing was typed.", "Sign in again.")


def _hidden(question: str) -> Secret:
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return Secret(getpass.getpass(question))
        except getpass.GetPassWarning:
            pass
    raise LoginRequired(
        "A password cannot be typed here.", "This terminal would show it.", "Use another terminal, or the environment."
    )


def check_signed_in(state: LoginState) -> None:
    """Raise what a sign-in ended with, where that is no login."""
    if state.error is not None:
        raise copy(state.error)  # each caller its own, for a traceback is kept in the exception
    # also of one that was to take the place of a login which goes on
    if state.phase != "signed_in" or state.was_cancelled:
        raise cancelled()


def _conclude(state: LoginState, account: Account, show: Callable[[str], None]) -> None:
    check_signed_in(state)
    show(" ".join(filter(None, (welcome(account), state.notice))))
