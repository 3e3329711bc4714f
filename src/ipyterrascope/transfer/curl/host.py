"""What is known of one host in one run (floor 4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..plan import Action
from ..rivals import Rival
from .pace import Pace

if TYPE_CHECKING:
    from .job import Job


class Host:
    """One host, and what is to be fetched from it.

    Attributes
    ----------
    name : str
        Name and port, as addresses write them.
    pace : Pace
        How many connections it is asked for.
    waiting : deque of Action
        The files that are not begun yet.
    jobs : dict of Job
        Those that are, in the order in which they were.
    open_jobs : dict of Job
        Those of which there may be bytes that nobody fetches yet.
    held : dict of Action to Rival
        The files that another download has in hand.
    busy : int
        Requests under way.
    brought_bytes : int
        What came from it.
    takes_http_1 : bool
        True when it is asked over HTTP/1.1 only.
    tries : int
        How often in a row it was not reached at all.
    clock : callable
        POSIX seconds.
    """

    def __init__(self, name: str, ceiling: int, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self.name = name
        self.pace = Pace(ceiling)
        self.waiting: deque[Action] = deque()
        self.jobs: dict[Job, None] = {}
        self.open_jobs: dict[Job, None] = {}
        self.held: dict[Action, Rival] = {}
        self.busy = 0
        self.brought_bytes = 0
        self.tries = 0
        self.takes_http_1 = False
        self.clock, self._monotonic = clock, monotonic

    def may_be_asked(self, now: float) -> bool:
        """Tell whether it may be sent one more request now."""
        return self.busy < self.pace.allowed and self.pace.rests_until <= now

    def answered(self) -> None:
        """Say that it answered a request well."""
        self.pace.answered(self._monotonic())

    def next_due(self, now: float) -> float | None:
        """Return when it may be asked for more, if it is time alone that keeps it from being asked."""
        if self.busy >= self.pace.allowed or not (self.waiting or self.jobs or self.held):
            return None
        if self.pace.rests_until > now:
            return self.pace.rests_until
        moments = [job.due for job in self.jobs if job.due > now]
        moments += [rival.due for rival in self.held.values()]
        return min(moments, default=None)
