"""How an account's state changes and who is told: one change at a time, told in order, outside every lock (floor 3).

Each change is told from one thread of its own, so that no caller runs what a view does, and an interrupt of a caller
(Ctrl-C) can neither lose a change nor leave a lock held: the only one is taken by `with machine.lock`, in one step.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from queue import Empty, SimpleQueue

from ..values.states import LoginState

log = logging.getLogger(__name__)


class Machine:
    """Holds a `LoginState` and tells observers of each change.

    Parameters
    ----------
    initial : LoginState

    Attributes
    ----------
    lock : threading.RLock
        Whoever holds it is the only one to change anything. Never wait for another thread meanwhile.
    """

    def __init__(self, initial: LoginState) -> None:
        self.state = initial
        self.after_fork()

    def after_fork(self) -> None:
        """Start anew: the child of a fork has neither the threads nor the views of its parent."""
        self.lock = threading.RLock()
        self._observers: list[Callable[[LoginState], None]] = []
        self._untold: SimpleQueue[LoginState | None] | None = None
        self._waiting: list[SimpleQueue[None]] = []

    def show(self, **changes: object) -> None:
        """Replace the named fields of the state."""
        with self.lock:
            self.state = replace(self.state, serial=self.state.serial + 1, **changes)  # pyright: ignore[reportArgumentType]
            for news in tuple(self._waiting):
                news.put(None)
            if self._untold is not None:
                self._untold.put(self.state)

    def observe(self, callback: Callable[[LoginState], None]) -> Callable[[], None]:
        """Call `callback` with each new state, in order, from a thread of its own; return what ends this."""
        with self.lock:
            self._observers.append(callback)
            if self._untold is None:
                untold = SimpleQueue[LoginState | None]()
                threading.Thread(target=self._tell, args=(untold,), daemon=True, name="login-observers").start()
                self._untold = untold

        def end() -> None:
            with self.lock:
                if callback in self._observers:
                    self._observers.remove(callback)
                if not self._observers and self._untold is not None:
                    self._untold.put(None)
                    self._untold = None

        return end

    def wait_for(self, is_reached: Callable[[LoginState], bool], timeout_s: float | None = None) -> LoginState:
        """Wait until the state is as wished, or for `timeout_s` seconds; return the state then."""
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        news = SimpleQueue[None]()
        self._waiting.append(news)
        try:
            while not is_reached(self._settled()):
                news.get(timeout=None if ends_at is None else max(0.0, ends_at - time.monotonic()))
        except Empty:
            pass
        finally:
            self._waiting.remove(news)
        return self._settled()

    def _settled(self) -> LoginState:
        # not in the middle of several changes
        with self.lock:
            return self.state

    def _tell(self, untold: SimpleQueue[LoginState | None]) -> None:
        while (state := untold.get()) is not None:
            for callback in tuple(self._observers):
                _tell_one(callback, state)


def _tell_one(callback: Callable[[LoginState], None], state: LoginState) -> None:
    try:
        callback(state)
    except Exception as exc:  # noqa: BLE001 - one view that fails must not end the login of all
        log.warning("A view of the login could not show the phase %s (%s).", state.phase, type(exc).__name__)
