"""An idle session: kept alive as long as was asked for, ended when it ends, and its timer ends with it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from ipyterrascope.auth.idle import IdleWatch
from ipyterrascope.auth.renewers import ByRefreshToken
from ipyterrascope.auth.vault import Vault
from ipyterrascope.errors import LoginRefused, ProviderUnreachable, TerrascopeError
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet


class Timer(threading.Timer):
    """A timer that the test rings."""

    is_running = False
    rings_at = 0.0

    def start(self) -> None:
        self.is_running = True

    def cancel(self) -> None:
        self.is_running = False


@dataclass
class World:
    """A vault and its watch, with a clock that runs from timer to timer."""

    keep_alive_s: float = 0.0
    idle_s: float | None = 3600.0
    now: float = 1000.0
    fails_with: TerrascopeError | None = None
    renewals: list[float] = field(default_factory=list)
    ended: list[TerrascopeError] = field(default_factory=list)
    timers: list[Timer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.vault = Vault(
            on_renewed=lambda _: self.watch.watch(),
            on_ended=self.end,
            clock=self.time,
            monotonic=self.time,
        )
        self.watch = IdleWatch(self.vault, self.keep_alive_s, monotonic=self.time, timer=self.timer)

    def time(self) -> float:
        return self.now

    def timer(self, seconds: float, call: Callable[[], None]) -> Timer:
        self.timers.append(Timer(seconds, call))
        self.timers[-1].rings_at = self.now + seconds
        return self.timers[-1]

    def tokens(self) -> TokenSet:
        return TokenSet(
            access_token=Secret("access"),
            refresh_token=Secret("refresh"),
            issued_at=self.now,
            expires_at=self.now + 300,
            refresh_expires_at=None if self.idle_s is None else self.now + self.idle_s,
        )

    def renew(self, _: TokenSet) -> TokenSet:
        self.renewals.append(self.now)
        if self.fails_with is not None:
            raise self.fails_with
        return self.tokens()

    def end(self, reason: TerrascopeError) -> None:
        self.ended.append(reason)
        self.watch.stop()

    def sign_in(self) -> None:
        self.vault.release(self.tokens(), ByRefreshToken(self.renew))
        self.watch.watch()

    def running(self) -> list[Timer]:
        return [timer for timer in self.timers if timer.is_running]

    def live_until(self, end: float) -> None:
        """Let time pass and the timers ring."""
        while (timers := self.running()) and timers[0].rings_at <= end:
            assert len(timers) == 1
            self.now = timers[0].rings_at
            timers[0].is_running = False
            timers[0].function()
        self.now = end


def test_an_unused_session_ends_and_says_so() -> None:
    """Without keeping alive the session ends with its idle time, and nothing is left running."""
    world = World()
    world.sign_in()
    world.watch.used()
    world.live_until(1000 + 3599)
    assert world.ended == []
    world.live_until(1000 + 3601)
    assert [str(reason) for reason in world.ended] == [
        "The session has ended. Nobody used it for too long. Sign in again."
    ]
    assert (world.renewals, world.running()) == ([], [])


def test_an_idle_session_is_kept_alive_and_then_let_go() -> None:
    """It is renewed before each end until `keep_alive_s` has passed since the last use; then it ends."""
    world = World(keep_alive_s=9000.0)
    world.sign_in()
    world.watch.used()
    world.live_until(1000 + 8000)
    assert [at - 1000 for at in world.renewals] == [pytest.approx(3540), pytest.approx(7080)]
    world.live_until(1000 + 20000)
    assert len(world.renewals) == 2
    assert len(world.ended) == 1
    assert world.now - 1000 > 7080 + 3600


def test_use_after_the_login_counts() -> None:
    """A use that needed no renewal, and so did not touch the watch, keeps the session as well."""
    world = World(keep_alive_s=7200.0)
    world.sign_in()
    world.now += 100
    world.watch.used()
    world.live_until(1000 + 3700)
    assert (len(world.renewals), world.ended) == (1, [])


def test_a_session_never_used_is_not_kept() -> None:
    """Keeping alive counts from the last use: without one the session ends by itself."""
    world = World(keep_alive_s=7200.0)
    world.sign_in()
    world.live_until(1000 + 3700)
    assert (world.renewals, len(world.ended)) == ([], 1)


def test_a_failed_renewal_is_tried_again() -> None:
    """A provider that is down just then is asked again while there is time; when it is back, the session lives."""
    world = World(keep_alive_s=9000.0, fails_with=ProviderUnreachable("It is down."))
    world.sign_in()
    world.watch.used()
    world.live_until(1000 + 3590)
    assert len(world.renewals) >= 1
    assert world.ended == []
    world.fails_with = None
    world.live_until(1000 + 3700)
    assert world.ended == []
    assert world.vault.session_remaining_s() > 3000


def test_a_failure_while_the_token_still_lives_is_tried_again_too() -> None:
    """Also where the access token outlives the session's margin, a failed renewal does not stop the watch."""
    world = World(keep_alive_s=9000.0, idle_s=200.0, fails_with=ProviderUnreachable("It is down."))
    world.sign_in()
    world.watch.used()
    world.live_until(1000 + 190)
    assert len(world.renewals) >= 1
    assert len(world.running()) == 1
    world.fails_with = None
    world.live_until(1000 + 250)
    assert world.ended == []


