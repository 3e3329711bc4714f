"""Which bytes of a file are there, which are on their way, and which are still to be asked for (floor 4). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

Range: TypeAlias = tuple[int, int]
"""First byte, and the byte after the last."""

LEAST_BYTES = 1 << 20
"""A piece that is given out is no shorter, unless nothing longer is left."""
_LEAST_TAKEN_BYTES = 256 << 10


class Piece:
    """Bytes that one connection fetches: up to `position` they are there. `end` is None while nobody knows it."""

    __slots__ = ("end", "position", "start")

    def __init__(self, start: int, end: int | None) -> None:
        self.start = self.position = start
        self.end = end

    @property
    def left(self) -> int | None:
        """Bytes still to come; None while nobody knows."""
        return None if self.end is None else self.end - self.position


class Pieces:
    """The bytes of one file.

    Parameters
    ----------
    size_bytes : int or None
        None while nobody knows it: then one piece goes to the end.
    done : sequence of Range
        What is there already.

    Attributes
    ----------
    done_bytes : int
        How many bytes are there, those of the pieces under way included.
    """

    def __init__(self, size_bytes: int | None, done: Sequence[Range] = ()) -> None:
        self.size_bytes = size_bytes
        self.done = joined(done) if done else []
        self.done_bytes = sum(end - start for start, end in self.done) if done else 0
        self.under_way: list[Piece] = []
        self._open: list[Range] = [] if size_bytes is None else missing(self.done, size_bytes)
        self._is_unbounded = size_bytes is None

    @property
    def is_open(self) -> bool:
        """True when there are bytes that nobody fetches yet."""
        return bool(self._open) or (self._is_unbounded and not self.under_way)

    @property
    def is_complete(self) -> bool:
        """True when all bytes are there."""
        return not self.under_way and not self._open and not self._is_unbounded

    def take(self) -> Piece | None:
        """Give out bytes that nobody fetches yet; None where there are none."""
        if self._open:
            piece = Piece(*self._open.pop(0))
        elif self._is_unbounded and not self.under_way:
            piece = Piece(self.done[0][1] if self.done and self.done[0][0] == 0 else 0, None)
        else:
            return None
        self.under_way.append(piece)
        return piece

    def spread(self, connections: int) -> None:
        """Cut what nobody fetches yet into about as many parts as there are connections."""
        left = sum(end - start for start, end in self._open)
        share = max(LEAST_BYTES, -(-left // max(1, connections)))
        parts: list[Range] = []
        for start, end in self._open:
            count = max(1, round((end - start) / share))
            cuts = [start + (end - start) * number // count for number in range(count + 1)]
            parts += pairwise(cuts)
        self._open = parts

    def take_over(self) -> Piece | None:
        """Give out the second half of the longest piece under way, which ends before it; None where none is long."""
        longest = max(self.under_way, key=lambda piece: piece.left or 0, default=None)
        if longest is None or longest.end is None or (longest.left or 0) < 2 * _LEAST_TAKEN_BYTES:
            return None
        middle = longest.position + (longest.end - longest.position) // 2
        second = Piece(middle, longest.end)
        longest.end = middle
        self.under_way.append(second)
        return second

    def bound(self, piece: Piece, end: int, size_bytes: int) -> None:
        """Say that `piece` ends at `end` of `size_bytes`; what comes after it can be given out."""
        piece.end, self.size_bytes, self._is_unbounded = end, size_bytes, False
        if end < size_bytes:
            self._open.append((end, size_bytes))

    def advance(self, piece: Piece, size_bytes: int) -> None:
        """Say that so many more bytes of `piece` are there."""
        piece.position += size_bytes
        self.done_bytes += size_bytes

    def shorten(self, piece: Piece, end: int) -> None:
        """Say that `piece` will end at `end` already; the rest of it can be given out."""
        if piece.end is not None and end < piece.end:
            self._open.insert(0, (end, piece.end))
            piece.end = end

    def begin_anew(self, piece: Piece) -> None:
        """Let `piece`, the only one under way, be all of the file, and forget what was there."""
        piece.start = piece.position = 0
        piece.end, self.size_bytes, self._is_unbounded = None, None, True
        self.done, self.done_bytes, self._open = [], 0, []

    def return_(self, piece: Piece) -> None:
        """Take a piece back; what it did not bring is open again."""
        self.under_way.remove(piece)
        if piece.position > piece.start:
            brought = (piece.start, piece.position)
            self.done = joined([*self.done, brought]) if self.done else [brought]
        if piece.end is not None and piece.position < piece.end:
            self._open.insert(0, (piece.position, piece.end))

    def complete(self, size_bytes: int) -> None:
        """Say that the piece to the end has reached it."""
        self.size_bytes, self._is_unbounded = size_bytes, False


def joined(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges in order, those that touch or overlap as one."""
    result: list[Range] = []
    for start, end in sorted(ranges):
        if end <= start:
            continue
        if result and start <= result[-1][1]:
            result[-1] = result[-1][0], max(end, result[-1][1])
        else:
            result.append((start, end))
    return result


def missing(done: Iterable[Range], size_bytes: int) -> list[Range]:
    """Return the ranges up to `size_bytes` that are not in `done`, which is in order and joined."""
    gaps: list[Range] = []
    position = 0
    for start, end in done:
        if start > position:
            gaps.append((position, min(start, size_bytes)))
        position = max(position, end)
    if position < size_bytes:
        gaps.append((position, size_bytes))
    return gaps
