"""How a download is cut into tasks, and how the connections are shared among those under way (floor 5). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..transfer import Action

_MOST_FILES = 100
"""A task costs the scheduler some 2 ms and 12 kB: of a hundred files each, a hundred thousand files are a thousand."""
_MOST_UNSIZED = 20
_MOST_BYTES = 256 << 20
_FOR_EACH = 4
"""So many tasks are made for each that runs at once, so that all end at about the same time."""


def batches_of(actions: Sequence[Action], lanes: int) -> Iterator[tuple[Action, ...]]:
    """Cut into batches, in their order: of few files where these are large, or where nobody knows.

    Parameters
    ----------
    actions : sequence of Action
    lanes : int
        How many run at once.
    """
    most_files = min(_MOST_FILES, max(1, len(actions) // (lanes * _FOR_EACH)))
    batch: list[Action] = []
    weight = 0.0
    for action in actions:
        size_bytes = action.item.size_bytes
        share = 1 / _MOST_UNSIZED if size_bytes is None else size_bytes / _MOST_BYTES
        if batch and (len(batch) >= most_files or weight + share > 1):
            yield tuple(batch)
            batch, weight = [], 0.0
        batch.append(action)
        weight += share
    if batch:
        yield tuple(batch)


def share_of(connections: int, in_use: Iterable[int], lanes: int) -> int:
    """Return how many connections the next batch may have; 0 where it has to wait.

    Parameters
    ----------
    connections : int
        Most at once, of all batches together.
    in_use : iterable of int
        What those under way have.
    lanes : int
        How many batches are to run at once.
    """
    taken = [*in_use]
    free, open_lanes = connections - sum(taken), lanes - len(taken)
    return -(-free // open_lanes) if free > 0 and open_lanes > 0 else 0
