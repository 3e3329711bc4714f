"""Which bytes are asked for: all of them, each once, whatever breaks."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.transfer.pieces import LEAST_BYTES, Piece, Pieces, Range, joined, missing

MIB = 1 << 20
ranges = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)))


def bytes_of(some: list[Range]) -> set[int]:
    return {byte for start, end in some for byte in range(start, end)}


@given(some=ranges)
def test_joined_holds_the_same_bytes(some: list[Range]) -> None:
    """Ranges that touch or overlap become one, in order, and no byte is won or lost."""
    result = joined(some)
    assert bytes_of(result) == bytes_of(some)
    assert all(start < end for start, end in result)
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(result))


@given(some=ranges, size=st.integers(0, 60))
def test_missing_is_the_rest(some: list[Range], size: int) -> None:
    """What is missing is all that is not there, and nothing else."""
    assert bytes_of(missing(joined(some), size)) == set(range(size)) - bytes_of(some)


class Fetched:
    """Counts how often each 64 KiB of a file was brought, while connections come, go, and break."""

    BLOCK = 64 << 10

    def __init__(self, size_bytes: int, done: list[Range], chance: random.Random) -> None:
        self.pieces, self.chance = Pieces(size_bytes, done), chance
        self.brought: list[Range] = []
        self.under_way: list[Piece] = []

    def step(self, connections: int) -> None:
        if len(self.under_way) < connections:
            piece = self.pieces.take() or self.pieces.take_over()
            if piece is not None:
                self.under_way.append(piece)
                return
        if not self.under_way:
            return
        piece = self.chance.choice(self.under_way)
        left = (piece.end or 0) - piece.position
        size = min(left, self.chance.randint(1, 40) * self.BLOCK)
        self.brought.append((piece.position, piece.position + size))
        self.pieces.advance(piece, size)
        if size == left or self.chance.random() < 0.1:
            self.under_way.remove(piece)
            self.pieces.return_(piece)

    def overlaps(self) -> bool:
        in_order = sorted(self.brought)
        return any(end > start for (_, end), (start, _) in itertools.pairwise(in_order))


@given(
    size=st.integers(1, 100 * MIB),
    there=st.lists(st.tuples(st.integers(0, 90 * MIB), st.integers(1, 9 * MIB)), max_size=4),
    connections=st.integers(1, 16),
    seed=st.integers(0, 1 << 30),
    spreads=st.booleans(),
)
def test_every_byte_once(size: int, there: list[tuple[int, int]], connections: int, seed: int, spreads: bool) -> None:
    """However connections come, go and break, each byte that was not there is asked for exactly once."""
    done = [(start, min(start + length, size)) for start, length in there if start < size]
    chance = random.Random(seed)
    fetched = Fetched(size, done, chance)
    if spreads:
        fetched.pieces.spread(connections)
    for _ in range(100_000):
        if fetched.pieces.is_complete:
            break
        fetched.step(connections)
        if chance.random() < 0.01:
            fetched.pieces.spread(chance.randint(1, 16))
    assert fetched.pieces.is_complete
    assert fetched.pieces.done_bytes == size
    assert fetched.pieces.done == [(0, size)]
    assert not fetched.overlaps()
    assert joined(fetched.brought) == missing(joined(done), size)


@given(size=st.integers(1, 200 * MIB), connections=st.integers(1, 64))
def test_spread_gives_each_connection_a_share(size: int, connections: int) -> None:
    """A file is cut in about as many parts as there are connections, but in none that is not worth a request."""
    pieces = Pieces(size)
    first = pieces.take()
    assert first is not None
    pieces.bound(first, min(size, 1), size)
    pieces.spread(connections)
    parts: list[Piece] = []
    while (piece := pieces.take()) is not None:
        parts.append(piece)
    assert len(parts) <= connections
    assert all((part.left or 0) >= min(LEAST_BYTES, size - 1) / 2 for part in parts)


def test_size_that_nobody_knows() -> None:
    """While nobody knows the size, one piece goes to the end, and the rest of one that broke is the next."""
    pieces = Pieces(None)
    piece = pieces.take()
    assert piece is not None
    assert (piece.start, piece.end) == (0, None)
    assert pieces.take() is None
    assert pieces.take_over() is None
    pieces.advance(piece, 100)
    pieces.return_(piece)
    assert not pieces.is_complete
    again = pieces.take()
    assert again is not None
    assert (again.start, again.end) == (100, None)
    pieces.advance(again, 20)
    again.end = again.position
    pieces.complete(again.position)
    pieces.return_(again)
    assert pieces.is_complete
    assert pieces.size_bytes == pieces.done_bytes == 120


def test_first_part_tells_the_size() -> None:
    """When the first answer tells where it ends and how long the file is, the rest can be given out."""
    pieces = Pieces(None)
    first = pieces.take()
    assert first is not None
    pieces.bound(first, 8 * MIB, 20 * MIB)
    second = pieces.take()
    assert second is not None
    assert (second.start, second.end) == (8 * MIB, 20 * MIB)


def test_shorter_answer_than_asked() -> None:
    """Where a server sends less than was asked for, the rest is given out again."""
    pieces = Pieces(10 * MIB)
    piece = pieces.take()
    assert piece is not None
    pieces.shorten(piece, 3 * MIB)
    pieces.shorten(piece, 5 * MIB)
    rest = pieces.take()
    assert rest is not None
    assert (piece.end, rest.start, rest.end) == (3 * MIB, 3 * MIB, 10 * MIB)


@pytest.mark.parametrize(("left", "taken"), [(511 << 10, False), (512 << 10, True), (8 * MIB, True)])
def test_take_over(left: int, taken: bool) -> None:
    """An idle connection takes the second half of the longest piece, if it is worth a request."""
    pieces = Pieces(left + 1000)
    piece = pieces.take()
    assert piece is not None
    pieces.advance(piece, 1000)
    second = pieces.take_over()
    assert (second is not None) == taken
    if second is not None:
        assert piece.end == second.start == 1000 + left // 2
        assert second.end == 1000 + left


def test_begin_anew() -> None:
    """When all came anew, nothing of what was there counts."""
    pieces = Pieces(10, [(5, 8)])
    piece = pieces.take()
    assert piece is not None
    pieces.advance(piece, 2)
    pieces.begin_anew(piece)
    assert (pieces.done_bytes, pieces.done, pieces.size_bytes, piece.position, piece.end) == (0, [], None, 0, None)
    pieces.bound(piece, 20, 20)
    pieces.advance(piece, 20)
    pieces.return_(piece)
    assert pieces.is_complete
