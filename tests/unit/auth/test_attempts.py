"""What the thread of an attempt waits on: time, somebody who looks again, or the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ipyterrascope.auth.attempts import Attempt


def test_time_passes() -> None:
    """Without any event the wait ends by itself, at once when nothing is left to wait."""
    assert Attempt().wait(0.01) == "elapsed"
    assert Attempt().wait(-1) == "elapsed"


def test_looking_again_wakes_once() -> None:
    """Who looks again ends the wait, also one that has not begun; the next wait is a full one."""
    attempt = Attempt()
    attempt.look_again()
    attempt.look_again()
    assert attempt.wait(20) == "poll"
    assert attempt.wait(0.01) == "elapsed"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(attempt.wait, 20)
        attempt.look_again()
        assert waiting.result(10) == "poll"


def test_cancel_goes_before_all_and_stays() -> None:
    """A cancelled attempt never waits again, whatever else happened."""
    attempt = Attempt()
    attempt.look_again()
    with ThreadPoolExecutor(1) as pool:
        attempt.wait(20)
        waiting = pool.submit(attempt.wait, 20)
        attempt.cancel()
        assert waiting.result(10) == "cancel"
    attempt.look_again()
    assert attempt.wait(20) == "cancel"
    assert attempt.is_cancelled