def test_a_provider_that_stays_down() -> None:
    """Then the session ends with its time; it was asked for a few times, not without pause."""
    world = World(keep_alive_s=9000.0, fails_with=ProviderUnreachable("It is down."))
    world.sign_in()
    world.watch.used()
    world.live_until(1000 + 3700)
    assert len(world.ended) == 1
    assert 2 <= len(world.renewals) <= 12
    assert world.running() == []


def test_a_session_that_the_provider_ended() -> None:
    """A refused renewal ends it at once."""
    world = World(keep_alive_s=9000.0, fails_with=LoginRefused("Over."))
    world.sign_in()
    world.watch.used()
    world.live_until(1000 + 3545)
    assert (len(world.renewals), len(world.ended), world.running()) == (1, 1, [])


def test_a_session_without_end_needs_no_timer() -> None:
    """Where a session does not end, nothing is watched."""
    world = World(keep_alive_s=9000.0, idle_s=None)
    world.sign_in()
    assert world.timers == []
    assert world.vault.session_remaining_s() == math.inf


def test_a_very_long_session() -> None:
    """Waits are cut to what every system's timer takes, and nothing is renewed before it is time."""
    world = World(keep_alive_s=1e9, idle_s=1e10 - 1)
    world.sign_in()
    world.watch.used()
    world.live_until(1000 + 86400)
    assert (world.renewals, world.ended) == ([], [])
    assert all(timer.interval <= 3600 for timer in world.timers)
    assert len(world.running()) == 1


def test_stopping() -> None:
    """Watching anew replaces the timer, and stopping leaves none."""
    world = World()
    world.sign_in()
    world.watch.watch()
    assert len(world.running()) == 1
    world.watch.stop()
    world.watch.stop()
    assert world.running() == []


def test_a_new_login_in_the_last_moment() -> None:
    """A session that was replaced just before its end does not take the new one with it."""
    world = World()
    world.sign_in()
    (timer,) = world.running()
    world.now += 3600
    world.sign_in()
    timer.function()
    assert world.ended == []
    assert world.vault.peek() is not None


def test_real_timers() -> None:
    """With the system's own timers and clock a short session ends by itself."""
    over = threading.Event()
    vault = Vault(on_ended=lambda _: over.set())
    watch = IdleWatch(vault)
    vault.release(TokenSet(access_token=Secret("a"), refresh_token=Secret("r"), issued_at=0.0, refresh_expires_at=0.1))
    watch.watch()
    assert over.wait(20)
    watch.stop()
