"""Work on a thread of its own: its answer reaches all who wait, and an interrupt of one of them harms nobody."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ipyterrascope.threads.errand import Errand


def test_the_answer_reaches_all() -> None:
    """Who waited before and who comes later get the same; who does not wait long enough gets None."""
    may_answer = threading.Event()
    errand = Errand(lambda: (may_answer.wait(20), "answer")[1], "errand")
    errand.start()
    assert errand.wait(0.01) is None
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(errand.wait, 20) for _ in range(4)]
        may_answer.set()
        assert [future.result(20) for future in waiting] == ["answer"] * 4
    assert errand.wait() == errand.answer == "answer"


def test_an_exception_is_an_answer() -> None:
    """Whatever the work raises, nobody waits for ever."""
    errand = Errand(lambda: 1 // 0, "errand")
    errand.start()
    assert isinstance(errand.wait(20), ZeroDivisionError)


def test_calling_it_back() -> None:
    """Before it has begun it can be called back, and then never runs; afterwards it cannot."""
    runs: list[int] = []
    errand = Errand(lambda: runs.append(1), "errand")
    assert errand.recall()
    errand.start()
    begun = Errand(lambda: runs.append(2) or "done", "errand")
    begun.start()
    assert begun.wait(20) == "done"
    assert not begun.recall()
    assert runs == [2]


_STORM = """
import os, signal, sys, threading, time
from ipyterrascope.threads.errand import Errand
from ipyterrascope.auth.machine import Machine
from ipyterrascope.values.states import LoginState

machine, interrupts, told = Machine(LoginState()), 0, []
machine.observe(lambda state: told.append(state.serial))
stop = threading.Event()

def storm():
    while not stop.is_set():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.0005)

def guarded(action):
    global interrupts
    try:
        action()
    except KeyboardInterrupt:
        interrupts += 1

def errand():
    one = Errand(lambda: "done", "errand")
    one.start()
    one.wait(20)

def calm():
    try:
        stop.set()
        stormer.join()
    except KeyboardInterrupt:
        calm()

stormer = threading.Thread(target=storm)
guarded(stormer.start)
while interrupts < int(sys.argv[1]):
    try:
        guarded(lambda: machine.show(user="dora"))
        guarded(lambda: machine.wait_for(lambda state: False, 0.001))
        guarded(lambda: machine.observe(told.append)())
        guarded(errand)
    except KeyboardInterrupt:
        interrupts += 1
calm()
try:
    time.sleep(0.01)
except KeyboardInterrupt:
    pass

def after():
    machine.show(user="boots")
    last = machine.state.serial
    deadline = time.monotonic() + 20
    while last not in told and time.monotonic() < deadline:
        time.sleep(0.01)
    errand = Errand(lambda: "done", "errand")
    errand.start()
    print(last in told, machine.wait_for(lambda state: state.user == "boots", 20).user, errand.wait(20))
    os._exit(0)

threading.Thread(target=after).start()
time.sleep(60)
"""


@pytest.mark.soak
def test_a_storm_of_interrupts_leaves_nothing_held() -> None:
    """Hundreds of Ctrl-C while a state is changed, waited for and observed: afterwards another thread can do it all."""
    done = subprocess.run([sys.executable, "-c", _STORM, "300"], capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["True", "boots", "done"], done.stderr
