"""One attempt to sign in: what its thread waits on, and what can wake or cancel it (floor 3)."""

from __future__ import annotations

import threading
import time

from ..protocol.device import Wake
from ..values.providers import LoginMethod


class Attempt:
    """Lets the thread of an attempt wait, and others wake it. `method` is how it signs in, if a person chose it."""

    def __init__(self, method: LoginMethod | None = None) -> None:
        self.method = method
        self._condition = threading.Condition()
        self._looks_again = False
        self.is_cancelled = False

    def wait(self, seconds: float) -> Wake:
        """Wait for at most `seconds`; say what ended it."""
        deadline = time.monotonic() + seconds
        with self._condition:
            while not (self.is_cancelled or self._looks_again):
                left = deadline - time.monotonic()
                if left <= 0:
                    return "elapsed"
                self._condition.wait(left)
            self._looks_again = False
            return "cancel" if self.is_cancelled else "poll"

    def cancel(self) -> None:
        """End the attempt; what it still obtains is thrown away."""
        with self._condition:
            self.is_cancelled = True
            self._condition.notify_all()

    def look_again(self) -> None:
        """Say that the person is back, so that asking now may be worth it."""
        with self._condition:
            self._looks_again = True
            self._condition.notify_all()
