"""Bytes that are served: held in memory, computed by offset, or a part of either (sandbox)."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

# A prime: a block written at an offset that is wrong by any round number shows as wrong content.
_PERIOD = 1_048_573


class Content(Protocol):
    """Bytes of a known size that can be read in any order."""

    @property
    def size_bytes(self) -> int:
        """The whole size in bytes."""
        ...

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to, not including, `stop`."""
        ...


@dataclass(frozen=True)
class Held:
    """Content that is in memory."""

    data: bytes = b""

    @property
    def size_bytes(self) -> int:
        """The whole size in bytes."""
        return len(self.data)

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to, not including, `stop`."""
        return self.data[start:stop]


@dataclass(frozen=True)
class Synthetic:
    """Content of any size that is computed from the offset and takes no memory."""

    size_bytes: int

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to, not including, `stop`."""
        stop = min(stop, self.size_bytes)
        if start >= stop:
            return b""
        period = _period()
        first, length = start % _PERIOD, stop - start
        return (period * ((first + length) // _PERIOD + 1))[first : first + length]


@dataclass(frozen=True)
class Repeated:
    """A beginning, and then the same bytes so many times."""

    head: bytes
    period: bytes
    times: int = 1

    @property
    def size_bytes(self) -> int:
        """The whole size in bytes."""
        return len(self.head) + len(self.period) * self.times

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to, not including, `stop`."""
        stop = min(stop, self.size_bytes)
        head = self.head[start:stop]
        first = max(0, start - len(self.head))
        length = max(0, stop - start - len(head))
        skipped = first % len(self.period)
        return head + (self.period * ((skipped + length) // len(self.period) + 1))[skipped : skipped + length]


@dataclass(frozen=True)
class Part:
    """The bytes of another content from `start` up to, not including, `stop`."""

    whole: Content
    start: int
    stop: int

    @property
    def size_bytes(self) -> int:
        """The size of the part in bytes."""
        return self.stop - self.start

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to, not including, `stop`, counted within the part."""
        return self.whole.read(self.start + start, min(self.start + stop, self.stop))


@lru_cache(maxsize=1)
def _period() -> bytes:
    return random.Random(8628).randbytes(_PERIOD)  # noqa: S311 - data, no secret
