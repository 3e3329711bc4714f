"""Work in threads for which Python waits a little before it ends, for else it would be lost (below floor 1)."""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

_PATIENCE_S = 10.0
_threads: set[threading.Thread] = set()


@contextmanager
def awaited() -> Generator[None, None, None]:
    """Let Python wait for this thread until the block is left."""
    thread = threading.current_thread()
    _threads.add(thread)
    try:
        yield
    finally:
        _threads.discard(thread)


def begin(work: Callable[[], object], name: str) -> None:
    """Begin work that nobody else waits for, on a thread of that name."""

    def awaited_work() -> None:
        with awaited():
            work()

    thread = threading.Thread(target=awaited_work, daemon=True, name=name)
    # from here on, and not from when it gets its turn
    _threads.add(thread)
    try:
        thread.start()
    except BaseException:
        _threads.discard(thread)
        raise


@atexit.register
def _wait() -> None:
    ends_at = time.monotonic() + _PATIENCE_S
    for thread in tuple(_threads):
        # in the child of a fork none of them runs
        thread.join(max(0.0, ends_at - time.monotonic()))
