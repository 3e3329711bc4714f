"""What a user calls in Python: log in, and have a live token wherever one is needed (below magics, above all else).

Every function takes `provider` by name, as a `Provider`, or not at all for Terrascope. Widgets, IPython and the
transfer engine are imported by the calls that need them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, cast, get_args, overload

from . import asking, frontend
from .accounts import account, providers
from .auth.account import Account
from .auth.openeo_backends import is_openeo
from .auth.openeo_choice import Wish
from .configuration import current
from .errors import UsageError
from .protocol.earthdata_answers import explainer
from .values.providers import LoginMethod, Provider, ReadyName
from .values.secret import Secret
from .values.states import Source as LoginSource

if TYPE_CHECKING:
    from distributed import Client

    from .httpauth import LiveAuth
    from .session import AuthorizedSession
    from .status import Status
    from .transfer import Download, Engine, LocalUse, Plan, Report, Source

__all__ = ["account", "auth", "download", "login", "logout", "plan", "providers", "session", "status", "token"]


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
        "token" asks for an access token of an openEO back-end's provider that you have already, and uses it until it
        ends; "oidc" for the secret of a client of your own (`client_id`), which signs in for itself where it may, and
        else lets you approve a code.
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
    chosen, choices = _accounts(provider, Wish(provider_id=provider_id, client_id=client_id, method=method))
    method, silent = _way(chosen, method, source)
    if remember:
        asking.check_store(chosen, "leave remember out")
    asking.sign_in(chosen, method, source=silent, remember=remember, wait=wait, username=username, choices=choices)
    if gdal := sys.modules.get("ipyterrascope.bridges.gdal"):
        gdal.settle(chosen)
    frontend.hide_result(Account)
    return chosen


def _accounts(provider: str | Provider | None, wish: Wish) -> tuple[Account, list[Account]]:
    """Return the account that is asked for, and those that a person may turn to in the widget."""
    if isinstance(provider, str) and is_openeo(provider):
        found = providers.of_backend(provider, wish)
        return found[0], found if len(found) > 1 else []
    if wish.provider_id or wish.client_id:
        raise UsageError(
            "Only an openEO back-end has providers and clients to choose from.",
            "",
            "Leave provider_id and client_id out, or name a back-end, as openeo:openeo.terrascope.be.",
        )
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
    return Status(asked_for or [account(provider)], has_magics=frontend.has_magics())


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


@overload
def download(
    sources: Source,
    folder: str | os.PathLike[str] = ".",
    *,
    provider: str | Provider | None = None,
    name: str | None = None,
    overwrite: bool = False,
    assets: str | Iterable[str] | None = None,
    roles: str | Iterable[str] | None = None,
    local: LocalUse = "link",
    max_connections: int | None = None,
    limit_rate: float | str | None = None,
    client: Client | None = None,
    background: Literal[False] = False,
) -> Report: ...
@overload
def download(
    sources: Source,
    folder: str | os.PathLike[str] = ".",
    *,
    provider: str | Provider | None = None,
    name: str | None = None,
    overwrite: bool = False,
    assets: str | Iterable[str] | None = None,
    roles: str | Iterable[str] | None = None,
    local: LocalUse = "link",
    max_connections: int | None = None,
    limit_rate: float | str | None = None,
    client: Client | None = None,
    background: Literal[True],
) -> Download: ...
def download(
    sources: Source,
    folder: str | os.PathLike[str] = ".",
    *,
    provider: str | Provider | None = None,
    name: str | None = None,
    overwrite: bool = False,
    assets: str | Iterable[str] | None = None,
    roles: str | Iterable[str] | None = None,
    local: LocalUse = "link",
    max_connections: int | None = None,
    limit_rate: float | str | None = None,
    client: Client | None = None,
    background: bool = False,
) -> Report | Download:
    """Fetch files to a folder; each is whole or absent, and one that is there already is not fetched again.

    An interrupt (Ctrl-C) cancels it within a second; the same call goes on where it was.

    Parameters
    ----------
    sources : str, path, Item, STAC object, or iterable of them
        What to fetch: an https address (http on loopback); a STAC item, asset or collection of items, of pystac or as
        JSON; a search of pystac-client; a product of terracatalogueclient or one of its files; ``"@FILE"`` or a path,
        for a list of addresses as aria2 reads it, or STAC as JSON; or several of all that.
    folder : path
        Where to; made when missing. Where base names collide, each file gets its product's folder.
    provider : str or Provider, optional
        Whose login to use, on its own hosts only. Other hosts are asked without one.
    name : str, optional
        File name, for a single file.
    overwrite : bool
        Fetch again what is there.
    assets : str or list of str, optional
        Which assets of STAC items: keys, or the names or common names of bands.
    roles : str or list of str, optional
        Which roles; "all" means any. Unless `assets` or `roles` are given: those of role "data", or all of an item
        that has none of that role.
    local : {"link", "copy", "off"}
        What is done where a catalogue says that the file lies on this machine, under `c.Terrascope.local_roots`.
    max_connections : int, optional
        How many connections at once, 64 at most; `c.Terrascope.max_connections` (8) unless given. A server that bears
        fewer gets fewer.
    limit_rate : float or str, optional
        Bytes a second at most, all connections together: a number, or a text such as ``"10M"``.
    client : distributed.Client, optional
        Let the workers of this Dask cluster fetch, to a folder of a file system that they share with this kernel; the
        cluster is attached as by `ipyterrascope.dask.attach`. The connections and the rate are those of all together.
    background : bool
        Return at once, while it goes on. When Python ends it is cancelled, and can be gone on with.

    Returns
    -------
    Report
        What became of every item; iterates over the paths.
    Download
        With `background`: has the report as `wait()` returns it, and can be paused and cancelled.

    Raises
    ------
    LoginRequired
        The files need a login, and nobody is signed in. None is asked for where all files are there already, and their
        sizes are known.
    TransferError
        Something failed; what was fetched stays. A `DownloadFailed` carries the report.
    """
    from .transfer import Download, LocalFiles, Report, Selection, connections_of, order_of, rate_of

    chosen = account(provider)
    connections = connections_of(current().max_connections if max_connections is None else max_connections)
    rate = None if limit_rate is None else rate_of(limit_rate)
    order = order_of(
        sources,
        folder,
        engine=_engine(chosen, connections, rate, client),
        login_hosts=chosen.provider.hosts,
        name=name,
        overwrite=overwrite,
        selection=Selection.of(assets, roles),
        local=LocalFiles(current().local_roots, local),
    )
    # a data centre that is not known leads to the login all the same
    if order.fetches(_any if chosen.provider.is_earthdata else chosen.provider.may_carry):
        asking.ready(chosen)
        if client is not None:
            from .bridges import dask

            dask.attach(client, chosen.provider)
    under_way = Download(order, show=_show(background=background))
    if not background:
        report = under_way.carry_out()
        if frontend.place() == "notebook" and report.outcomes:
            frontend.hide_result(Report)  # the widget says the same
        return report
    under_way.start()
    if frontend.place() == "notebook":
        frontend.hide_result(Download)  # what is shown says the same
    return under_way


def _engine(chosen: Account, connections: int, rate: float | None, client: Client | None) -> Engine:
    """Return what fetches: this kernel, or the workers of a cluster."""
    from .transfer import CurlEngine

    if client is not None:
        from .bridges import dask

        return dask.engine(client, chosen.provider, connections, rate)
    return CurlEngine(
        chosen,
        connection=chosen.connection,
        login_url=chosen.provider.login_url,
        explain=explainer(chosen.provider),
        keeps_cookies=chosen.provider.is_earthdata,
        max_connections=connections,
        limit_rate=rate,
    )


def _any(url: str) -> bool:
    return True


def _show(*, background: bool) -> Callable[[Download], object] | None:
    """Return what shows how far a download is, where somebody looks."""
    from .transfer import show_bar

    place = frontend.place()
    if place == "notebook":
        from .notebook.show import show_download

        return show_download
    # beside a prompt at which somebody types a bar would be in the way
    return None if background or place == "headless" else show_bar


def plan(
    sources: Source,
    folder: str | os.PathLike[str] = ".",
    *,
    name: str | None = None,
    overwrite: bool = False,
    assets: str | Iterable[str] | None = None,
    roles: str | Iterable[str] | None = None,
    local: LocalUse = "link",
) -> Plan:
    """Find out what `download` would do, without a login, without asking any server but the catalogue of a search.

    Parameters
    ----------
    sources, folder, name, overwrite, assets, roles, local
        As for `download`.

    Returns
    -------
    Plan
        A table of what would be fetched, gone on with, linked, copied, and is there already; how much that is, and
        whether there is room for it.

    Raises
    ------
    TransferError, UsageError
        Something cannot be fetched, or a catalogue did not answer.
    """
    from .transfer import LocalFiles, Selection, prepare

    selection = Selection.of(assets, roles)
    files = LocalFiles(current().local_roots, local)
    return prepare(sources, folder, name=name, overwrite=overwrite, selection=selection, local=files)


def logout(provider: str | Provider | None = None) -> str:
    """Sign out: end the session at the provider, wipe it here whatever the provider says, and return what happened."""
    return account(provider).logout()
