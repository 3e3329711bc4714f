"""How many connections a host is asked for, and how fast all of them may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.transfer.curl.pace import Allowance, Pace


def test_it_begins_low_and_grows() -> None:
    """A host is asked for few connections at first, for more from its first good answer on, and for three more with
    each further one, up to the ceiling."""
    pace = Pace(21)
    seen = [pace.allowed]
    for _ in range(4):
        pace.answered(0.0)
        seen.append(pace.allowed)
    assert seen == [8, 16, 19, 21, 21]
    pace = Pace(10)
    pace.answered(0.0)
    assert pace.allowed == 10
    assert Pace(1).allowed == 1


def test_a_host_that_was_not_reached() -> None:
    """It is asked for one thing after a rest, and for one more again with each answer."""
    pace = Pace(10)
    pace.unreached(1.0, 5.0)
    assert (pace.allowed, pace.rests_until) == (1, 6.0)
    pace.answered(6.0)
    pace.answered(6.0)
    assert pace.allowed == 3


def test_overload_halves() -> None:
    """A host that has too much is asked for half, and for nothing new for a while; one trouble counts once."""
    pace = Pace(8)
    for _ in range(8):
        pace.answered(0.0)
    pace.overloaded(1.0, 5.0)
    pace.overloaded(1.1, 3.0)
    assert (pace.allowed, pace.rests_until) == (4, 6.0)
    pace.answered(7.0)
    assert pace.allowed == 4
    pace.overloaded(8.0, 0.0)
    pace.overloaded(9.0, 0.0)
    pace.overloaded(10.0, 0.0)
    assert pace.allowed == 1
    for now in (60.0, 61.0):
        pace.answered(now)
    assert pace.allowed == 3


def test_what_brings_nothing_is_taken_back() -> None:
    """More connections that do not make it faster are given up, and not tried again for a while."""
    pace = Pace(16)
    pace.received(0, 8, 0.0)
    pace.received(1000, 8, 1.0)
    for _ in range(8):
        pace.answered(1.0)
    pace.received(2010, 16, 2.0)
    assert pace.allowed == 8
    pace.answered(10.0)
    assert pace.allowed == 8
    pace.answered(40.0)
    assert pace.allowed == 9


def test_what_is_taken_back_leaves_the_first() -> None:
    """A single stream that fills the line does not keep what comes after it to one connection."""
    pace = Pace(16)
    pace.received(0, 1, 0.0)
    pace.received(1000, 1, 1.0)
    pace.received(2000, 8, 2.0)
    assert pace.allowed == 8


def test_what_makes_it_faster_is_kept() -> None:
    """More connections that make it faster stay."""
    pace = Pace(16)
    pace.received(0, 8, 0.0)
    pace.received(1000, 8, 1.0)
    for _ in range(8):
        pace.answered(1.0)
    pace.received(3000, 16, 2.0)
    assert pace.allowed == 16


@given(
    ceiling=st.integers(1, 64),
    events=st.lists(
        st.tuples(
            st.sampled_from(["answered", "overloaded", "received"]), st.integers(0, 1 << 30), st.floats(0.0, 100.0)
        )
    ),
)
def test_always_one_and_never_more_than_the_ceiling(ceiling: int, events: list[tuple[str, int, float]]) -> None:
    """Whatever happens, a host is asked for one connection at least and never for more than allowed."""
    pace, now, total = Pace(ceiling), 0.0, 0
    for kind, size, passed in events:
        now, total = now + passed, total + size
        if kind == "answered":
            pace.answered(now)
        elif kind == "overloaded":
            pace.overloaded(now, passed)
        else:
            pace.received(total, size % (ceiling + 1), now)
        assert 1 <= pace.allowed <= ceiling


def test_no_limit_is_no_rest() -> None:
    """Without a limit nobody rests."""
    assert Allowance(None, 0.0).rest_s(1 << 40, 0.001) == 0.0


@given(amounts=st.lists(st.integers(0, 1 << 24), min_size=1), rate=st.floats(1e3, 1e9))
def test_rate_is_kept(amounts: list[int], rate: float) -> None:
    """Who rests as told is never faster than the limit on the whole."""
    allowance, now, total = Allowance(rate, 0.0), 0.0, 0
    for amount in amounts:
        total += amount
        now += allowance.rest_s(total, now)
        assert total / rate <= now * 1.001 + 1e-6


def test_pause_saves_nothing_up() -> None:
    """After a pause of the network the speed is what it was, and no burst makes up for it."""
    allowance = Allowance(1000.0, 0.0)
    assert allowance.rest_s(1000, 0.5) == pytest.approx(0.5)
    assert allowance.rest_s(1000, 100.0) == 0.0
    assert allowance.rest_s(3000, 100.0) == pytest.approx(2.0)
