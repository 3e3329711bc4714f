"""How an account's state changes and who is told: one change at a time, told in order, outside every lock (floor 3)."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace

from ..values.states import LoginState

log = logging.getLogger(__name__)


class Machine:
    """Holds a `LoginState` and tells observers of each change.

    Parameters
    ----------
    initial : LoginState
    """

    def __init__(self, initial: LoginState) -> None:
        self.state = initial
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._depth = 0
        self._untold: deque[LoginState] = deque()
        self._telling = threading.Lock()
        self._observers: list[Callable[[LoginState], None]] = []

    @contextmanager
    def transaction(self) -> Generator[None, None, None]:
        """Let no other thread change anything meanwhile; observers are told when the outermost one has ended."""
        is_outermost = False
        try:
            with self._lock:
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                    is_outermost = self._depth == 0
        finally:
            if is_outermost:
                self._tell()

    def show(self, **changes: object) -> None:
        """Replace the named fields of the state."""
        with self.transaction():
            self.state = replace(self.state, serial=self.state.serial + 1, **changes)  # pyright: ignore[reportArgumentType]
            self._untold.append(self.state)
            self._changed.notify_all()

    def observe(self, callback: Callable[[LoginState], None]) -> Callable[[], None]:
        """Call `callback` with each new state, in order, from whichever thread changed it; return what ends this."""
        with self._lock:
            self._observers.append(callback)

        def end() -> None:
            with self._lock:
                if callback in self._observers:
                    self._observers.remove(callback)

        return end

    def wait_for(self, is_reached: Callable[[LoginState], bool], timeout_s: float | None = None) -> LoginState:
        """Wait until the state is as wished, or for `timeout_s` seconds; return the state then."""
        with self._changed:
            self._changed.wait_for(lambda: is_reached(self.state), timeout_s)
            return self.state

    def _tell(self) -> None:
        # whoever tells goes on until nothing is left, so that a state added meanwhile by another thread is not lost
        while self._untold and self._telling.acquire(blocking=False):
            try:
                self._tell_all()
            finally:
                self._telling.release()

    def _tell_all(self) -> None:
        while self._untold:
            state, observers = self._untold.popleft(), list(self._observers)
            for callback in observers:
                _tell_one(callback, state)


def _tell_one(callback: Callable[[LoginState], None], state: LoginState) -> None:
    try:
        callback(state)
    except Exception as exc:  # noqa: BLE001 - one view that fails must not end the login of all
        log.warning("A view of the login could not show the phase %s (%s).", state.phase, type(exc).__name__)
