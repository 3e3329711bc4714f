"""Telling views of a state: a few times a second, from a thread of its own, so that they hold nothing up (floor 4)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from .states import DownloadState

EVERY_S = 0.2
"""A view is told no more often: five times a second look smooth, and cost next to nothing."""

log = logging.getLogger(__name__)


class Teller:
    """Tells observers of each state that differs from the last one.

    Parameters
    ----------
    look : callable
        Returns the present state.
    every_s : float
        How long it waits between two looks.
    """

    def __init__(self, look: Callable[[], DownloadState], every_s: float = EVERY_S) -> None:
        self._look, self._every_s = look, every_s
        self._observers: list[Callable[[DownloadState], None]] = []
        self._told: DownloadState | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def observe(self, callback: Callable[[DownloadState], None]) -> Callable[[], None]:
        """Call `callback` with each state from now on; return what ends this."""
        self._observers.append(callback)

        def end() -> None:
            if callback in self._observers:
                self._observers.remove(callback)

        return end

    def begin(self) -> None:
        """Tell from now on."""
        self._over.clear()
        self._thread = threading.Thread(target=self._run, daemon=True, name="download-views")
        self._thread.start()

    def pause(self) -> None:
        """Tell no more, and return when nobody is being told anything."""
        thread, self._thread = self._thread, None
        self._over.set()
        if thread is not None:
            thread.join()

    def tell(self) -> None:
        """Tell the present state, unless it is the one that was told last."""
        if not self._observers:
            return
        state = self._look()
        if state == self._told:
            return
        self._told = state
        for callback in tuple(self._observers):
            _tell_one(callback, state)

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            self.tell()


def _tell_one(callback: Callable[[DownloadState], None], state: DownloadState) -> None:
    try:
        callback(state)
    except Exception as exc:  # noqa: BLE001 - a view that fails must not end the download
        log.warning("A view of the download failed (%s).", type(exc).__name__)
