"""When a device login is polled: never before its time, always to an end; only the test moves the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.errors import (
    LoginCancelled,
    LoginDenied,
    LoginError,
    LoginExpired,
    LoginRefused,
    ProviderAnswerInvalid,
    ProviderUnreachable,
    TerrascopeError,
)
from ipyterrascope.protocol.device import AuthorizationPending, SlowDown, Wake, until_approved
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet

TOKENS = TokenSet(access_token=Secret("x"), issued_at=0.0)
SAYS: dict[str, TerrascopeError] = {
    "pending": AuthorizationPending("Nobody approved yet."),
    "slow_down": SlowDown("Nobody approved yet."),
    "503": ProviderUnreachable("It is down.", status=503),
    "429": ProviderUnreachable("It is busy.", status=429),
    "503 for 50 s": ProviderUnreachable("It is down.", status=503, retry_after_s=50.0),
    "503 for 1 s": ProviderUnreachable("It is down.", status=503, retry_after_s=1.0),
    "pending for 20 s": AuthorizationPending("Nobody approved yet.", retry_after_s=20.0),
    "slow_down for 20 s": SlowDown("Nobody approved yet.", retry_after_s=20.0),
    "timeout": ProviderUnreachable("It did not answer."),
    "denied": LoginDenied("No."),
    "expired": LoginExpired("Too late."),
    "used": LoginRefused("It was used."),
    "html": ProviderAnswerInvalid("A page."),
}
DECISIVE = ("success", "denied", "expired", "used", "html")


@dataclass
class World:
    """Time, what the provider says (then `pending` for ever), how long its answers take, what people do when."""

    timeline: Sequence[str]
    durations: Sequence[float] = ()
    events: list[tuple[float, Wake]] = field(default_factory=list)
    start: float = 1000.0
    polls: list[tuple[float, float, str]] = field(default_factory=list)
    troubles: list[TerrascopeError | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = self.start
        self.events.sort()

    def wait(self, seconds: float) -> Wake:
        assert seconds > 0
        if self.events and self.start + self.events[0][0] <= self.now + seconds:
            at, kind = self.events.pop(0)
            self.now = max(self.now, self.start + at)
            return kind
        self.now += seconds
        return "elapsed"

    def poll(self) -> TokenSet:
        index, began = len(self.polls), self.now
        said = self.timeline[index] if index < len(self.timeline) else "pending"
        self.now += self.durations[index] if index < len(self.durations) else 0.0
        self.polls.append((began - self.start, self.now - self.start, said))
        if said == "success":
            return TOKENS
        raise SAYS[said]

    def play(self, interval_s: float = 5.0, lifetime_s: float = 600.0) -> TokenSet | TerrascopeError:
        try:
            return until_approved(
                self.poll,
                interval_s=interval_s,
                lifetime_s=lifetime_s,
                wait=self.wait,
                on_trouble=self.troubles.append,
                monotonic=lambda: self.now,
            )
        except TerrascopeError as exc:
            return exc

    @property
    def times(self) -> list[float]:
        return [round(began, 6) for began, _, _ in self.polls]


@pytest.mark.parametrize(
    ("timeline", "times"),
    [
        (["success"], [6]),
        (["pending", "pending", "success"], [6, 12, 18]),
        (["pending", "slow_down", "pending", "success"], [6, 12, 24, 36]),
        (["slow_down", "slow_down", "success"], [6, 18, 36]),
        (["503", "success"], [6, 18]),
        (["timeout", "503", "429", "pending", "success"], [6, 18, 42, 90, 96]),
        (["pending", "pending", "slow_down", "503", "success"], [6, 12, 18, 30, 54]),
        (["503 for 50 s", "success"], [6, 56]),
        (["503 for 50 s", "503", "pending", "success"], [6, 56, 80, 86]),
        (["503 for 1 s", "success"], [6, 18]),
        (["pending for 20 s", "pending", "success"], [6, 26, 32]),
        (["slow_down for 20 s", "pending", "success"], [6, 26, 38]),
        (["503"] * 7 + ["success"], [6, 18, 42, 90, 150, 210, 270, 330]),
    ],
)
def test_the_times_of_polls(timeline: list[str], times: list[float]) -> None:
    """20 % more than the interval; 5 s more for good after `slow_down`; doubled pauses while no answer comes; and
    never sooner than the provider asked."""
    world = World(timeline)
    assert world.play() is TOKENS
    assert world.times == times


def test_a_slow_answer_moves_the_next_poll() -> None:
    """The pause counts from the answer, so that two questions never reach the provider too close together."""
    world = World(["timeout", "pending", "success"], durations=[20.0, 4.0, 0.0])
    world.play()
    assert world.times == [6, 38, 48]


@pytest.mark.parametrize(
    ("events", "times"),
    [
        ([(5.5, "poll")], [5.5, 11.5]),
        ([(1.0, "poll")], [5, 11]),
        ([(1.0, "poll"), (2.0, "poll"), (4.9, "poll")], [5, 11]),
        ([(5.2, "poll"), (10.4, "poll")], [5.2, 10.4]),
        ([(5.2, "poll"), (5.3, "poll")], [5.2, 10.2]),
    ],
)
def test_who_looks_again_is_served_at_once(events: list[tuple[float, Wake]], times: list[float]) -> None:
    """When the person is back, the poll comes at once if the plain interval has passed, else when it has."""
    world = World(["pending", "success"], events=events)
    world.play()
    assert world.times == times


def test_who_looks_again_does_not_shorten_a_back_off() -> None:
    """A provider in trouble is left in peace, however often somebody looks."""
    world = World(["503", "success"], events=[(7.0 + i, "poll") for i in range(11)])
    world.play()
    assert world.times == [6, 18]


@pytest.mark.parametrize("said", ["503 for 50 s", "pending for 20 s"])
def test_who_looks_again_does_not_shorten_what_was_asked(said: str) -> None:
    """Nor is what the provider asked for cut short."""
    world = World([said, "success"], events=[(7.0 + i, "poll") for i in range(40)])
    world.play()
    assert world.times == [6, {"503 for 50 s": 56, "pending for 20 s": 26}[said]]


def test_who_looks_again_does_not_undo_slow_down() -> None:
    """After `slow_down`, looking again waits for the longer interval too."""
    world = World(["slow_down", "success"], events=[(6.5, "poll")])
    world.play()
    assert world.times == [6, 16]


def test_the_deadline() -> None:
    """Nobody approves: the login ends when the code does, and not a poll later."""
    world = World([])
    error = world.play(lifetime_s=600.0)
    assert isinstance(error, LoginExpired)
    assert error.error == "expired_token"
    assert world.now - world.start == pytest.approx(600)
    assert (world.times[0], world.times[-1], len(world.times)) == (6, 594, 99)


def test_a_provider_that_is_down_till_the_end() -> None:
    """Trouble without end is ended by the deadline, and the error is that the code ran out."""
    world = World(["503"] * 100)
    assert isinstance(world.play(lifetime_s=300.0), LoginExpired)
    assert world.now - world.start == pytest.approx(300)


def test_an_interval_longer_than_the_code_s_life() -> None:
    """A code that cannot be asked for in its life just runs out."""
    world = World(["success"])
    assert isinstance(world.play(interval_s=60.0, lifetime_s=30.0), LoginExpired)
    assert world.polls == []


def test_an_interval_longer_than_a_minute_is_kept() -> None:
    """The limit of a minute is for troubles only: the provider's own interval goes before it."""
    world = World(["pending", "503", "success"], events=[(200.0, "poll")])
    world.play(interval_s=90.0)
    assert world.times == [108, 200, 308]


