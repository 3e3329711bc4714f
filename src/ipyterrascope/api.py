"""What a user calls in Python: log in, and have a live token wherever one is needed (below magics, above all else).

Every function takes `provider` by name, as a `Provider`, or not at all for Terrascope. Widgets, IPython and the
transfer engine are imported by the calls that need them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, cast, get_args

from . import asking, frontend
from .accounts import account, providers
from .auth.account import Account
from .auth.openeo_backends import is_openeo
from .auth.openeo_choice import Wish
from .auth.openeo_kept import SignedOut
from .errors import UsageError
from .values.providers import LoginMethod, Provider, ReadyName
from .values.secret import Secret, taken
from .values.states import Source as LoginSource

if TYPE_CHECKING:
    from .httpauth import LiveAuth
    from .session import AuthorizedSession
    from .status import Status

__all__ = ["account", "auth", "login", "logout", "providers", "session", "status", "token"]


def login(
    provider: str | Provider | None = None,
    *,
    method: LoginMethod | None = None,
    source: LoginSource | None = None,
    remember: bool = False,
    wait: bool = False,
    username: str = "",
    provider_id: str = "",
    client_id: str = "",
    token: Secret | str | None = None,
) -> Account:
    """Sign in: silently where a credential lies ready, else by asking the person in front of this kernel.

    What is tried, in this order, is what the call says (`method`, `source`), then the environment, the token file, the
    stored login, JupyterHub, and then a person by device code or password; `c.Terrascope.sources` reorders or removes.
    In a notebook the widget is shown and the call returns at once; at a terminal it returns when done; where nobody can
    be asked it raises within a second. Who is signed in already stays so, unless a method or source is asked for.

    Parameters
    ----------
    provider : str or Provider, optional
        ``"openeo:<address>"`` for an openEO back-end, which is asked for its provider.
    method : {"device", "password", "basic", "code", "token", "oidc"}, optional
        The provider's first one unless given. "basic" keeps user name and password in memory and sends them to the
        data service (RFC 7617); an openEO back-end exchanges them for a token. "code" is for a
        back-end that offers nothing else: a person signs in in a browser, and pastes the address that it leads to.
        "token" asks for an access token that you have already, and uses it until it ends; "oidc" for the secret of a
        client of your own (`client_id`), which signs in for itself where it may, and else lets you approve a code.
    source : {"environment", "token_file", "stored", "hub", "device", "password", "basic", "code", "token",
        "oidc"}, optional
        The only one to use.
    remember : bool
        Keep the login that a person makes, so that other kernels and later ones are signed in too, until `logout`.
        `c.Terrascope.store` or `TERRASCOPE_STORE` say where: in a file that is yours alone, unless set. A login from
        the environment, a file or the Hub is kept there already.
    wait : bool
        In a notebook, print link and code and return when the sign-in has ended. Only a device code can be waited for:
        while a cell runs, the kernel does not hear what is typed in the widget.
    username : str
        Fills the form in.
    provider_id, client_id : str
        Of an openEO back-end: which of its providers, by its id there (`OPENEO_AUTH_PROVIDER_ID`, or the first, unless
        given), and a client of your own.
    token : Secret or str, optional
        An access token that you have already: what method "token" asks for, for a script. An openEO back-end and
        Earthdata Login are asked whether it is good. Read it from where it is kept: what is written in a cell or a file
        can be read by others. No traceback shows it here; a variable of your own that holds text is shown where
        tracebacks show variables, one that holds a `Secret` is not.

    Returns
    -------
    Account
        As the last line of a notebook's cell it is not shown: the widget says the same.

    Raises
    ------
    LoginRequired
        Nobody can be asked here.
    LoginError, ProviderError
        Signing in did not succeed.

    Examples
    --------
    >>> import ipyterrascope as ts
    >>> ts.login()                                       # doctest: +SKIP
    <Account terrascope: signed_in as dora>
    """
    # from now on no name here stands for its text, which a traceback might show
    secret, is_given, token = taken(token), token is not None, None
    if is_given:
        method = _method_of(secret, method, source, remember=remember)
    chosen, choices = accounts_for(provider, Wish(provider_id=provider_id, client_id=client_id, method=method))
    method, silent = _way(chosen, method, source)
    if secret is not None:
        asking.sign_in_by_token(chosen, secret)
    else:
        if remember:
            asking.check_store(chosen, "leave remember out")
        asking.sign_in(chosen, method, source=silent, remember=remember, wait=wait, username=username, choices=choices)
    _settle_gdal(chosen)
    if secret is None:
        frontend.hide_result(Account)  # what was shown or printed says the same
    return chosen


def _method_of(
    secret: Secret | None, method: LoginMethod | None, source: LoginSource | None, *, remember: bool
) -> LoginMethod:
    """Return the method of a token that is given."""
    if secret is None:
        raise UsageError("That is no token.", "It is empty, or no text.", "Give the token as text, or as a Secret.")
    if not {method, source} <= {None, "token"}:
        raise UsageError("`token` and another way to sign in contradict each other.", "", "Give one of them.")
    if remember:
        raise UsageError("A token that is given is not kept.", "Nothing renews it.", "Leave remember out.")
    return "token"


def accounts_for(provider: str | Provider | None, wish: Wish) -> tuple[Account, list[Account]]:
    """Return the account that a login is asked of, and those that a person may turn to in the widget."""
    if isinstance(provider, str) and is_openeo(provider):
        found = providers.of_backend(provider, wish)
        # a person chooses by name: of a provider's clients the first
        choices = list({each.provider.name: each for each in reversed(found)}.values())[::-1]
        return found[0], choices if len(choices) > 1 else []
    _refuse_choice(wish.provider_id or wish.client_id)
    # who names no provider may choose, where several are known
    return account(provider), [account(name) for name in providers] if provider is None else []


def _way(
    chosen: Account, method: LoginMethod | None, source: LoginSource | None
) -> tuple[LoginMethod | None, ReadyName | None]:
    label, ways = chosen.provider.label, (*chosen.sources, *chosen.methods)
    if method is not None and method not in chosen.methods:
        offered = ", ".join(chosen.methods) or "none"
        raise UsageError(f"{label} has no such login method.", f"It offers {offered}.", "Choose one of these.")
    if source is not None and source not in ways:
        raise UsageError(
            f"{label} has no such source of a login.",
            f"It has {', '.join(ways) or 'none'}.",
            "Choose one of these; c.Terrascope.sources lists them.",
        )
    if source in get_args(LoginMethod):
        if method not in (None, source):
            raise UsageError("`method` and `source` contradict each other.", "", "Give one of them.")
        return cast("LoginMethod", source), None
    return method, cast("ReadyName | None", source)


def status(provider: str | Provider | None = None) -> Status:
    """Tell who is signed in where, until when, from which source, and why no other source served; without a sign-in.

    Parameters
    ----------
    provider : str or Provider, optional
        The only one to tell of; unless given, all that were asked for so far, or Terrascope.

    Returns
    -------
    Status
        It shows as text and as a table; `accounts` has the same as values.

    Examples
    --------
    >>> import ipyterrascope as ts
    >>> ts.status()                                      # doctest: +SKIP
    Terrascope: signed in as dora, by device code.
    """
    from .status import Status

    asked_for = [] if provider else providers.asked_for()
    login_by = "%terrascope login" if frontend.has_magics() else "ipyterrascope.login()"
    return Status(asked_for or [account(provider)], login_by=login_by)


def session(provider: str | Provider | None = None) -> AuthorizedSession:
    """Return a `requests.Session` that is signed in: the bearer is added, renewed and kept to the provider's hosts.

    What lies ready signs in, and at a terminal the person is asked, as by `login`.

    Raises
    ------
    LoginRequired
        Nobody is signed in yet.
    """
    from .session import session_of

    return session_of(asking.ready(account(provider)))


def auth(provider: str | Provider | None = None) -> LiveAuth:
    """Return an auth object for `requests` and, where it is installed, `httpx`. Signs in first as `session` does.

    Raises
    ------
    LoginRequired
        Nobody is signed in yet.
    """
    from .httpauth import live_auth

    return live_auth(asking.ready(account(provider)))


def token(provider: str | Provider | None = None, *, min_valid_s: float = 0.0) -> Secret:
    """Return a live access token, masked: `.reveal()` gives the text. Signs in first as `session` does.

    Parameters
    ----------
    provider : str or Provider, optional
    min_valid_s : float
        Seconds it should at least have left, half of its life at most.

    Raises
    ------
    LoginRequired
        Nobody is signed in, or it is a Basic login, which has no token.
    ProviderError
        The token has ended, and the provider cannot renew it right now.
    """
    return asking.ready(account(provider)).tokens(min_valid_s).access_token


def logout(provider: str | Provider | None = None, *, provider_id: str = "") -> str:
    """Sign out: end the session at the provider, wipe it here whatever the provider says, and return what happened.

    Parameters
    ----------
    provider : str or Provider, optional
        ``"openeo:<address>"`` ends every login at that back-end that is there or kept, and says what became of each;
        ``"openeo:<address>#<id>"`` that of one of its providers.
    provider_id : str
        That id, of an openEO back-end.

    Raises
    ------
    UsageError
        There is no such provider.
    """
    return str(sign_out(provider, provider_id)) + _said_of_downloads(provider)


def _said_of_downloads(provider: str | Provider | None) -> str:
    """Say what becomes of the downloads under way that need the login which has ended."""
    transfer = sys.modules.get(f"{__package__}.transfer")
    if transfer is None or (isinstance(provider, str) and is_openeo(provider)):
        return ""
    may_carry = account(provider).provider.may_carry
    count = sum(download.fetches(may_carry) for download in transfer.downloads_under_way())
    if not count:
        return ""
    who = "A download is" if count == 1 else f"{count} downloads are"
    return (
        f" {who} under way: what was begun may still end, the rest is refused. Sign in, and run the same again or press"
        ' "Retry failed": what came is kept.'
    )


def sign_out(provider: str | Provider | None, provider_id: str = "") -> SignedOut:
    """Sign out as `logout` does, and tell what became of each login."""
    if isinstance(provider, str) and is_openeo(provider):
        known = providers.asked_for()
        ended = providers.sign_out(provider, provider_id)
    else:
        _refuse_choice(provider_id)
        known = [account(provider)]
        ended = SignedOut([("", known[0].logout())], known[0].has_kept_login)
    for each in known:
        _settle_gdal(each)
    return ended


def _refuse_choice(choice: str) -> None:
    if choice:
        raise UsageError(
            "Only an openEO back-end has providers and clients to choose from.",
            "",
            "Leave provider_id and client_id out, or name a back-end, as openeo:openeo.terrascope.be.",
        )


def _settle_gdal(chosen: Account) -> None:
    # what reads by GDAL in the next line has what holds now
    if gdal := sys.modules.get("ipyterrascope.bridges.gdal"):
        gdal.settle(chosen)
