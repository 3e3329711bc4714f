"""Ends a transfer over requests that brings nothing, however busy the server keeps the line (floor 4).

A time-out only knows silence. A server that sends one byte a minute, `100 Continue` without end, or trailers without
end holds a reader for ever, inside the library. So the socket is shut from another thread, and the reader wakes up as
from a lost connection.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter


class Watchdog:
    """Shuts the connection in use when nothing was fed for a while. Use it in a `with` block, from one thread.

    Parameters
    ----------
    session : requests.Session
        Meanwhile its plain adapters are replaced by ones that can be watched; an adapter of another class is left.
    limit_s : float
        Seconds.
    monotonic : callable
        Seconds that never go back.

    Attributes
    ----------
    barked : bool
        Whether the last request was ended.
    """

    def __init__(
        self, session: requests.Session, limit_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.barked = False
        self.limit_s = limit_s
        self._session, self._monotonic = session, monotonic
        self._plain = {prefix: adapter for prefix, adapter in session.adapters.items() if type(adapter) is HTTPAdapter}
        self._sock: socket.socket | None = None
        self._fed_at = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, name="ipyterrascope-watchdog", daemon=True)

    def __enter__(self) -> Watchdog:
        self._session.adapters.update({prefix: _WatchedAdapter(self) for prefix in self._plain})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        for prefix, adapter in self._plain.items():
            self._session.adapters[prefix].close()
            self._session.adapters[prefix] = adapter

    def begin(self) -> None:
        """A request begins; there is no connection yet."""
        self._sock, self.barked = None, False

    def watch(self, sock: socket.socket) -> None:
        """The answer is waited for on this socket."""
        self.feed()
        self._sock = sock

    def feed(self) -> None:
        """Some of the file came."""
        self._fed_at = self._monotonic()

    def _look(self) -> None:
        while not self._end.wait(self.limit_s / 4):
            sock = self._sock
            if sock is not None and self._monotonic() - self._fed_at > self.limit_s:
                self._sock, self.barked = None, True
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


class _WatchedAdapter(HTTPAdapter):
    """Shows the socket of each request to a watchdog. Nothing else knows it before the answer has begun."""

    def __init__(self, watchdog: Watchdog) -> None:
        super().__init__()
        self._watchdog = watchdog

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if not issubclass(pool.ConnectionCls, _Watched):
            pool.ConnectionCls = type("Watched", (_Watched, pool.ConnectionCls), {"watchdog": self._watchdog})
        return pool


class _Watched:
    """Mixed into a connection of urllib3."""

    watchdog: Watchdog
    sock: socket.socket

    def getresponse(self) -> Any:
        self.watchdog.watch(self.sock)
        return super().getresponse()  # type: ignore[misc]
