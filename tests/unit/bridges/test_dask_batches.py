"""How a download is cut into tasks, and how its connections are shared."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.bridges.dask_batches import batches_of, share_of
from ipyterrascope.transfer import Action, Item

SIZES = st.one_of(st.none(), st.integers(0, 1 << 34))


def action(number: int, size_bytes: int | None) -> Action:
    item = Item(f"https://data.example.org/{number}.tif", f"{number}.tif", size_bytes)
    return Action(item, Path(), (f"{number}.tif",), "fetch")


@given(st.lists(SIZES, max_size=400), st.integers(1, 64))
def test_every_file_is_in_one_batch(sizes: list[int | None], lanes: int) -> None:
    """Nothing is lost, doubled or moved, and no batch is empty or too large."""
    actions = [action(number, size) for number, size in enumerate(sizes)]
    batches = [*batches_of(actions, lanes)]
    assert [one for batch in batches for one in batch] == actions
    for batch in batches:
        known = [one.item.size_bytes for one in batch if one.item.size_bytes is not None]
        assert 1 <= len(batch) <= 100
        assert len(batch) == 1 or sum(known) <= 256 << 20
        assert len(batch) == 1 or len(batch) - len(known) <= 20


def test_a_hundred_thousand_small_files_are_a_thousand_tasks() -> None:
    """As many files as the scheduler bears go into a task."""
    assert len([*batches_of([action(number, 1000) for number in range(100_000)], 4)]) == 1000


def test_a_few_files_are_for_all_workers() -> None:
    """A small download is cut so that everybody has something to do."""
    assert len([*batches_of([action(number, 1000) for number in range(16)], 4)]) == 16


def test_a_large_file_is_a_task_of_its_own() -> None:
    """A worker that dies with it loses no other one, and none waits behind it."""
    sizes = [1000, 1 << 30, 1 << 30, 1000]
    assert [len(batch) for batch in batches_of([action(*pair) for pair in enumerate(sizes)] * 4, 1)][:4] == [1, 1, 1, 2]


@given(st.integers(1, 64), st.integers(1, 64), st.data())
def test_all_together_never_have_more_than_they_may(connections: int, lanes: int, data: st.DataObject) -> None:
    """However batches begin and end and workers come and go, the sum stays within the limit and somebody goes on."""
    in_use: list[int] = []
    for _ in range(50):
        share = share_of(connections, in_use, lanes)
        assert share >= 0
        if share:
            in_use.append(share)
        assert sum(in_use) <= connections
        assert in_use
        if data.draw(st.booleans()):
            in_use.pop(0)
            lanes = data.draw(st.integers(1, 64))


def test_the_connections_are_shared_evenly() -> None:
    """Eight for three are three, three and two; eight for ten are one for each of eight."""

    def shares(lanes: int) -> list[int]:
        in_use: list[int] = []
        while share := share_of(8, in_use, lanes):
            in_use.append(share)
        return in_use

    assert shares(3) == [3, 3, 2]
    assert shares(10) == [1] * 8
