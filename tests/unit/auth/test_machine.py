"""The machine behind an account: one change at a time, told in order, outside every lock, whoever listens."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ipyterrascope.auth.machine import Machine
from ipyterrascope.values.states import LoginState


@pytest.fixture
def machine() -> Machine:
    return Machine(LoginState())


def test_each_change_is_told_with_its_serial(machine: Machine) -> None:
    """A change replaces the named fields, counts up, and is told to all observers."""
    one, other = [], []
    machine.observe(one.append)
    machine.observe(other.append)
    machine.show(phase="signing_in")
    machine.show(user="dora")
    assert [(state.serial, state.phase, state.user) for state in one] == [
        (1, "signing_in", ""),
        (2, "signing_in", "dora"),
    ]
    assert one == other
    assert machine.state is one[-1]


def test_a_transaction_is_told_when_it_has_ended(machine: Machine) -> None:
    """Within a transaction nothing is told, also in a nested one; afterwards everything, in order."""
    told: list[int] = []
    machine.observe(lambda state: told.append(state.serial))
    with machine.transaction():
        machine.show()
        with machine.transaction():
            machine.show()
        assert told == []
    assert told == [1, 2]


def test_a_transaction_that_fails_is_told_all_the_same(machine: Machine) -> None:
    """What was changed before an exception was changed: observers learn of it, and the next transaction works."""
    told: list[int] = []
    machine.observe(lambda state: told.append(state.serial))

    def fail() -> None:
        with machine.transaction(), machine.transaction():
            machine.show()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert told == [1]
    machine.show()
    assert told == [1, 2]


@pytest.mark.soak
def test_order_under_threads(machine: Machine) -> None:
    """Eight threads that change it: every state is told exactly once, in the order of serials, to each observer."""
    told: list[int] = []
    machine.observe(lambda state: told.append(state.serial))
    slow: list[int] = []
    machine.observe(lambda state: (time.sleep(0), slow.append(state.serial)))
    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(lambda: [machine.show() for _ in range(200)]) for _ in range(8)]:
            future.result(60)
    deadline = time.monotonic() + 20
    while len(slow) < 1600 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert told == slow == list(range(1, 1601))


def test_observers_run_outside_the_locks(machine: Machine) -> None:
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
            assert done.wait(20)
            thread.join(20)

    machine.observe(observer)
    machine.show()
    assert done.is_set()


def test_an_observer_may_change_the_state(machine: Machine) -> None:
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
    assert first == second == [1, 2]


def test_an_observer_that_raises(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    """One view that fails ends neither the change nor the other views; a line is logged without what it said."""
    told: list[int] = []

    def observer(_: LoginState) -> None:
        raise ValueError("s3cret")

    machine.observe(observer)
    machine.observe(lambda state: told.append(state.serial))
    machine.show()
    machine.show()
    assert told == [1, 2]
    assert "ValueError" in caplog.text
    assert "s3cret" not in caplog.text


def test_an_interrupt_of_an_observer_loses_no_state(machine: Machine) -> None:
    """Ctrl-C in an observer goes up; what was not told yet is told with the next change."""
    told: list[int] = []

    def observer(state: LoginState) -> None:
        if state.serial == 1:
            raise KeyboardInterrupt
        told.append(state.serial)

    def change() -> None:
        with machine.transaction():
            machine.show()
            machine.show()

    machine.observe(observer)
    with pytest.raises(KeyboardInterrupt):
        change()
    machine.show()
    assert told == [2, 3]


def test_ending_an_observation(machine: Machine) -> None:
    """An observer that ended hears nothing more; ending twice, or from within, is no error."""
    told: list[int] = []

    def once(state: LoginState) -> None:
        told.append(state.serial)
        end()

    end = machine.observe(once)
    machine.show()
    machine.show()
    end()
    assert told == [1]


def test_waiting(machine: Machine) -> None:
    """Waiting returns when the state is reached, or with the present one when time is up."""
    assert machine.wait_for(lambda state: state.serial == 0).serial == 0
    assert machine.wait_for(lambda state: state.user == "dora", 0.01).user == ""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(machine.wait_for, lambda state: state.user == "dora", 20)
        machine.show(user="somebody")
        machine.show(user="dora")
        assert waiting.result(20).user == "dora"
