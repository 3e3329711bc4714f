"""Attempts to sign in: one at a time for each account, on a thread of its own, the newest wins (floor 3)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from ..errors import LoginCancelled, LoginError, TerrascopeError
from ..protocol.device import Wake
from ..protocol.http import cancelled
from ..threads.abort import AbortSignal
from ..values.providers import LoginMethod
from ..values.secret import Secret
from ..values.states import LoginState
from .chain import PassedOver
from .credentials import Login
from .machine import Machine


class Attempt:
    """Lets the thread of an attempt wait, and others wake it.

    `method` is how it signs in, if a person chose it; `before` is what was shown until then; `client_secret` is that of
    the client whose login it is; `signal` is aborted when it is cancelled; `passed_over` says why it came to nothing
    that anybody needs to be shown.
    """

    def __init__(
        self,
        method: LoginMethod | None = None,
        before: LoginState | None = None,
        client_secret: Secret | None = None,
    ) -> None:
        self.method, self.before, self.client_secret = method, before or LoginState(), client_secret
        self.signal = AbortSignal()
        self.passed_over: PassedOver | None = None
        self._calls: SimpleQueue[Wake] = SimpleQueue()

    @property
    def is_cancelled(self) -> bool:
        """True once it was cancelled."""
        return self.signal.is_aborted

    def wait(self, seconds: float) -> Wake:
        """Wait for at most `seconds`; say what ended it. A wish to look again that came before counts once."""
        wake: Wake = "elapsed"
        try:
            wake = self._calls.get(timeout=0.0 if self.is_cancelled else max(0.0, seconds))
            while not self.is_cancelled:
                self._calls.get_nowait()
        except Empty:
            pass
        return "cancel" if self.is_cancelled else wake

    def cancel(self) -> None:
        """End the attempt; what it still obtains is thrown away."""
        self.signal.abort()
        self._calls.put("cancel")

    def look_again(self) -> None:
        """Say that the person is back, so that asking now may be worth it."""
        self._calls.put("poll")


class Attempts:
    """The attempts of one account.

    Parameters
    ----------
    machine : Machine
        Shows that one is under way.
    on_end : callable
        Told how the newest attempt ended, while nothing else can change.
    on_late : callable
        Told of a login that nobody wants any more, because its attempt was cancelled or replaced.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        on_end: Callable[[Attempt, Login | TerrascopeError], None],
        on_late: Callable[[Login], None],
    ) -> None:
        self._machine, self._on_end, self._on_late = machine, on_end, on_late
        self.newest: Attempt | None = None

    def start(
        self,
        work: Callable[[Attempt], Login],
        method: LoginMethod | None = None,
        *,
        remember: bool = False,
        client_secret: Secret | None = None,
    ) -> Attempt:
        """Replace what is under way by `work` and return at once; `remember` is shown."""
        attempt = Attempt(method, self._machine.state, client_secret)
        thread = threading.Thread(target=self._run, args=(attempt, work), daemon=True, name="login")
        try:
            with self._machine.lock:
                self.abandon()
                self.newest = attempt
                self._machine.show(phase="signing_in", device=None, error=None, notice="", remember=remember)
            thread.start()
        except BaseException as exc:
            # interrupted, or no thread to be had: nobody must wait for it
            self._end(attempt, _not_begun(exc))
            attempt.cancel()
            raise
        return attempt

    def abandon(self) -> bool:
        """Cancel what is under way; return whether there was anything."""
        attempt, self.newest = self.newest, None
        if attempt is not None:
            attempt.cancel()
        return attempt is not None

    def show(self, attempt: Attempt, **changes: object) -> None:
        """Show how `attempt` goes, unless it was cancelled."""
        with self._machine.lock:
            if attempt is self.newest:
                self._machine.show(**changes)

    def _run(self, attempt: Attempt, work: Callable[[Attempt], Login]) -> None:
        try:
            outcome: Login | TerrascopeError = work(attempt)
        except LoginCancelled:
            return
        except TerrascopeError as exc:
            outcome = exc
        except Exception as exc:  # noqa: BLE001 - a thread has nobody above it: the person must see it
            why = f"There is a fault in this software ({type(exc).__name__})."
            outcome = LoginError("Signing in failed.", why, "Please report it.")
        if not self._end(attempt, outcome) and isinstance(outcome, Login):
            self._on_late(outcome)

    def _end(self, attempt: Attempt, outcome: Login | TerrascopeError) -> bool:
        with self._machine.lock:
            is_newest = attempt is self.newest
            if is_newest:
                self.newest = None
                self._on_end(attempt, outcome)
        return is_newest


def _not_begun(reason: BaseException) -> TerrascopeError:
    if isinstance(reason, KeyboardInterrupt):
        return cancelled()
    return LoginError("Signing in could not begin.", f"The system refused a thread ({reason}).", "Try again later.")
