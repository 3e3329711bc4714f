"""What is still to be fetched, host by host, and what became of the rest (floor 4)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from ...errors import TerrascopeError, TransferError
from ..directory import Folders
from ..failures import detached
from ..names import host_of
from ..partial import Partial
from ..plan import Action
from ..progress import Progress
from ..report import Outcome, Status
from ..retry import GivenUp
from .host import Host
from .job import Job
from .network import spelled
from .request import Request

_MOST_BEGUN = 2
"""So many files are begun at most for each connection: those that wait for another try keep their part open."""

News: TypeAlias = "Outcome | Callable[[Progress], None]"
"""What became of a file, or what its progress is to be told."""


class Agenda:
    """The files of one run. `news` and `jobs` may be read in other threads.

    Parameters
    ----------
    actions : iterable of Action
    ceiling : int
        Most connections at once.
    clock, monotonic : callable
        POSIX seconds, and seconds that never go back.
    """

    def __init__(
        self, actions: Iterable[Action], ceiling: int, clock: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self.news: deque[News] = deque()
        self._monotonic = monotonic
        self._most_begun = _MOST_BEGUN * ceiling
        self._open: dict[Job, float] = {}
        self._given_up = GivenUp()
        self._folders = Folders()
        hosts: dict[str, Host] = {}
        for action in actions:
            name = host_of(action.item.url)
            if name not in hosts:
                hosts[name] = Host(ceiling, clock, monotonic)
            hosts[name].waiting.append(action)
        self._hosts = list(hosts.values())

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The files that are begun and not ended."""
        return tuple(self._open)

    @property
    def hosts(self) -> list[Host]:
        """Who is asked."""
        return self._hosts

    @property
    def brought_bytes(self) -> int:
        """What came in this run."""
        return sum(host.brought_bytes for host in self._hosts)

    def requests(self, now: float) -> Iterator[Request]:
        """Give out what can be asked for now, one host after the other in turn; the caller asks for it at once."""
        eager = self._hosts
        while eager:
            still: list[Host] = []
            for host in eager:
                request = self._next(host, now) if host.may_be_asked(now) else None
                if request is not None:
                    yield request
                    still.append(host)
            eager = still

    def wait_s(self, now: float) -> float:
        """Return after how many seconds there may be more to ask for by time alone; infinite if never."""
        dues = (host.next_due(now) for host in self._hosts)
        return max(0.0, min((due for due in dues if due is not None), default=math.inf) - now)

    def _next(self, host: Host, now: float) -> Request | None:
        due = [job for job in host.jobs if job.due <= now]
        for job in due:
            if (piece := job.next_piece()) is not None:
                return Request(job, piece)
        while host.waiting and len(host.jobs) < self._most_begun:
            job = self._begun(host, host.waiting.popleft())
            if job and (piece := job.next_piece()) is not None:
                return Request(job, piece)
        for job in due:
            if (piece := job.taken_over()) is not None:
                return Request(job, piece)
        return None

    def _begun(self, host: Host, action: Action) -> Job | None:
        if (reason := self._given_up.error_for(action.item)) is not None:
            self._tell(action, "failed", error=reason)
            return None
        item = action.item
        partial = Partial(
            action.path, item.url, overwrite=action.overwrite, folder=self._folders.of(action.path, action.depth)
        )
        try:
            url = spelled(item.url)
            partial.open()
        except TransferError as problem:
            self._tell(action, "failed", error=problem)
            return None
        job = Job(action, partial, url, host)
        there_bytes = job.pieces.done_bytes
        self.news.append(lambda progress: progress.item_started(item, there_bytes))
        self._open[job] = self._monotonic()
        host.jobs.append(job)
        return job

    def end(
        self, job: Job, status: Status, size_bytes: int | None = None, error: TerrascopeError | None = None
    ) -> None:
        """Say what became of a file for which nothing is under way any more."""
        began = self._open.pop(job)
        job.host.jobs.remove(job)
        job.partial.close()
        self._given_up.note(job.item, error)
        self._tell(job.action, status, size_bytes, error, self._monotonic() - began)

    def close(self) -> None:
        """Let go of what is begun; what can be gone on with stays."""
        for job in self._open:
            job.partial.close()
        self._folders.close()

    def _tell(
        self,
        action: Action,
        status: Status,
        size_bytes: int | None = None,
        error: TerrascopeError | None = None,
        seconds: float = 0.0,
    ) -> None:
        error = detached(error) if error else None
        self.news.append(
            Outcome(
                item=action.item, path=action.path, status=status, size_bytes=size_bytes, error=error, seconds=seconds
            )
        )
