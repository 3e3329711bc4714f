"""The first request for a file, as long as nothing says that more is to be made of it (floor 4).

Most files of a long list are small, are not there yet, and come with one answer that says nothing unusual. For these a
`Job`, a `Partial` and the judgement of every field cost more than the transfer: all of that is made only where an
answer is anything else, and for what is still under way when the engine looks next.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TypeAlias

from ...errors import TerrascopeError
from .. import pages
from ..checksums import matches
from ..directory import Directory
from ..plan import Action
from ..small import SMALL_BYTES, SmallFile
from .head import content_length, is_plain
from .host import Host
from .job import Job
from .line import Line
from .request import HEADERS, Request, first_headers


class PlainRequest:
    """The first request for a file of which nothing is there.

    Parameters
    ----------
    action : Action
    url : str
        The address as it goes on the wire.
    host : Host
        Who is asked.
    folder : Directory
        Of the file; it is there.
    unfold : callable
        Makes a `Request` of this, or returns None where it is to be asked for anew in another way.
    began_at : float
        When, in the engine's seconds.

    Attributes
    ----------
    line : Line or None
        On which it is sent.
    """

    is_head = False
    brought_bytes = 0
    line: Line | None = None
    _full: Request | None = None
    _is_unfolded = False
    _small: SmallFile | None = None
    _collected_bytes = _size_bytes = _lines_then = 0
    _head = b""

    def __init__(
        self,
        action: Action,
        url: str,
        host: Host,
        folder: Directory,
        unfold: Callable[[PlainRequest], Request | None],
        began_at: float,
    ) -> None:
        self.action, self.url, self.host, self.folder, self.began_at = action, url, host, folder, began_at
        self.http_1 = host.takes_http_1
        self.headers = first_headers(action.item.size_bytes, may_split=host.pace.ceiling > 1)
        self._unfold = unfold
        self._chunks: list[bytes] = []

    @property
    def job(self) -> Job | None:
        """The file's job, once there is one."""
        return None if self._full is None else self._full.job

    def body(self, data: bytes) -> int | None:
        """See `Request.body`."""
        if self._is_unfolded:
            return self._full.body(data) if self._full is not None else -1
        self._chunks.append(data)
        self._collected_bytes += len(data)
        if self._collected_bytes < self._size_bytes:
            return None
        if not self._size_bytes and self.line is not None:
            self._take_head(self.line.lines)
        if not self._collected_bytes <= self._size_bytes <= SMALL_BYTES:
            return None if self.in_full() is not None else -1
        if self._collected_bytes == self._size_bytes:
            self._put_down()
        return None

    def _take_head(self, lines: Collection[bytes]) -> None:
        """Learn how long the answer is, where its header is one that tells that plainly."""
        head = b"".join(lines)
        if head.startswith(b"HTTP/"):
            self._head, self._lines_then = head.lower(), len(lines)
            self._size_bytes = content_length(self._head)

    def _put_down(self) -> None:
        """Write all of it, before it is looked at, while the processor still has it at hand.

        What Python does for it is done at its end, for one file after the other: between what libcurl and the system
        do, the same takes twice as long.
        """
        small = SmallFile(self.folder, self._size_bytes)
        # what is refused will be tried again, and told
        with suppress(OSError, TerrascopeError):
            small.write_at(0, self._chunks)
        if small.is_down:
            self._small = small
            del self._chunks[1:]

    def save(self) -> int | None:
        """Give the file its name, with all that came, and return its size.

        None where anything is to be said about it, or its name is taken: see `in_full`.
        """
        small, line, checksum = self._small, self.line, self.action.item.checksum
        if small is None or line is None or len(line.lines) != self._lines_then or not pages.is_data(self._chunks[0]):
            return None
        if self.action.item.size_bytes not in (None, small.size_bytes):
            return None
        if not is_plain(self._head, small.size_bytes, is_asked_in_part=self.headers is not HEADERS):
            return None
        if checksum is not None and not matches(io.BytesIO(b"".join(small.content())), checksum):
            return None
        # what is refused will be tried again, and told
        with suppress(OSError):
            if small.give_name(self.action.name):
                self._let_go()
                if not self.folder.is_target:
                    self.folder.close()
                return small.size_bytes
        return None

    def in_full(self) -> Request | None:
        """Return the request that this has become, with what came; None where it is to be asked for anew."""
        if not self._is_unfolded:
            self._is_unfolded = True
            self._full = self._unfold(self)
            if self._full is not None:
                self._full.line, self._full.http_1 = self.line, self.http_1
                for data in self._chunks if self._small is None else [*self._small.content(), *self._chunks[1:]]:
                    # what it wants no more of is drained
                    self._full.body(data)
            self._let_go()
        return self._full

    def end(self) -> None:
        """Nothing more comes of it; what came is kept where that can be done."""
        if (full := self.in_full()) is not None:
            full.end()

    def _let_go(self) -> None:
        self._chunks = []
        if self._small is not None:
            self._small.close()
        self._small = None


AnyRequest: TypeAlias = Request | PlainRequest
