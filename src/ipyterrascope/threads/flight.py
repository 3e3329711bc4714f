"""One call for all who want its answer at the same moment (below floor 1)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import copy
from typing import Generic, TypeVar

from .abort import AbortSignal
from .errand import Errand
from .forks import renew_in_child

_T = TypeVar("_T")


class SingleFlight(Generic[_T]):
    """A call that threads share: who comes while it runs gets its answer, or its failure.

    It runs on a thread of its own, so an interrupt ends one thread's wait and disturbs no other, and nobody queues.

    Parameters
    ----------
    call : callable
        What to do; it gets no arguments, and returns something.
    """

    def __init__(self, call: Callable[[], _T]) -> None:
        self._call = call
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        """Forget what is under way: the child has neither the thread that flies nor the one that holds the lock."""
        self._lock = threading.Lock()
        self._flight: Errand[_T] | None = None

    def join(self, signal: AbortSignal | None = None) -> _T | None:
        """Start the call unless it is under way, and return or raise what comes of it.

        None where `signal` is aborted before: the call goes on for the others.
        """
        with self._lock:
            flight = self._flight
            if flight is None:
                flight = self._flight = Errand(self._flown, "flight")
                self._start(flight)
        answer = flight.wait(signal=signal)
        if isinstance(answer, BaseException):
            raise copy(answer)  # each thread its own, for a traceback is kept in the exception
        return answer

    def _start(self, flight: Errand[_T]) -> None:
        try:
            flight.start()
        except BaseException:
            # interrupted, or no thread to be had: where it has begun it goes on
            if flight.recall():
                self._flight = None
            raise

    def _flown(self) -> _T:
        try:
            return self._call()
        finally:
            with self._lock:
                self._flight = None
