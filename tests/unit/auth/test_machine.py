"""The machine behind an account: one change at a time, told in order, outside every lock, whoever listens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ipyterrascope.auth.machine import Machine
from ipyterrascope.values.states import LoginState

Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def machine() -> Machine:
    return Machine(LoginState())


def test_each_change_is_told_with_its_serial(machine: Machine, until: Until) -> None:
    """A change replaces the named fields, counts up, and is told to all observers."""
    one, other = [], []
    machine.observe(one.append)
    machine.observe(other.append)
    machine.show(phase="signing_in")
    machine.show(user="dora")
    until(lambda: len(other) == 2)
    assert [(state.serial, state.phase, state.user) for state in one] == [
        (1, "signing_in", ""),
        (2, "signing_in", "dora"),
    ]
    assert one == other
    assert machine.state is one[-1]


def test_several_changes_in_one_breath(machine: Machine, until: Until) -> None:
    """Who holds the lock changes several things and nobody else any; afterwards all of it is told, in order."""
    told: list[int] = []
    machine.observe(lambda state: told.append(state.serial))
    other = threading.Thread(target=machine.show)
    with machine.lock:
        machine.show()
        other.start()
        machine.show(user="dora")
    other.join(20)
    until(lambda: len(told) == 3)
    assert told == [1, 2, 3]
    assert machine.state.user == "dora"


@pytest.mark.soak
def test_order_under_threads(machine: Machine, until: Until) -> None:
    """Eight threads that change it: every state is told exactly once, in the order of serials, to each observer."""
    told: list[int] = []
    machine.observe(lambda state: told.append(state.serial))
    slow: list[int] = []
    machine.observe(lambda state: (time.sleep(0), slow.append(state.serial)))
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(lambda: [machine.show() for _ in range(200)]) for _ in range(8)]:
            future.result(60)
    until(lambda: len(slow) == 1600)
    assert told == slow == list(range(1, 1601))


def test_observers_run_outside_the_lock(machine: Machine) -> None:
    """While an observer runs, another thread can read, wait and change: nothing is held."""
    done = threading.Event()

    def other() -> None:
        machine.show(user="other")
        machine.wait_for(lambda state: state.user == "other", 20)
        machine.observe(lambda _: None)()
        done.set()

    def observer(state: LoginState) -> None:
        if state.serial == 1:
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(20)

    machine.observe(observer)
    machine.show()
    assert done.wait(20)


def test_an_observer_that_takes_its_time_holds_nobody_up(machine: Machine) -> None:
    """Who changes the state, or waits for a change, does not wait for what a view does with it."""
    may_go_on = threading.Event()
    machine.observe(lambda _: may_go_on.wait(20))
    for _ in range(3):
        machine.show(user="dora")
    assert machine.wait_for(lambda state: state.serial == 3, 20).user == "dora"
    assert not may_go_on.is_set()
    may_go_on.set()


def test_an_observer_may_change_the_state(machine: Machine, until: Until) -> None:
    """A change made by an observer is told after the one that it saw, to all."""
    first: list[int] = []
    second: list[int] = []

    def observer(state: LoginState) -> None:
        first.append(state.serial)
        if state.serial == 1:
            machine.show()

    machine.observe(observer)
    machine.observe(lambda state: second.append(state.serial))
    machine.show()
    until(lambda: len(second) == 2)
    assert first == second == [1, 2]


def test_an_observer_that_raises(machine: Machine, caplog: pytest.LogCaptureFixture, until: Until) -> None:
    """One view that fails ends neither the change nor the other views; a line is logged without what it said."""
    told: list[int] = []

    def observer(_: LoginState) -> None:
        raise ValueError("s3cret")

    machine.observe(observer)
    machine.observe(lambda state: told.append(state.serial))
    machine.show()
    machine.show()
    until(lambda: len(told) == 2)
    assert told == [1, 2]
    assert "ValueError" in caplog.text
    assert "s3cret" not in caplog.text


def test_ending_an_observation(machine: Machine, until: Until) -> None:
    """An observer that ended hears nothing more; ending twice, or from within, is no error; another can begin."""
    told: list[int] = []
    later: list[int] = []

    def once(state: LoginState) -> None:
        told.append(state.serial)
        end()

    end = machine.observe(once)
    machine.show()
    until(lambda: told)
    machine.show()
    end()
    machine.observe(lambda state: later.append(state.serial))
    machine.show()
    until(lambda: later)
    assert (told, later) == ([1], [3])


def test_no_thread_is_left_when_nobody_listens(machine: Machine, until: Until) -> None:
    """The thread that tells ends with the last observer."""
    before = set(threading.enumerate())
    ends = [machine.observe(lambda _: None) for _ in range(3)]
    ours = set(threading.enumerate()) - before
    assert len(ours) == 1
    for end in ends:
        end()
    until(lambda: not ours & set(threading.enumerate()))


def test_waiting(machine: Machine) -> None:
    """Waiting returns when the state is reached, or with the present one when time is up."""
    assert machine.wait_for(lambda state: state.serial == 0).serial == 0
    assert machine.wait_for(lambda state: state.user == "dora", 0.01).user == ""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(machine.wait_for, lambda state: state.user == "dora", 20)
        machine.show(user="somebody")
        machine.show(user="dora")
        assert waiting.result(20).user == "dora"
