"""Download files, or plan it, as a user calls it: over the login of a provider, shown where somebody looks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, overload

from . import asking, frontend
from .accounts import account
from .auth.account import Account
from .configuration import current
from .values.providers import Provider
from .wording import how_again

if TYPE_CHECKING:
    from distributed import Client

    from .transfer import Download, Engine, LocalUse, Plan, Report, Source


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

    An interrupt (Ctrl-C) cancels it within a second; the same call goes on where it was. What another download is just
    fetching to the same folder is waited for.

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
        sign_in_again=lambda: how_again(chosen),
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
    from .transfer import engine_of

    if client is not None:
        from .bridges import dask

        return dask.engine(client, chosen.provider, connections, rate)
    return engine_of(chosen, max_connections=connections, limit_rate=rate)


def _any(url: str) -> bool:
    return True


def _show(*, background: bool) -> Callable[[Download], object] | None:
    """Return what shows how far a download is, where somebody looks."""
    from .transfer import show_bar, show_waits

    place = frontend.place()
    if place == "notebook":
        from .notebook.show import show_download

        return show_download
    if place == "headless":
        return show_waits
    # beside a prompt at which somebody types a bar would be in the way
    return None if background else show_bar


def downloads() -> list[Download]:
    """Return the downloads that go on in the background, the oldest first: for one whose name or widget was lost.

    Each can be paused and cancelled, and `show()` displays its widget again, below the cell that calls it.

    Examples
    --------
    >>> import ipyterrascope as ts
    >>> ts.downloads()
    []
    """
    from .transfer import downloads_under_way

    return downloads_under_way()


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
