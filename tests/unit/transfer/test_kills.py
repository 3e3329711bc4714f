"""Killed at any moment, as often as one likes: the file is absent until it is whole, and little is fetched twice."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from children import child, names
from faulty import Answer, FaultyServer

from ipyterrascope.transfer import CurlEngine, download
from ipyterrascope.transfer.journal import read_journal
from ipyterrascope.transfer.pieces import missing

SMALL = random.Random(1).randbytes(2 << 20)
LARGE = random.Random(5).randbytes(24 << 20)
BLOCK = 4096


@pytest.mark.soak
def test_kill_at_any_moment(server: FaultyServer, engine: CurlEngine, tmp_path: Path, full_counts: bool) -> None:
    """However often the process is killed, the file is absent until it is whole, and then identical."""
    server.files["/a.tif"] = Answer(SMALL, pause_s=0.002)
    moments = random.Random(7)
    for _ in range(100 if full_counts else 4):
        server.asked.clear()
        process = child(tmp_path, server.url("/a.tif"))
        while not server.asked:
            assert process.poll() is None, process.communicate()
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        process.communicate()
        target = tmp_path / "a.tif"
        if target.exists():
            assert target.read_bytes() == SMALL
            target.unlink()
    [path] = download(server.url("/a.tif"), tmp_path, engine=engine)
    assert path.read_bytes() == SMALL
    assert names(tmp_path) == ["a.tif"]


def fetched_twice(folder: Path) -> int:
    """Return how many bytes are in the part that no later run will know of."""
    part, journal = folder / "a.tif.part", read_journal(folder / "a.tif.part.json")
    if journal is None or not part.exists():
        return 0
    content = part.read_bytes()
    unknown = missing(journal.done, len(content))
    blocks = (slice(at, min(at + BLOCK, end)) for start, end in unknown for at in range(start, end, BLOCK))
    return sum(len(content[block]) for block in blocks if content[block] == LARGE[block])


@pytest.mark.soak
def test_kill_while_ranges_come(server: FaultyServer, engine: CurlEngine, tmp_path: Path, full_counts: bool) -> None:
    """A hundred kills in a row while several ranges come cost each connection 1 MiB at most, and no byte is wrong."""
    server.files["/a.tif"] = Answer(LARGE, pause_s=0.002)
    moments = random.Random(8)
    for _ in range(100 if full_counts else 6):
        asked_before = len(server.asked)
        process = child(tmp_path, server.url("/a.tif"))
        while len(server.asked) == asked_before:
            assert process.poll() is None, process.communicate()
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.15))
        process.kill()
        process.communicate()
        target = tmp_path / "a.tif"
        if is_whole := target.exists():
            assert target.read_bytes() == LARGE
            target.unlink()
        assert fetched_twice(tmp_path) <= 8 << 20
        journal = read_journal(tmp_path / "a.tif.part.json")
        if journal is not None and not is_whole:  # else it is what a kill right after the renaming left
            content = (tmp_path / "a.tif.part").read_bytes()
            assert all(content[start:end] == LARGE[start:end] for start, end in journal.done)
    [path] = download(server.url("/a.tif"), tmp_path, engine=engine)
    assert path.read_bytes() == LARGE
    assert names(tmp_path) == ["a.tif"]
    assert server.most_at_once > 1
