"""Attempts to sign in: one at a time for each account, on a thread of its own, the newest wins (floor 3).

Only a device code may have another one beside it: of two codes that wait, one is of a login that may stay and one of a
login that may not, for that is a part of the question and cannot be changed any more. Whichever is approved first wins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from ..errors import LoginCancelled, LoginError, TerrascopeError
from ..protocol.device import Wake
from ..protocol.http import cancelled
from ..threads.abort import AbortSignal
from ..values.providers import LoginMethod
from ..values.secret import Secret, frameless
from ..values.states import DeviceAuthorization, LoginState
from .chain import PassedOver
from .credentials import Login
from .machine import Machine

EARLIER_CODE = "The code shown before is good too."
ELSEWHERE = "Another account? Use a private window, or sign out there first."


class Attempt:
    """Lets the thread of an attempt wait, and others wake it.

    `method` is how it signs in, if a person chose it; `before` is what was shown until then; `client_secret` is that of
    the client whose login it is; `remember` says whether it asks for a session that may stay, `is_switch` whether it is
    to take the place of the login that is there until then; `code` is what it waits to see approved; `signal` is
    aborted when it is cancelled; `passed_over` says why it came to nothing that anybody needs to be shown; `has_won` is
    True once it has its login, and `is_settled` once that cannot be cancelled any more.
    """

    def __init__(
        self,
        method: LoginMethod | None = None,
        before: LoginState | None = None,
        client_secret: Secret | None = None,
        *,
        remember: bool = False,
        is_switch: bool = False,
    ) -> None:
        self.method: LoginMethod | None = method
        self.before, self.client_secret = before or LoginState(), client_secret
        self.remember, self.is_switch = remember, is_switch
        self.code: DeviceAuthorization | None = None
        self.signal = AbortSignal()
        self.passed_over: PassedOver | None = None
        self._has_lost = self.has_won = self.is_settled = False
        self._calls: SimpleQueue[Wake] = SimpleQueue()

    @property
    def is_cancelled(self) -> bool:
        """True once it was cancelled, or another one was approved first."""
        return self._has_lost or self.signal.is_aborted

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

    def lose(self) -> None:
        """Ask no more, for another one was approved first. A question under way is not cut: somebody may have approved
        this one too, and only who hears the answer can end that session.
        """
        if self.code is None:
            self.cancel()
        else:
            self._has_lost = True
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

    Attributes
    ----------
    newest : Attempt or None
        The one that is shown.
    remember : bool
        Whether the login that comes is to be kept.
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
        self.remember = False
        self._beside: Attempt | None = None
        # what may be begun once more beside a code; it may hold a password, and so is kept no longer
        self._work: Callable[[Attempt], Login] | None = None
        # whether a login may stay: for which answers a code was asked for since the last start
        self._asked = set[bool]()

    def start(
        self,
        work: Callable[[Attempt], Login],
        method: LoginMethod | None = None,
        *,
        remember: bool = False,
        client_secret: Secret | None = None,
        is_switch: bool = False,
    ) -> Attempt:
        """Replace what is under way by `work` and return at once; `remember` is shown."""
        attempt = Attempt(method, self._machine.state, client_secret, remember=remember, is_switch=is_switch)
        with self._beginning(attempt, work) as thread:
            with self._machine.lock:
                attempt.is_switch |= self.newest is not None and self.newest.is_switch
                self.abandon()
                self.newest, self.remember, self._work, self._asked = attempt, remember, work, {remember}
                self._machine.show(phase="signing_in", device=None, error=None, notice="", remember=remember)
            thread.start()
        return attempt

    def change_wish(self, remember: bool, on_asking: Callable[[], None]) -> None:
        """Keep the login for which a code waits, or do not; show the code of such a login, and ask for it once.

        The one that was shown goes on beside it: somebody may be about to approve it. `on_asking` is called before
        another code is asked for; what it raises leaves all as it is.
        """
        with self._machine.lock:
            shown, other, work = self.newest, self._beside, self._work
            if shown is None or shown.code is None or work is None:
                return
            if shown.remember != remember and other is None and remember not in self._asked:
                on_asking()
            self.remember = remember
            self._machine.show(remember=remember)
            if shown.remember == remember or (other is not None and other.code is None):
                return
            if other is not None:
                self._turn_to(other)
                return
            if remember in self._asked:
                return  # there was none to be had: what is shown goes on
            self._asked.add(remember)
            other = self._beside = Attempt(
                shown.method, shown.before, shown.client_secret, remember=remember, is_switch=shown.is_switch
            )
        with self._beginning(other, work) as thread:
            thread.start()

    def wins(self, attempt: Attempt) -> bool:
        """Say that `attempt` has its login: nothing else is waited for any more. False where nobody wants that."""
        with self._machine.lock:
            if attempt not in (self.newest, self._beside):
                return False
            loser = self._beside if attempt is self.newest else self.newest
            # without a code: no other one is asked for beside it
            self.newest, self._beside, attempt.code = attempt, None, None
            if loser is not None:
                loser.lose()
            attempt.has_won = not attempt.is_cancelled
            return attempt.has_won

    def settle(self, attempt: Attempt) -> bool:
        """Say that the login of `attempt` is kept: from here on it stays. False where nobody wants it any more."""
        with self._machine.lock:
            attempt.is_settled = attempt is self.newest and not attempt.is_cancelled
            return attempt.is_settled

    def show_code(self, attempt: Attempt, code: DeviceAuthorization) -> None:
        """Show what `attempt` waits to see approved, unless it was cancelled, or the wish has changed meanwhile."""
        with self._machine.lock:
            attempt.code = code
            if attempt is self.newest or (attempt is self._beside and attempt.remember == self.remember):
                self._turn_to(attempt)

    def _turn_to(self, attempt: Attempt) -> None:
        if attempt is self._beside:
            self.newest, self._beside = attempt, self.newest
        notice = " ".join([EARLIER_CODE] * (self._beside is not None) + [ELSEWHERE] * attempt.is_switch)
        self._machine.show(phase="awaiting_user", device=attempt.code, error=None, notice=notice)

    def look_again(self) -> None:
        """Say that the person is back, so that asking now may be worth it."""
        for attempt in (self.newest, self._beside):
            if attempt is not None:
                attempt.look_again()

    def abandon(self) -> bool:
        """Cancel what is under way; return whether there was anything."""
        under_way = [attempt for attempt in (self.newest, self._beside) if attempt is not None]
        self.newest = self._beside = self._work = None
        for attempt in under_way:
            attempt.cancel()
        return bool(under_way)

    def show(self, attempt: Attempt, **changes: object) -> None:
        """Show how `attempt` goes, unless it was cancelled."""
        with self._machine.lock:
            if attempt is self.newest:
                self._machine.show(**changes)

    @contextmanager
    def _beginning(self, attempt: Attempt, work: Callable[[Attempt], Login]) -> Generator[threading.Thread, None, None]:
        try:
            yield threading.Thread(target=self._run, args=(attempt, work), daemon=True, name="login")
        except BaseException as exc:
            # interrupted, or no thread to be had: nobody must wait for it
            self._end(attempt, _not_begun(exc))
            attempt.cancel()
            raise

    def _run(self, attempt: Attempt, work: Callable[[Attempt], Login]) -> None:
        try:
            outcome: Login | TerrascopeError = work(attempt)
        except LoginCancelled:
            return
        except TerrascopeError as exc:
            outcome = frameless(exc)  # it is shown for long, and its frames would keep the password
        except Exception as exc:  # noqa: BLE001 - a thread has nobody above it: the person must see it
            why = f"There is a fault in this software ({type(exc).__name__})."
            outcome = LoginError("Signing in failed.", why, "Please report it.")
        if not self._end(attempt, outcome) and isinstance(outcome, Login):
            self._on_late(outcome)

    def _end(self, attempt: Attempt, outcome: Login | TerrascopeError) -> bool:
        with self._machine.lock:
            is_beside = attempt is self._beside
            if is_beside and not isinstance(outcome, Login):
                self._beside = None
                self._machine.show(notice=ELSEWHERE if attempt.is_switch else "")
                return False
            is_wanted = is_beside or attempt is self.newest
            if is_wanted:
                loser = self.newest if is_beside else self._beside
                self.newest = self._beside = self._work = None
                if loser is not None:
                    loser.lose()
                self._on_end(attempt, outcome)
        return is_wanted


def _not_begun(reason: BaseException) -> TerrascopeError:
    if isinstance(reason, KeyboardInterrupt):
        return cancelled()
    return LoginError("Signing in could not begin.", f"The system refused a thread ({reason}).", "Try again later.")
