"""How a run of the engine is asked to end before all is fetched (floor 4)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Control:
    """Asks one run to end, for a pause or for good; what came is kept for a later one. From any thread.

    Parameters
    ----------
    monotonic : callable
        Seconds that never go back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._stopped = False
        self._ends_by = math.inf
        self._callbacks: list[Callable[[], object]] = []

    @property
    def is_stopped(self) -> bool:
        """True once the run was asked to end."""
        return self._stopped

    @property
    def is_overdue(self) -> bool:
        """True when the run is to return now, whatever holds it up."""
        return self._monotonic() >= self._ends_by

    def stop(self, within_s: float = math.inf) -> None:
        """Ask the run to end, and to return within so many seconds also where it cannot end what it does."""
        self._ends_by = min(self._ends_by, self._monotonic() + within_s)
        self._stopped = True
        for callback in tuple(self._callbacks):
            callback()

    def on_stop(self, callback: Callable[[], object]) -> None:
        """Call `callback` when the run is asked to end, in the thread that asks; at once if it was. More than once does
        no harm to it."""
        self._callbacks.append(callback)
        if self._stopped:
            callback()
