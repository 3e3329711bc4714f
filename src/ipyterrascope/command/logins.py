"""`login`, `logout`, `status` and `token`: who is signed in on this machine (floor 6)."""

from __future__ import annotations

import contextlib
import dataclasses
from argparse import Namespace
from typing import TYPE_CHECKING, get_args

from ..errors import LoginRequired, TerrascopeError, UsageError
from ..values.providers import LoginMethod
from ..wording import line_for
from .answers import DONE, FAILED, NOBODY, Answer, status_of
from .parsers import PROG

if TYPE_CHECKING:
    from ..auth.account import Account
    from .application import TerrascopeApp

# whoever is handed a token starts something with it
_TO_USE_S = 60.0


def login(app: TerrascopeApp, options: Namespace) -> Answer:
    """Sign in, and keep it: this process ends."""
    from .. import api, asking
    from ..auth.openeo_choice import Wish

    wish = {"method": options.method, "provider_id": options.provider_id, "client_id": options.client_id}
    chosen, _ = api.accounts_for(options.provider, Wish(**wish))
    asking.check_store(chosen, _where_else(chosen))
    way = options.method or options.source
    if way in get_args(LoginMethod) and not asking.can_be_kept(chosen, way):
        why = "There is nothing to renew it by, and it would end with this command."
        raise UsageError("A login of that kind cannot be kept.", why, f"Use another one, or {_where_else(chosen)}.")
    account = api.login(options.provider, source=options.source, remember=True, username=options.user, **wish)
    state = account.state
    fields = {
        "provider": account.provider.name,
        "user": state.user,
        "source": state.source,
        "is_kept": state.remember,
        "kept_in": account.kept_in if state.remember else "",
    }
    if state.remember:
        text = f"Kept in {account.kept_in} until {_line('logout', account)}: Python and notebooks use it too."
        return Answer(text=text, fields=fields)
    if account.came_from:
        return Answer(text="Not kept: it is found there each time.", fields=fields)
    # what was asked for to last, and is not here, would go on at the provider
    return Answer(text=f"Nothing was kept. {account.logout()}", fields=fields, status=FAILED)


def logout(app: TerrascopeApp, options: Namespace) -> Answer:
    """Sign out at the provider, and remove what is kept."""
    from .. import api

    ended = api.sign_out(options.provider, options.provider_id)
    ready = _signs_in_again(options)
    again = f"At the next use it signs in again, by {'; '.join(ready)}: remove that to prevent it." if ready else ""
    fields = {"provider": options.provider or "terrascope", "done": str(ended), "lies_ready": ready}
    text = "\n".join(filter(None, (str(ended), again)))
    return Answer(text=text, fields=fields, status=FAILED if ended.is_left else DONE)


def _signs_in_again(options: Namespace) -> list[str]:
    """Return what lies ready for the next use: sources rest after a logout, but only in this process, which ends."""
    from .. import api

    name = f"{options.provider}#{options.provider_id}" if options.provider_id else options.provider
    # a back-end that did not answer is not asked again
    with contextlib.suppress(TerrascopeError):
        return api.account(name).lies_ready() if api.providers.asked_for() else []
    return []


def status(app: TerrascopeApp, options: Namespace) -> Answer:
    """Tell who is signed in, by what lies ready: nobody is asked."""
    from .. import api
    from ..status import Status

    account = api.account(options.provider)
    # the status says what went wrong
    with contextlib.suppress(TerrascopeError):
        account.sign_in_silently()
    told = Status([account], login_by=f"{PROG} login", instead=_instead(account))
    error = account.state.error
    others = _kept_beside(account)
    fields = {
        "accounts": [{**dataclasses.asdict(each), "is_signed_in": each.is_signed_in} for each in told.accounts],
        "kept_beside": others,
    }
    lines = [repr(told), *(f"Also kept on this machine: {other}." for other in others)]
    ended = DONE if account.is_signed_in else NOBODY if error is None else status_of(error)
    return Answer(text="\n".join(lines), fields=fields, status=ended)


def token(app: TerrascopeApp, options: Namespace) -> Answer:
    """Tell of the live access token; alone on stdout, and readable, only where that is asked for."""
    from .. import api

    account = _signed_in(api.account(options.provider))
    tokens = account.tokens(_TO_USE_S)
    access_token = tokens.access_token.reveal() if options.show_secrets else None
    fields = {
        "provider": account.provider.name,
        "user": account.state.user,
        "expires_at": tokens.expires_at,
        "token_type": "Bearer",
        "bearer_prefix": account.provider.bearer_prefix,
        "access_token": access_token,
    }
    if access_token is not None:
        return Answer(text=access_token, fields=fields)
    from ..status import Status

    (stand,) = Status([account]).accounts
    ends = next((f"; it ends {text}" for name, text in stand.facts if name == "token ends"), "")
    text = f"{stand.headline}\nAccess token: {tokens.access_token}{ends}.\n--show-secrets prints it."
    return Answer(text=text, fields=fields)


def _signed_in(account: Account) -> Account:
    """Return the account once what lies ready signed in: where a token is wanted, nobody expects a question."""
    if account.is_signed_in or account.sign_in_silently():
        return account
    reasons = [why.reason for why in account.why_not.values() if why.is_fault or why.is_half]
    raise LoginRequired(
        f"Nobody is signed in to {account.provider.label}.",
        " ".join(reasons),
        _instead(account) or f"Run {_line('login', account)}.",
    )


def _kept_beside(account: Account) -> list[str]:
    """Return the other logins that are kept, each as `logout` takes it where it is an openEO back-end's."""
    from ..auth.kept_logins import kept_logins
    from ..auth.stored_login import key_of
    from ..configuration import current

    known = (current().terrascope, *current().beside)
    mine = (key_of(account.provider), current().store == "keyring")
    return [login.shown(known) for login in kept_logins() if (login.key, login.is_in_keyring) != mine]


def _where_else(account: Account) -> str:
    from ..auth.environment import prefix_of

    provider = account.provider
    if provider.is_earthdata:
        prefix = prefix_of(provider)
        return (
            f"set {prefix}_TOKEN in the environment (a user token is made at {provider.account_url}), or "
            f"{prefix}_USERNAME and {prefix}_PASSWORD, or put user name and password for {provider.issuer_host} in "
            "~/.netrc"
        )
    return "sign in where you need it, in Python or a notebook"


def _instead(account: Account) -> str:
    """Return what signs in for a command where `login` keeps nothing, as a sentence; nothing where it does."""
    otherwise = _where_else(account)
    return "" if "stored" in account.provider.sources else f"{otherwise[:1].upper()}{otherwise[1:]}."


def _line(command: str, account: Account) -> str:
    """Return the line of a command for a provider."""
    return line_for(account.provider, f"{PROG} {command}")
