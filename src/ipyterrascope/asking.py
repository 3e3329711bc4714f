"""Who is asked to sign in, and how: what lies ready, the widget, the terminal, or nobody at all (below the API)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from . import frontend, terminal
from .auth.account import Account
from .auth.environment import prefix_of
from .auth.sources import is_meant_for
from .configuration import current
from .errors import LoginRequired, TerrascopeError, UsageError
from .values.providers import LoginMethod, ReadyName
from .values.secret import Secret
from .wording import SOURCES, welcome

# several threads that need a login at a terminal ask the one person there once
_at_terminal = threading.Lock()

_WRITTEN = (
    "The token is written in a cell: it stays in the notebook and in IPython's history, and whoever reads them has it. "
    "Take it out there; %terrascope login --method token asks for it and shows it nowhere."
)


def sign_in(
    account: Account,
    method: LoginMethod | None,
    *,
    wait: bool,
    username: str,
    source: ReadyName | None = None,
    remember: bool = False,
    choices: Sequence[Account] = (),
) -> None:
    """Sign in as `ipyterrascope.login` promises. An account that is signed in stays so unless a way is asked for.

    `source` is the only one to be used. With `remember` the login that a person makes is kept; who is signed in without
    that is asked again. `choices` are the accounts that the person may turn to in the widget instead.
    """
    account.look_again(is_anew=True)
    account.allow_sources()
    where, before = frontend.place(), account.state
    shows_failure = where == "notebook" and not wait and source is None
    is_asked = method is not None or source is not None
    is_to_be_kept = remember and not before.remember and can_be_kept(account, before.source)
    is_to_stay = account.is_signed_in and not is_asked and not is_to_be_kept
    if is_to_stay or (not is_to_be_kept and _is_silently_signed_in(account, method, source, shows_failure)):
        _show(account, where, choices)
        return
    if source is not None:
        raise _without(account, source)
    if where == "headless" and method == "device":
        raise LoginRequired(
            f"Nobody can approve a code for {account.provider.label} here.",
            "No notebook front-end and no terminal is attached.",
            "Leave the method out: what lies in the environment signs in.",
        )
    if where == "headless" or not account.methods:
        raise _nobody_to_ask(account)
    if method is None:
        _say_what_is_no_good(account)
    # the widget has no place for an address that is pasted
    if where == "terminal" or _chosen(account, method) == "code":
        terminal.login(account, method, username=username, remember=remember)
    elif wait:
        with frontend.passing_text() as show:
            terminal.login(account, method, may_type=False, remember=remember, show=show)
        _show(account, where, choices)
    else:
        # a login that failed earlier is tried again; one that failed just now is to be read first
        is_fresh = account.state.error is before.error or account.state.phase != "failed"
        name = username or frontend.hub_user()
        _ask_by_widget(account, method, name, choices, may_start=is_fresh, remember=remember)


def sign_in_by_token(account: Account, token: Secret) -> None:
    """Sign in by a token that somebody has, and return when that is done. An interrupt (Ctrl-C) cancels."""
    if frontend.is_in_a_cell(token):
        # no warning: that would show the line
        terminal.say(_WRITTEN, sys.stderr)
    account.start_token_login(token)
    try:
        state = account.wait()
    except KeyboardInterrupt:
        account.cancel()
        raise
    terminal.check_signed_in(state)


def can_be_kept(account: Account, source: str) -> bool:
    """Tell whether that is a way in which a person signs in, and which leaves something to keep."""
    return source in ("device", "password", "code", "oidc") or (source == "basic" and account.provider.is_basic)


def check_store(account: Account, otherwise: str, *, is_sure: bool = False) -> None:
    """Raise where no login can be kept: why, and how that is changed here, or else what to do instead.

    With `is_sure` it is tried: the folder is made where it is missing.

    Raises
    ------
    UsageError
        No login of this account can be kept here.
    """
    why_not = account.why_not_kept or (account.try_keeping() if is_sure else "")
    if why_not:
        # a file is what needs nothing: where it serves not either, nothing else would
        other = "" if current().store == "file" else f"{frontend.how_to_set('store', 'file')}, or "
        do = f"{other}{otherwise}."
        raise UsageError("A login cannot be kept here.", why_not, do[:1].upper() + do[1:])


def ready(account: Account) -> Account:
    """Return the account once it is signed in: silently, or by asking at the terminal.

    Raises
    ------
    LoginRequired
        Nobody is signed in, and this call is not the one to ask.
    """
    account.look_again()
    if account.is_signed_in or account.sign_in_silently():
        return account
    where, seen = frontend.place(), account.state
    if not account.methods:
        where = "headless"
    if where == "terminal":
        with _at_terminal:
            if account.state is seen:
                _say_what_is_no_good(account)
                terminal.login(account)
        if account.is_signed_in:
            return account
    # who signed out means to sign in by hand
    if where == "headless" and seen.phase == "signed_out" and not seen.notice:
        raise _nobody_to_ask(account)
    raise account.login_required()


def _is_silently_signed_in(
    account: Account, method: LoginMethod | None, source: ReadyName | None, shows_failure: bool
) -> bool:
    if method not in (None, "password", "basic") and source is None:
        return False  # what lies ready is no such thing
    try:
        return account.sign_in_silently(method, source)
    except TerrascopeError:
        if not shows_failure:
            raise
        return False  # the widget shows why, with a way on


def _show(account: Account, where: frontend.Place, choices: Sequence[Account]) -> None:
    if where == "notebook":
        from .notebook.show import show_login

        show_login(account, account.state.methods, frontend.hub_user(), choices, is_app=frontend.is_app())
    else:
        terminal.say(welcome(account))


def _chosen(account: Account, method: LoginMethod | None) -> LoginMethod:
    return method or account.state.methods[0]


def _say_what_is_no_good(account: Account) -> None:
    """Name what lies ready and cannot be used: whoever put it there counts on it."""
    if account.state.phase != "failed":
        for why_not in account.why_not.values():
            if why_not.is_fault:
                terminal.say(why_not.reason)


def _ask_by_widget(
    account: Account,
    method: LoginMethod | None,
    username: str,
    choices: Sequence[Account],
    *,
    may_start: bool,
    remember: bool,
) -> None:
    ways = account.state.methods
    offered: tuple[LoginMethod, ...] = (method, *(way for way in ways if way != method)) if method else ways
    if offered[0] != "device" and account.state.phase == "awaiting_user":
        account.cancel()  # they want the form, not the code that is waited for
    elif offered[0] == "device" and may_start and (not _is_under_way(account) or account.state.remember < remember):
        # who is asked only so that the login can be kept is the same person
        account.start_device_login(remember=remember, is_switch=account.is_signed_in and not remember)
    elif account.is_signed_in:
        # the form would replace the login that is shown; that is one click, and theirs
        terminal.say(f"{welcome(account)} To change that, use Switch account.")
    from .notebook.show import show_login

    show_login(account, offered, username, choices, is_app=frontend.is_app(), remember=remember)


def _is_under_way(account: Account) -> bool:
    return account.state.phase in ("signing_in", "awaiting_user")


def _nobody_to_ask(account: Account) -> LoginRequired:
    if account.sources == ("dask",) and (lender := account.why_not.get("dask")):
        return LoginRequired(f"This worker is not signed in to {account.provider.label}.", lender.reason)
    if account.provider.backend_url:
        do = "Sign in where somebody can be asked, or let a client sign in (OPENEO_AUTH_METHOD)."
    elif is_meant_for(account.provider, own := current().own(account.provider)):
        prefix = prefix_of(own)
        do = f"Set {prefix}_USERNAME and {prefix}_PASSWORD, or {prefix}_TOKEN, in the environment."
        if "netrc" in account.sources:
            do += f" Or put user name and password for {account.provider.issuer_host} in ~/.netrc."
        if "stored" in account.sources and current().store == "file":
            do += " Or sign in once at a terminal: jupyter terrascope login."
    else:
        do = "Sign in where somebody can be asked, or set TERRASCOPE_ISSUER and TERRASCOPE_HOSTS to this provider's."
    is_asked = bool(account.methods)
    # what somebody set up is to be mended first
    do = next((why.do for why in account.why_not.values() if why.is_fault and why.do), do)
    reasons = [
        "No notebook front-end and no terminal is attached."
        if is_asked
        else "c.Terrascope.sources names no way to ask.",
        # what nobody set up is no reason, but the environment is what the advice is about
        *(why.reason for name, why in account.why_not.items() if why.is_fault or name == "environment"),
    ]
    return LoginRequired(
        f"Nobody can be asked to sign in to {account.provider.label} here.", " ".join(dict.fromkeys(reasons)), do
    )


def _without(account: Account, source: ReadyName) -> LoginRequired:
    why_not = account.why_not.get(source)
    return LoginRequired(
        f"The {SOURCES[source]} cannot sign you in to {account.provider.label}.",
        why_not.reason if why_not else "",
        (why_not.do if why_not else "") or "Supply what it lacks, or sign in another way.",
    )
