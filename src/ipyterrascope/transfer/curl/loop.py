"""The sockets of many transfers, watched in one thread (floor 4)."""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import suppress
from select import select

import pycurl

_EVENTS = {pycurl.POLL_IN: selectors.EVENT_READ, pycurl.POLL_OUT: selectors.EVENT_WRITE}
_EVENTS[pycurl.POLL_INOUT] = selectors.EVENT_READ | selectors.EVENT_WRITE


class Loop:
    """libcurl's multi interface over the best selector of the system: `select` alone stops at descriptor 1023.

    From one thread; `wake` alone may come from others.

    Parameters
    ----------
    most_connections : int
        How many are kept open for later.
    """

    def __init__(self, most_connections: int) -> None:
        self._multi = pycurl.CurlMulti()
        self._selector = selectors.DefaultSelector()
        self._due: float | None = None
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._selector.register(self._ours, selectors.EVENT_READ)
        # one transfer for each connection: several ranges of a file over one would share its window
        self._multi.setopt(pycurl.M_PIPELINING, 0)
        self._multi.setopt(pycurl.M_MAXCONNECTS, most_connections)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)

    def close(self) -> None:
        """End it, with no transfer under way."""
        self._multi.close()
        self._selector.close()
        self._ours.close()
        self._theirs.close()

    def wake(self) -> None:
        """End the wait of a `turn` or `rest` under way, or of the next one."""
        with suppress(OSError):  # full of calls already, or closed
            self._theirs.send(b"\0")

    def add(self, handle: pycurl.Curl) -> None:
        """Begin a transfer."""
        self._multi.add_handle(handle)

    def remove(self, handle: pycurl.Curl) -> None:
        """End a transfer, or clear away one that ended."""
        self._multi.remove_handle(handle)

    def turn(self, most_s: float) -> list[tuple[pycurl.Curl, int]]:
        """Wait for at most `most_s` seconds, do what can be done, and return what ended: handle and curl's code."""
        wait_s = most_s if self._due is None else min(most_s, max(0.0, self._due - time.monotonic()))
        for key, events in self._selector.select(wait_s):
            if key.fileobj is self._ours:
                self._ours.recv(4096)
                continue
            mask = (pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0) | (
                pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0
            )
            self._multi.socket_action(key.fd, mask)
        if self._due is not None and self._due <= time.monotonic():
            self._due = None
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        return self._ended()

    def rest(self, seconds: float) -> None:
        """Wait, and let the system's buffers hold up who sends."""
        if select([self._ours], [], [], seconds)[0]:
            self._ours.recv(4096)

    def _ended(self) -> list[tuple[pycurl.Curl, int]]:
        ended: list[tuple[pycurl.Curl, int]] = []
        more = 1
        while more:
            more, good, bad = self._multi.info_read()
            ended += [(handle, 0) for handle in good]
            ended += [(handle, code) for handle, code, _ in bad]
        return ended

    def _on_socket(self, event: int, fd: int, _multi: object, _data: object) -> None:
        if event == pycurl.POLL_REMOVE:
            with suppress(KeyError, ValueError):
                self._selector.unregister(fd)
            return
        try:
            self._selector.modify(fd, _EVENTS[event])
        except KeyError:
            self._selector.register(fd, _EVENTS[event])

    def _on_timer(self, timeout_ms: int) -> None:
        self._due = None if timeout_ms < 0 else time.monotonic() + timeout_ms / 1000
