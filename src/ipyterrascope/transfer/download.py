"""The whole way of a download: sources → plan → engine → report (floor 4)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection

from .engine import Engine
from .local import LocalFiles
from .order import order_of
from .preview import Plan
from .report import Report
from .sources import Selection, Source
from .under_way import Download


def download(
    sources: Source | Plan,
    folder: str | os.PathLike[str] = ".",
    *,
    engine: Engine,
    login_hosts: Collection[str] | None = None,
    name: str | None = None,
    overwrite: bool = False,
    selection: Selection | None = None,
    local: LocalFiles | None = None,
    show: Callable[[Download], object] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Report:
    """Download files, each whole or not at all.

    What is there with the right size is skipped; another file of the same name is kept unless `overwrite` is set. What
    was interrupted goes on where it stopped, if the server can prove that the content is still the same.

    Parameters
    ----------
    sources : Plan, or see `items_from`
        What to fetch. A plan says also where to and how.
    folder : path
        Where to; it is made if missing, and ``~`` is your home.
    engine : Engine
        Fetches, with the sign-in for the hosts that may see it.
    login_hosts : collection of str, optional
        Those hosts, for the error when another one refuses.
    name : str, optional
        The file's name, for one file only.
    overwrite : bool
        Fetch also what is there already; it is replaced once the new file is whole.
    selection : Selection, optional
        Which assets of STAC items to take.
    local : LocalFiles, optional
        What may be used of this machine; nothing unless given.
    show : callable, optional
        Is handed the download, to show how far it is.
    monotonic : callable
        Seconds that never go back.

    Returns
    -------
    Report
        The paths, one for each entry of `sources` and in their order.

    Raises
    ------
    SourceInvalid, UsageError
        When an entry of `sources` or the name cannot be right; nothing was fetched.
    TargetInvalid
        When the folder cannot be written; nothing was fetched.
    DownloadFailed
        When something of several failed, after all else was fetched; `report` says what.
    TerrascopeError
        When `sources` is one file by its nature (a URL, an asset): why that one failed.
    """
    order = order_of(
        sources,
        folder,
        engine=engine,
        login_hosts=login_hosts,
        name=name,
        overwrite=overwrite,
        selection=selection,
        local=local,
    )
    return Download(order, show=show, monotonic=monotonic).carry_out()
