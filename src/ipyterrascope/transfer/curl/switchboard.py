"""The lines of one run: which rest, which have a request under way, and on which nothing comes (floor 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType

import pycurl

from .job import Job
from .line import MOST_BUFFER_BYTES, Line
from .loop import Loop
from .network import Network
from .plain import AnyRequest, PlainRequest
from .request import Request

_LEAST_BYTES = 1024
"""What has to come for a line not to count as stalled."""
_READ_AT_ONCE_S = 0.005
"""libcurl reads a socket about ten times in a row."""


class Call:
    """A request under way."""

    __slots__ = ("bytes_then", "credential", "line", "request", "since")

    def __init__(self, line: Line, request: AnyRequest, credential: Mapping[str, str], now: float) -> None:
        self.line, self.credential = line, credential
        self.request = request
        self.since, self.bytes_then = now, 0

    def in_full(self) -> Request | None:
        """Return the request, which is no plain one from now on; None where it is to be asked for anew."""
        if isinstance(self.request, PlainRequest):
            full = self.request.in_full()
            if full is None:
                return None
            self.request = full
        return self.request


class Switchboard:
    """The lines of one run. Use it in a `with` block, from one thread; `wake` alone may come from others.

    Parameters
    ----------
    network : Network
    lines : int
        How many there are.
    limit_rate : float, optional
        Bytes a second, as the caller will keep it by `rest`: the faster the more is read at once.
    """

    def __init__(self, network: Network, lines: int, limit_rate: float | None = None) -> None:
        self._loop = Loop(lines)
        buffer_bytes = MOST_BUFFER_BYTES if limit_rate is None else int(limit_rate / lines * _READ_AT_ONCE_S)
        self._idle = [Line(network, buffer_bytes) for _ in range(lines)]
        self._calls: dict[pycurl.Curl, Call] = {}

    def __enter__(self) -> Switchboard:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for call in self.calls():
            self.end(call)
        for line in self._idle:
            line.close()
        self._loop.close()

    @property
    def free(self) -> int:
        """How many lines rest."""
        return len(self._idle)

    @property
    def is_busy(self) -> bool:
        """True when a request is under way."""
        return bool(self._calls)

    def calls(self, job: Job | None = None) -> list[Call]:
        """Return what is under way, all or for one file."""
        return [call for call in self._calls.values() if job is None or call.request.job is job]

    def wake(self) -> None:
        """End the wait of a `turn` or `rest` under way, or of the next one."""
        self._loop.wake()

    def begin(self, request: AnyRequest, credential: Mapping[str, str], now: float) -> None:
        """Send a request.

        Raises
        ------
        ValueError, pycurl.error
            It cannot be sent so.
        """
        line = self._idle[-1]
        line.ask(request.url, request.headers, credential, request.body, is_head=request.is_head, http_1=request.http_1)
        request.line = line
        self._loop.add(line.handle)
        self._idle.pop()
        self._calls[line.handle] = Call(line, request, credential, now)
        request.host.busy += 1

    def turn(self, most_s: float) -> Iterator[tuple[Call, int]]:
        """Let bytes flow for at most so many seconds, and give each request that ended, with curl's code.

        What was ended while the caller looked at another one is not given.
        """
        ended = [(self._calls[handle], code) for handle, code in self._loop.turn(most_s)]
        for call, code in ended:
            if self._calls.get(call.line.handle) is call:
                self._clear(call)
                yield call, code

    def rest(self, seconds: float) -> None:
        """Let nothing flow for a while."""
        self._loop.rest(seconds)

    def end(self, call: Call) -> None:
        """End a request where it is; what came is written down, and its piece given back."""
        self._clear(call)
        call.request.end()

    def stalled(self, now: float, patience_s: float, slept_s: float) -> Iterator[Call]:
        """Give the requests on which next to nothing of a file came for `patience_s` seconds.

        Since the last look, this machine slept for `slept_s` seconds.
        """
        silent: list[Call] = []
        for call in self._calls.values():
            call.since += slept_s
            if now - call.since < patience_s:
                continue
            if call.request.brought_bytes - call.bytes_then < _LEAST_BYTES:
                silent.append(call)
            call.since, call.bytes_then = now, call.request.brought_bytes
        for call in silent:
            if self._calls.get(call.line.handle) is call:
                yield call

    def _clear(self, call: Call) -> None:
        del self._calls[call.line.handle]
        self._loop.remove(call.line.handle)
        self._idle.append(call.line)
        call.request.host.busy -= 1
