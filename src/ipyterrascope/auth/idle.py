"""What happens to a session that nobody uses: it ends, or is kept alive for a while (floor 3)."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ..errors import SIGN_IN_AGAIN, LoginRequired, TerrascopeError
from .vault import Vault

_MARGIN_S = 60.0
# a longer wait is more than some systems' timers take
_LONGEST_WAIT_S = 3600.0


class IdleWatch:
    """Watches one vault with a timer that runs only while a session can end.

    Parameters
    ----------
    vault : Vault
    keep_alive_s : float
        Seconds since the last use for which the session is renewed before it ends.
    monotonic : callable
        The clock, in seconds.
    timer : callable
        Makes what calls a function after some seconds, like `threading.Timer`.
    """

    def __init__(
        self,
        vault: Vault,
        keep_alive_s: float = 0.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        timer: Callable[[float, Callable[[], None]], threading.Timer] = threading.Timer,
    ) -> None:
        self._vault, self.keep_alive_s = vault, keep_alive_s
        self._monotonic, self._make_timer = monotonic, timer
        self._used_at = -math.inf
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def used(self) -> None:
        """Say that somebody used the session just now."""
        self._used_at = self._monotonic()

    def watch(self) -> None:
        """Start to watch, or start again after the session was renewed."""
        remaining = self._vault.session_remaining_s()
        if self.keep_alive_s > 0:
            # in time to renew; whether somebody used it is known only then
            remaining -= min(_MARGIN_S, 0.1 * remaining)
        with self._lock:
            self._cancel()
            if remaining < math.inf:
                self._timer = self._make_timer(min(max(remaining, 0.05), _LONGEST_WAIT_S), self._due)
                self._timer.daemon = True
                self._timer.start()

    def stop(self) -> None:
        """Watch no more."""
        with self._lock:
            self._cancel()

    def after_fork(self) -> None:
        """Watch no more: the child of a fork has no timer, and no refresh token to renew with."""
        self._lock, self._timer = threading.Lock(), None

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    def _due(self) -> None:
        # where others share the login, one of them may have renewed it
        self._vault.catch_up()
        ended = LoginRequired("The session has ended.", "Nobody used it for too long.", SIGN_IN_AGAIN)
        self._vault.end_if_over(ended)
        is_kept = self._monotonic() - self._used_at < self.keep_alive_s
        if is_kept and self._vault.session_remaining_s() <= _MARGIN_S:
            # what fails is tried again, until the session is over
            with suppress(TerrascopeError):
                self._vault.renew()
        self.watch()