@pytest.mark.parametrize("said", DECISIVE[1:])
def test_what_ends_it(said: str) -> None:
    """Denied, expired, used and a page end it with their own error at once."""
    world = World(["pending", said, "success"])
    assert world.play() is SAYS[said]
    assert len(world.polls) == 2


@pytest.mark.parametrize("at", [0.0, 3.0, 6.0, 11.9])
def test_cancel_ends_it_at_once(at: float) -> None:
    """Cancelling ends the waiting in the same moment."""
    world = World([], events=[(at, "cancel")])
    assert isinstance(world.play(), LoginCancelled)
    assert world.now - world.start == pytest.approx(at)


def test_troubles_are_told_and_taken_back() -> None:
    """Each passing trouble is told, and once when it is over."""
    world = World(["pending", "503", "timeout", "pending", "pending", "429", "success"])
    world.play()
    assert world.troubles == [SAYS["503"], SAYS["timeout"], None, SAYS["429"]]


EVENTS: st.SearchStrategy[list[tuple[float, Any]]] = st.lists(
    st.tuples(st.floats(0, 700), st.sampled_from(["poll", "poll", "poll", "cancel"])), max_size=12
)
TIMELINES = st.lists(
    st.sampled_from(["pending"] * 4 + ["slow_down"] * 2 + ["503", "429", "timeout", *DECISIVE]), max_size=30
)


@pytest.mark.soak
@given(
    timeline=TIMELINES,
    durations=st.lists(st.floats(0, 40), max_size=30),
    events=EVENTS,
    interval_s=st.floats(1, 120),
    lifetime_s=st.floats(1, 1800),
)
def test_any_timeline(
    timeline: list[str],
    durations: list[float],
    events: list[tuple[float, Wake]],
    interval_s: float,
    lifetime_s: float,
) -> None:
    """Whatever the provider says and people do: no poll before its time, and always an end, the right one."""
    world = World(timeline, durations, list(events))
    outcome = world.play(interval_s, lifetime_s)

    allowed_from, interval = interval_s, interval_s
    for began, ended, said in world.polls:
        assert began >= allowed_from - 1e-6  # never before its time
        assert began < lifetime_s
        interval += 5.0 * (said == "slow_down")
        allowed_from = ended + interval

    pauses = [later[0] - earlier[1] for earlier, later in zip(world.polls, world.polls[1:], strict=False)]
    assert all(pause <= max(60.0, 1.2 * interval) + 1e-6 for pause in pauses)  # never forgotten either

    said = [said for _, _, said in world.polls]
    assert not any(word in DECISIVE for word in said[:-1])  # nothing after the decision
    over = world.now - world.start
    cancelled_at = min((at for at, kind in events if kind == "cancel"), default=None)
    if said and said[-1] in DECISIVE:
        assert outcome is (TOKENS if said[-1] == "success" else SAYS[said[-1]])
    elif isinstance(outcome, LoginCancelled):
        last_answer = world.polls[-1][1] if world.polls else 0.0
        assert cancelled_at is not None
        assert over == pytest.approx(max(cancelled_at, last_answer), abs=1e-6)  # at once, or with the answer under way
    else:
        assert isinstance(outcome, LoginExpired)
        last_answer = world.polls[-1][1] if world.polls else 0.0
        assert over == pytest.approx(max(lifetime_s, last_answer), abs=1e-6)
        assert cancelled_at is None or cancelled_at >= lifetime_s - 1e-6 or last_answer >= lifetime_s - 1e-6
    assert outcome is TOKENS or isinstance(outcome, (LoginError, ProviderAnswerInvalid))
