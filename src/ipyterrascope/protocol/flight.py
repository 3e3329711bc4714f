"""One call for all who want its answer at the same moment (floor 2)."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from copy import copy
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


class SingleFlight(Generic[_T]):
    """A call that threads share: who comes while it runs gets its answer, or its failure.

    It runs on a thread of its own, so an interrupt ends one thread's wait and disturbs no other, and nobody queues.

    Parameters
    ----------
    call : callable
        What to do; it gets no arguments.
    """

    def __init__(self, call: Callable[[], _T]) -> None:
        self._call = call
        self._forget_after_fork()
        _flights.add(self)

    def join(self) -> _T:
        """Start the call unless it is under way, and return or raise what comes of it."""
        with self._lock:
            flight = self._flight
            if flight is None:
                flight = self._flight = self._launched()
        trouble = flight.exception()
        if trouble is not None:
            raise copy(trouble)  # each thread its own, for a traceback is kept in the exception
        return flight.result()

    def _launched(self) -> Future[_T]:
        flight = Future[_T]()
        try:
            threading.Thread(target=self._fly, args=(flight,), daemon=True, name="flight").start()
        except BaseException:
            flight.cancel()  # an interrupt may have come when it had not begun, or when it had: then it may go on
            raise
        return flight

    def _fly(self, flight: Future[_T]) -> None:
        if not flight.set_running_or_notify_cancel():
            return
        try:
            answer = self._call()
        except BaseException as exc:  # noqa: BLE001 - it is handed to whoever waits
            self._land(flight)
            flight.set_exception(exc)
        else:
            self._land(flight)
            flight.set_result(answer)

    def _land(self, flight: Future[_T]) -> None:
        with self._lock:
            if self._flight is flight:
                self._flight = None

    def _forget_after_fork(self) -> None:
        # the child has neither the thread that flies nor the one that may hold the lock
        self._lock, self._flight = threading.Lock(), None


_flights: weakref.WeakSet[SingleFlight[Any]] = weakref.WeakSet()


def _after_fork() -> None:
    for flight in _flights:
        flight._forget_after_fork()  # pyright: ignore[reportPrivateUsage]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
