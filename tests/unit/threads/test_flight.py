"""One call for all who want its answer: shared while it runs, never queued for, and alive after a fork."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ipyterrascope.errors import ProviderUnreachable
from ipyterrascope.threads.abort import AbortSignal
from ipyterrascope.threads.flight import SingleFlight


class Plane:
    """A call that counts, and lands when it is told."""

    def __init__(self) -> None:
        self.calls = 0
        self.has_begun, self.may_land = threading.Event(), threading.Event()
        self.failure: BaseException | None = None

    def __call__(self) -> int:
        self.calls += 1
        number = self.calls
        self.has_begun.set()
        assert self.may_land.wait(20)
        if self.failure is not None:
            raise self.failure
        return number


@pytest.fixture
def plane() -> Iterator[Plane]:
    plane = Plane()
    yield plane
    plane.may_land.set()


def test_who_waits_shares_the_answer(plane: Plane) -> None:
    """However many threads want it, there is one call; the next one is made anew."""
    flight = SingleFlight(plane)
    with ThreadPoolExecutor(8) as pool:
        passengers = [pool.submit(flight.join) for _ in range(8)]
        wait_until_waiting(flight, 8)
        plane.may_land.set()
        assert [each.result(20) for each in passengers] == [1] * 8
    assert flight.join() == 2


def test_who_waits_shares_the_failure(plane: Plane) -> None:
    """A failure is everybody's who waited for it, each with an exception of its own; nobody asks again behind it."""
    plane.failure = ProviderUnreachable("It is down.", status=503)
    flight = SingleFlight(plane)
    with ThreadPoolExecutor(8) as pool:
        passengers = [pool.submit(flight.join) for _ in range(8)]
        wait_until_waiting(flight, 8)
        plane.may_land.set()
        failures = [each.exception(20) for each in passengers]
    assert plane.calls == 1
    assert len(set(map(id, failures))) == 8
    assert {(type(each), str(each), getattr(each, "status", None)) for each in failures} == {
        (ProviderUnreachable, "It is down.", 503)
    }


def test_who_gives_up_leaves_the_others_alone(plane: Plane) -> None:
    """One whose signal is aborted waits no longer; the call goes on, and the others get its answer."""
    flight, signal = SingleFlight(plane), AbortSignal()
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(flight.join, signal), pool.submit(flight.join)
        wait_until_waiting(flight, 2)
        signal.abort()
        assert first.result(20) is None
        assert flight.join(signal) is None
        assert not second.done()
        plane.may_land.set()
        assert second.result(20) == 1


def wait_until_waiting(flight: SingleFlight[int], number: int) -> None:
    """Return when that many threads wait for the flight under way."""
    for _ in range(2000):
        under_way = flight._flight  # pyright: ignore[reportPrivateUsage]
        if under_way is not None and len(under_way._waiting) == number:  # pyright: ignore[reportPrivateUsage]
            return
        threading.Event().wait(0.01)
    raise AssertionError("they do not wait")


def test_an_interrupt_ends_one_wait_only(plane: Plane) -> None:
    """Ctrl-C ends the wait of who pressed it; the call goes on, and the others get its answer."""
    flight = SingleFlight(plane)
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        wait_until_waiting(flight, 2)
        signal.pthread_kill(main, signal.SIGINT)

    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(flight.join)
        interrupting = pool.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            flight.join()
        interrupting.result(20)
        plane.may_land.set()
        assert other.result(20) == 1


def test_a_thread_that_cannot_be_started_blocks_nobody(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be had, that is raised, and the next one who comes tries again."""
    flight = SingleFlight(plane)
    plane.may_land.set()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="can't start"):
            flight.join()
    assert flight.join() == 1


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


_FORK = """
import json, os, threading
from ipyterrascope.threads.flight import SingleFlight

parent = os.getpid()
has_begun, may_land = threading.Event(), threading.Event()

def call():
    has_begun.set()
    if os.getpid() == parent:
        may_land.wait(20)
    return os.getpid() == parent

flight = SingleFlight(call)
threading.Thread(target=flight.join, daemon=True).start()
has_begun.wait(20)
flight._lock.acquire()  # another thread is just inside
reader, writer = os.pipe()
if os.fork() == 0:
    os.write(writer, json.dumps(flight.join()).encode())
    os._exit(0)
flight._lock.release()
child = json.loads(os.read(reader, 100))
os.wait()
may_land.set()
print(json.dumps([child, flight.join()]))
"""


def test_a_fork_in_the_middle_of_a_flight() -> None:
    """A forked child waits neither for the flight of its parent nor for its lock: it flies itself."""
    done = subprocess.run([sys.executable, "-c", _FORK], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == [False, True]


def test_what_nobody_holds_is_gone() -> None:
    """The watch for forks keeps no flight, and so no client, alive."""
    call: Callable[[], int] = lambda: 1  # noqa: E731
    flight = SingleFlight(call)
    flight.join()
    reference = weakref.ref(flight)
    del flight
    gc.collect()
    assert reference() is None
