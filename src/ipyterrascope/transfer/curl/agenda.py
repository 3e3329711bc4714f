"""What is still to be fetched, host by host, and what became of the rest (floor 4)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias

from ...errors import TerrascopeError, TransferError
from ..directory import Directory, Folders
from ..failures import detached
from ..names import JOURNAL, PART, host_of
from ..partial import Partial
from ..plan import Action, other_file_there
from ..progress import Progress
from ..report import Outcome, Status
from ..retry import GivenUp
from ..rivals import InUse, Rival, of_another
from ..small import SMALL_BYTES
from .host import Host
from .job import Job
from .network import spelled
from .plain import AnyRequest, PlainRequest
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

    Attributes
    ----------
    news : deque
        What became of files, and what their progress is to be told, the oldest first.
    hosts : tuple of Host
        Who is asked.
    """

    def __init__(
        self, actions: Iterable[Action], ceiling: int, clock: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self.news: deque[News] = deque()
        self._monotonic = monotonic
        self._most_begun = _MOST_BEGUN * ceiling
        self._given_up = GivenUp()
        self._folders = Folders()
        self._not_plain: set[Action] = set()
        hosts: dict[str, Host] = {}
        for action in actions:
            name = host_of(action.item.url)
            if name not in hosts:
                hosts[name] = Host(name, ceiling, clock, monotonic)
            hosts[name].waiting.append(action)
        self.hosts = tuple(hosts.values())
        self._in_turn = deque(self.hosts)

    @property
    def jobs(self) -> list[Job]:
        """The files that are begun and not ended."""
        return [job for host in self.hosts for job in tuple(host.jobs)]

    @property
    def brought_bytes(self) -> int:
        """What came in this run."""
        return sum(host.brought_bytes for host in self.hosts)

    def next_request(self, now: float) -> AnyRequest | None:
        """Give out what can be asked for now, one host after the other in turn; the caller asks for it at once."""
        for _ in self.hosts:
            self._in_turn.rotate(-1)
            host = self._in_turn[-1]
            if host.may_be_asked(now) and (request := self._next(host, now)) is not None:
                return request
        return None

    def wait_s(self, now: float) -> float:
        """Return after how many seconds there may be more to ask for by time alone; infinite if never."""
        dues = (host.next_due(now) for host in self.hosts)
        return max(0.0, min((due for due in dues if due is not None), default=math.inf) - now)

    def _next(self, host: Host, now: float) -> AnyRequest | None:
        for job in tuple(host.open_jobs):
            if job.due <= now:
                if (piece := job.next_piece()) is not None:
                    return Request(job, piece)
                del host.open_jobs[job]
        while len(host.jobs) < self._most_begun and (action := _next_action(host, now)) is not None:
            if (request := self._begun(host, action, now)) is not None:
                return request
        for job in host.jobs:
            if job.due <= now and (piece := job.taken_over()) is not None:
                return Request(job, piece)
        return None

    def _begun(self, host: Host, action: Action, now: float) -> AnyRequest | None:
        rival = host.held.pop(action, None)
        if (reason := self._given_up.error_for(host.name)) is not None:
            self._tell(action, "failed", error=reason)
            return None
        try:
            url = spelled(action.item.url)
        except TransferError as problem:
            self._tell(action, "failed", error=problem)
            return None
        folder = self._folders.of(action.folder, action.trail)
        folder.look_around(now)
        if self._may_be_plain(action, folder) and rival is None:
            return PlainRequest(action, url, host, folder, self._unfolded, now)
        partial = Partial(action.path, action.item.url, overwrite=action.overwrite, folder=folder)
        try:
            partial.open()
            planned = self._as_it_is_now(action, partial)
        except InUse as in_use:
            self._hold(host, action, partial, rival or Rival(action.name, now), in_use, now)
            return None
        except TransferError as problem:
            partial.close()
            self._tell(action, "failed", error=problem)
            return None
        if planned is None:
            if partial.journal is not None:
                partial.discard()  # it came by another download, whole
            partial.close()
            self._tell(action, "skipped", action.item.size_bytes)
            return None
        job = Job(planned, partial, url, host, now)
        job.rival = rival
        return self._first_of(job)

    def _first_of(self, job: Job) -> Request | None:
        job.host.jobs[job] = None
        item, there_bytes = job.item, job.pieces.done_bytes
        self.news.append(lambda progress: progress.item_started(item, there_bytes))
        piece = job.next_piece()
        return None if piece is None else Request(job, piece)

    def _may_be_plain(self, action: Action, folder: Directory) -> bool:
        """Tell whether nothing is there of a file that may be small, as far as was known a moment ago."""
        if action in self._not_plain or action.overwrite or action.present_bytes is not None:
            return False
        if (action.item.size_bytes or 0) > SMALL_BYTES:
            return False
        with suppress(OSError, TransferError):
            if folder.is_there() and folder.fd is not None:
                name = action.name
                return not (folder.had(name) or folder.had(name + PART) or folder.had(name + JOURNAL))
        return False

    def _unfolded(self, plain: PlainRequest) -> Request | None:
        """Make a job of a request under way; where a part of the file has come meanwhile, let it be begun anew."""
        action = plain.action
        partial = Partial(action.path, action.item.url, folder=plain.folder)
        with suppress(TransferError):
            partial.open()
            if partial.journal is None:
                return self._first_of(Job(action, partial, plain.url, plain.host, plain.began_at))
        partial.close()
        self._not_plain.add(action)
        plain.host.waiting.appendleft(action)
        return None

    def saved(self, plain: PlainRequest, size_bytes: int) -> None:
        """Say that a file was saved for which nothing more was needed than its first request."""
        host = plain.host
        host.brought_bytes += size_bytes
        host.tries = 0
        host.answered()
        self._given_up.note(host.name, None)
        self._tell(plain.action, "saved", size_bytes, seconds=self._monotonic() - plain.began_at)

    def _as_it_is_now(self, action: Action, partial: Partial) -> Action | None:
        """Return what is to be done about a file, or None where it came since the plan was made.

        Raises
        ------
        TargetInvalid
            It is another one that came.
        """
        if action.overwrite or action.present_bytes is not None or (there := partial.present_bytes()) is None:
            return action
        if (size_bytes := action.item.size_bytes) is None:
            # where no catalogue tells the size, the server does
            return replace(action, present_bytes=there)
        if there != size_bytes:
            raise other_file_there(action.name, there, size_bytes)
        return None

    def hold(self, job: Job, in_use: InUse, now: float) -> None:
        """Wait until another download has ended which was the first to write a file; nothing is under way for it."""
        self._drop(job)
        rival = job.rival or Rival(job.action.name, now)
        self._hold(job.host, job.action, job.partial, rival, in_use, now)

    def _hold(self, host: Host, action: Action, partial: Partial, rival: Rival, in_use: InUse, now: float) -> None:
        try:
            if partial.is_anothers():
                raise of_another(action.name)
            rival.met(now, in_use.trace)
        except TransferError as error:
            self._tell(action, "failed", error=error)
        else:
            host.held[action] = rival
            self.news.append(lambda progress: progress.waiting(action.item, None, rival.news(now)))

    def end(
        self, job: Job, status: Status, size_bytes: int | None = None, error: TerrascopeError | None = None
    ) -> None:
        """Say what became of a file for which nothing is under way any more."""
        self._drop(job)
        self._given_up.note(job.host.name, error)
        self._tell(job.action, status, size_bytes, error, self._monotonic() - job.began_at)

    def _drop(self, job: Job) -> None:
        del job.host.jobs[job]
        job.host.open_jobs.pop(job, None)
        job.partial.close()

    def give_up(self, host: Host, error: TerrascopeError) -> None:
        """Begin no other file of a host that cannot be reached."""
        self._given_up.unreached(host.name, error)

    def close(self) -> None:
        """Let go of what is begun; what can be gone on with stays."""
        for job in self.jobs:
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
        self.news.append(
            Outcome(
                item=action.item,
                path=action.path,
                status=status,
                size_bytes=size_bytes,
                error=detached(error) if error else None,
                seconds=seconds,
            )
        )


def _next_action(host: Host, now: float) -> Action | None:
    """Give out a file to begin: one that another download had when it was looked at last, else the next."""
    for action, rival in host.held.items():
        if rival.due <= now:
            return action
    return host.waiting.popleft() if host.waiting else None
