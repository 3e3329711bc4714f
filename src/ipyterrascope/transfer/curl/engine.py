"""Fetching many files at once over libcurl (floor 4).

All sockets are served by one thread of its own, so that an interrupt (Ctrl-C) never meets libcurl in the middle, and a
view that takes its time never holds up the data. Who iterates over `run` gets outcomes and tells the progress.
"""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from ...protocol.earthdata_answers import Explain, explainer
from ...values.authorizer import Authorizer
from ...values.connection import Connection
from ...values.secret import sealed
from ..control import Control
from ..plan import Action
from ..progress import Progress
from ..report import Outcome
from ..retry import Backoff
from .agenda import Agenda
from .crew import Crew
from .rules import Rules

if TYPE_CHECKING:
    from ...auth.account import Account

_TELL_EVERY_S = 0.1
_PATIENCE_S = 1.0


class CurlEngine:
    """Fetches files over many connections at once.

    Parameters
    ----------
    authorizer : Authorizer
        Asked for headers at the start of each request and after each redirect.
    connection : Connection, optional
        CA bundle and time-outs.
    login_url : str
        The identity provider's issuer: a redirect to its pages is an error, not data.
    explain : callable, optional
        Returns the error for an answer that says what a person has to do first, or None.
    cookies_of : callable, optional
        Returns whose the cookies are that hosts set: they are sent back, by all connections of one run, until it is
        somebody else. Without it none are kept.
    max_connections : int
        Never more at once.
    limit_rate : float, optional
        Bytes a second, all connections together.
    backoff : Backoff, optional
        How often and after how long to try again.
    stall_s : float, optional
        A connection on which next to nothing of the file comes for so many seconds is ended; by default the time-out
        for a read.
    clock, monotonic, random : callable
        POSIX seconds, seconds that never go back, and a number from 0 to 1.
    disk_usage : callable
        Total, used and free bytes of the disk of a folder.
    """

    def __init__(
        self,
        authorizer: Authorizer,
        *,
        connection: Connection | None = None,
        login_url: str = "",
        explain: Explain | None = None,
        cookies_of: Callable[[], str] | None = None,
        max_connections: int = 8,
        limit_rate: float | None = None,
        backoff: Backoff | None = None,
        stall_s: float | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = random.random,
        disk_usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage,
    ) -> None:
        self._authorizer, self._connection = authorizer, connection or Connection()
        self._rules = Rules(
            login_url=login_url,
            explain=explain,
            cookies_of=cookies_of,
            max_connections=max_connections,
            limit_rate=limit_rate,
            backoff=backoff or Backoff(),
            stall_s=self._connection.read_timeout_s if stall_s is None else stall_s,
            clock=clock,
            monotonic=monotonic,
            random=random,
            disk_usage=disk_usage,
        )

    def run(
        self, actions: Iterable[Action], progress: Progress, control: Control | None = None
    ) -> Generator[Outcome, None, None]:
        """Fetch them all. See `Engine`."""
        crew = Crew(actions, self._authorizer, self._connection, self._rules)
        control = control or Control()
        control.on_stop(crew.cancel)
        over = SimpleQueue[BaseException | None]()
        thread = threading.Thread(target=_work, args=(crew, over), daemon=True, name="download")
        thread.start()
        try:
            ended = False
            while not ended:
                ended = _is_over(over) or control.is_overdue
                yield from _told(crew.agenda, progress)
        finally:
            crew.cancel()
            if not control.is_overdue:
                thread.join(_PATIENCE_S)


def engine_of(account: Account, *, max_connections: int, limit_rate: float | None) -> CurlEngine:
    """Make the engine of an account, for the notebook and for a worker of a cluster alike.

    Parameters
    ----------
    account : Account
        Whose login it fetches by, as its provider's services want that.
    max_connections : int
    limit_rate : float or None
        Bytes a second at most.
    """
    provider = account.provider
    return CurlEngine(
        account,
        connection=account.connection,
        login_url=provider.login_url,
        explain=explainer(provider),
        cookies_of=(lambda: account.whose) if provider.is_earthdata else None,
        max_connections=max_connections,
        limit_rate=limit_rate,
    )


def _work(crew: Crew, over: SimpleQueue[BaseException | None]) -> None:
    try:
        # frames below hold the credential
        sealed(crew.work)
    except BaseException as exc:  # noqa: BLE001 - raised again where somebody sees it
        over.put(exc)
    else:
        over.put(None)


def _is_over(over: SimpleQueue[BaseException | None]) -> bool:
    try:
        fault = over.get(timeout=_TELL_EVERY_S)
    except Empty:
        return False
    if fault is not None:
        raise fault
    return True


def _told(agenda: Agenda, progress: Progress) -> Generator[Outcome, None, None]:
    while agenda.news:
        news = agenda.news.popleft()
        if isinstance(news, Outcome):
            yield news
        else:
            news(progress)
    for job in agenda.jobs:
        if job.is_open:
            progress.advanced(job.item, job.pieces.done_bytes, job.size_bytes)
