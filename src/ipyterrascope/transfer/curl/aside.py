"""Work that may take a while, beside the thread that serves the sockets (floor 4).

Renewing a token asks a server, and a look at a checksum, or at what has a name already, reads a whole file: meanwhile
the other transfers go on.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from ...values.secret import sealed

_T = TypeVar("_T")


class Aside:
    """Does work in threads of its own, and what follows from it in the one that calls `collect`.

    Parameters
    ----------
    wake : callable
        Called when there is something to collect, from any thread.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._done: deque[Callable[[], None]] = deque()
        self._threads: set[threading.Thread] = set()
        self._waited_for = 0

    @property
    def is_busy(self) -> bool:
        """True while there is work of which the outcome was not collected."""
        return self._waited_for > 0

    def begin(self, work: Callable[[], _T], then: Callable[[_T | BaseException], None]) -> None:
        """Do `work`; `then` gets what it returned or raised."""
        self._waited_for += 1
        thread = threading.Thread(target=self._work, args=(work, then), daemon=True, name="download-aside")
        self._threads.add(thread)
        thread.start()

    def _work(self, work: Callable[[], _T], then: Callable[[_T | BaseException], None]) -> None:
        answer: _T | BaseException
        try:
            # frames below may hold a credential
            answer = sealed(work)
        except BaseException as exc:  # noqa: BLE001 - it is the outcome
            answer = exc
        self._done.append(partial(then, answer))
        self._threads.discard(threading.current_thread())
        self._wake()

    def collect(self) -> None:
        """Let follow what follows from work that is done."""
        while self._done:
            self._waited_for -= 1
            self._done.popleft()()

    def join(self) -> None:
        """Wait for the work under way; nothing follows from it."""
        for thread in tuple(self._threads):
            thread.join()
