"""The whole way of a download: sources → plan → engine → report (floor 4)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import cast

from ..errors import LoginRequired, TerrascopeError
from ..values.hosts import may_carry
from .answers import no_login_sent
from .engine import Engine
from .folder import folder_of, look_at, make_writable
from .plan import Action, plan
from .progress import NoProgress, Progress
from .report import Outcome, Report, download_failed
from .sources import Item, Source, items_from


def download(
    sources: Source,
    folder: str | os.PathLike[str] = ".",
    *,
    engine: Engine,
    login_hosts: Collection[str] | None = None,
    name: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Report:
    """Download files, each whole or not at all.

    What is there with the right size is skipped; another file of the same name is kept unless `overwrite` is set. What
    was interrupted goes on where it stopped, if the server can prove that the content is still the same.

    Parameters
    ----------
    sources : str, Item, or iterable of them
        What to fetch; see `items_from`.
    folder : path
        Where to; it is made if missing, and ``~`` is your home.
    engine : Engine
        Fetches, with the sign-in for the hosts that may see it.
    login_hosts : collection of str, optional
        Those hosts, for the error when another one refuses.
    name : str, optional
        The file's name, for one URL only.
    overwrite : bool
        Fetch also what is there already; it is replaced once the new file is whole.
    progress : Progress, optional
        Is told how it goes; see `progress_for`.
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
        When `sources` is one URL or one item: why that one failed.
    """
    began = monotonic()
    items = items_from(sources, name)
    target = folder_of(folder)
    actions = plan(items, target, look_at, overwrite=overwrite)
    if any(action.do == "fetch" for action in actions):
        make_writable(target)
    outcomes = _run(list(dict.fromkeys(actions)), engine, progress or NoProgress(), login_hosts)
    report = Report((outcomes[action.item] for action in actions), monotonic() - began)
    if not report.failed:
        return report
    if isinstance(sources, (str, Item)):
        raise cast(TerrascopeError, report.failed[0].error)
    raise download_failed(report)


def _run(
    actions: Sequence[Action], engine: Engine, progress: Progress, login_hosts: Collection[str] | None
) -> dict[Item, Outcome]:
    outcomes: dict[Item, Outcome] = {}
    if not actions:
        return outcomes
    wanted = [action for action in actions if action.do == "fetch"]
    settled = (_settled(action) for action in actions if action.do != "fetch")
    try:
        progress.started([action.item for action in actions])
        with closing(engine.run(wanted, progress)) as running:
            for ended in chain(settled, running):
                outcome = ended if login_hosts is None else _explained(ended, login_hosts)
                outcomes[outcome.item] = outcome
                progress.item_done(outcome)
    finally:
        progress.finished()
    return outcomes


def _explained(outcome: Outcome, login_hosts: Collection[str]) -> Outcome:
    """Say so where a host refused that was sent no login."""
    error, url = outcome.error, outcome.item.url
    asks_for_login = isinstance(error, LoginRequired) or (error is not None and error.status in (401, 403))
    if error is None or not asks_for_login or may_carry(url, login_hosts):
        return outcome
    return replace(outcome, error=no_login_sent(error.status, url, login_hosts))


def _settled(action: Action) -> Outcome:
    status = "skipped" if action.do == "skip" else "failed"
    return Outcome(
        item=action.item, path=action.path, status=status, size_bytes=action.present_bytes, error=action.error
    )
