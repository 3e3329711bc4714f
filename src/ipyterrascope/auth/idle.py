"""What happens to a session that nobody uses: it ends, or is kept alive for a while (floor 3)."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from ..errors import LoginRequired, TerrascopeError
from .vault import Vault

_MARGIN_S = 60.0


class IdleWatch:
    """Watches one vault with a timer that runs only while a session can end.

    Parameters
    ----------
    vault : Vault
    keep_alive_s : float
        Seconds since the last use for which the session is renewed before it ends.
    monotonic : callable
        The clock, in seconds.
    """

    def __init__(
        self, vault: Vault, keep_alive_s: float = 0.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._vault, self._keep_alive_s, self._monotonic = vault, keep_alive_s, monotonic
        self._used_at = -math.inf
        self._timer: threading.Timer | None = None

    def used(self) -> None:
        """Say that somebody used the session just now."""
        self._used_at = self._monotonic()

    def watch(self) -> None:
        """Start to watch, or start again after the session was renewed."""
        self.stop()
        remaining = self._vault.session_remaining_s()
        if remaining < math.inf:
            if self._is_kept():
                remaining -= min(_MARGIN_S, 0.1 * remaining)
            self._timer = threading.Timer(max(remaining, 0.05), self._due)
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """Watch no more."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _is_kept(self) -> bool:
        return self._monotonic() - self._used_at < self._keep_alive_s

    def _due(self) -> None:
        if self._vault.session_remaining_s() <= 0:
            reason = LoginRequired("The session has ended.", "Nobody used it for too long.", "Sign in again.")
            self._vault.end(reason)
        elif self._is_kept():
            try:
                self._vault.renew()
            except TerrascopeError:
                self.watch()
        else:
            self.watch()
