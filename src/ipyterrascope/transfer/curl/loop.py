"""Many transfers in one thread, over libcurl's multi interface (floor 4)."""

from __future__ import annotations

import select
import socket
import sys
from contextlib import suppress

import pycurl

_MOST_DESCRIPTOR, _ROOM = 1023, 256
"""`select` watches no further ones, and libcurl lists none; the room is for what is opened later."""
_BLIND_S = 0.005
"""So often it is looked at sockets that may not be watched."""


class Loop:
    """libcurl's multi interface. From one thread; `wake` alone may come from others.

    All transfers are let go on at each turn: with libcurl's other way, in which each socket is watched and told of by
    itself, a small file costs a tenth more.

    Parameters
    ----------
    most_connections : int
        How many are kept open for later.
    """

    def __init__(self, most_connections: int) -> None:
        self._multi = pycurl.CurlMulti()
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._theirs.setblocking(False)
        self._bell = self._ours.fileno()
        # one transfer for each connection: several ranges of a file over one would share its window
        self._multi.setopt(pycurl.M_PIPELINING, 0)
        self._multi.setopt(pycurl.M_MAXCONNECTS, most_connections)

    def close(self) -> None:
        """End it, with no transfer under way."""
        self._multi.close()
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
        """Do what can be done, and return what ended: handle and curl's code; if nothing did, wait at most `most_s`."""
        self._multi.perform()
        ended: list[tuple[pycurl.Curl, int]] = []
        more = 1
        while more:
            more, good, bad = self._multi.info_read()
            ended += [(handle, 0) for handle in good]
            ended += [(handle, code) for handle, code, _ in bad]
        if not ended:
            self._wait(most_s)
        return ended

    def rest(self, seconds: float) -> None:
        """Wait, and let the system's buffers hold up who sends."""
        self._ours.settimeout(seconds)
        with suppress(TimeoutError):
            self._ours.recv(4096)
        self._ours.setblocking(False)

    def _wait(self, most_s: float) -> None:
        timeout_ms = self._multi.timeout()
        wait_s = most_s if timeout_ms < 0 else min(most_s, timeout_ms / 1000)
        if wait_s <= 0.0:
            return
        if sys.platform == "win32":
            self._multi.select(wait_s)  # the numbers of its sockets cannot be listed
            return
        reading, writing, _ = self._multi.fdset()
        if self._bell <= _MOST_DESCRIPTOR:
            reading.append(self._bell)
        if self._bell > _MOST_DESCRIPTOR - _ROOM:
            wait_s = min(wait_s, _BLIND_S)
        if self._bell in select.select(reading, writing, [], wait_s)[0]:
            self._ours.recv(4096)
