"""Work on a thread of its own, for which any number of threads may wait (below floor 1).

An interrupt (Ctrl-C) of one who waits neither ends the work nor leaves a lock held. The conditions, events and futures
of the standard library do not promise the latter: they take their lock by Python code, which an interrupt can leave in
the middle, and whoever comes next waits for ever. Here no code of the waiting side takes one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from .abort import AbortSignal

T = TypeVar("T")


class Errand(Generic[T]):
    """One piece of work and its answer.

    Parameters
    ----------
    work : callable
        What is done. It returns something, not None.
    name : str
        The thread's name.

    Attributes
    ----------
    answer : object
        What the work returned, or the exception that it raised; None while it is under way.
    """

    def __init__(self, work: Callable[[], T], name: str) -> None:
        self.answer: T | BaseException | None = None
        self._work, self._name = work, name
        self._turn = threading.Lock()
        self._waiting: list[SimpleQueue[None]] = []

    def start(self) -> None:
        """Begin, and return at once. After an exception, such as an interrupt, it may have begun: see `recall`."""
        threading.Thread(target=self._run, daemon=True, name=self._name).start()

    def recall(self) -> bool:
        """Call it back; return whether it had not begun, and so never will."""
        return self._turn.acquire(blocking=False)

    def wait(self, timeout_s: float | None = None, signal: AbortSignal | None = None) -> T | BaseException | None:
        """Wait until it is done, for `timeout_s` seconds, or until `signal` is aborted, and return `answer`."""
        news = SimpleQueue[None]()
        self._waiting.append(news)
        if signal is not None:
            signal.tell(news)
        try:
            if self.answer is None:  # looked at after `news` was laid out, so that none gets lost
                with suppress(Empty):
                    news.get(timeout=timeout_s)
        finally:
            self._waiting.remove(news)
            if signal is not None:
                signal.forget(news)
        return self.answer

    def _run(self) -> None:
        if not self._turn.acquire(blocking=False):
            return
        try:
            self.answer = self._work()
        except BaseException as exc:  # noqa: BLE001 - it is the answer
            self.answer = exc
        for news in tuple(self._waiting):
            news.put(None)
