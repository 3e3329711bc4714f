"""The journal of a part: what it says, what of it is believed after a kill, a power cut, or from a stranger."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.transfer.journal import Journal, JournalFile, read_journal
from ipyterrascope.transfer.pieces import joined

URL = "https://h/a.tif?signature=s3cret"
SIZE = 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.tif.part.json"


def written(path: Path, *lines: str, boot: str | None = None) -> Journal:
    """Write a journal whose head is ours and whose lines are as given; return what is read of it."""
    journal = Journal.of(URL, '"v1"', SIZE)
    if boot is not None:
        journal = Journal(journal.url, journal.url_sha256, journal.validator, journal.size_bytes, boot)
    path.write_bytes(journal.head() + "".join(lines).encode())
    read = read_journal(path)
    assert read is not None
    return read


def test_ranges_are_read_as_they_were_written(path: Path) -> None:
    """What was added in any order is read as ranges in order."""
    log = JournalFile(path, Journal.of(URL, '"v1"', SIZE))
    for start, end in [(500, 600), (0, 100), (100, 200), (590, 700)]:
        log.add(start, end)
    log.close()
    read = read_journal(path)
    assert read is not None
    assert read.is_of(URL)
    assert not read.is_of("https://h/a.tif")
    assert read.done == ((0, 200), (500, 700))


def test_journal_that_goes_on(path: Path) -> None:
    """A journal that is begun with what was there holds it, and what is added."""
    first = Journal.of(URL, '"v1"', SIZE)
    log = JournalFile(path, Journal(first.url, first.url_sha256, '"v1"', SIZE, first.boot, ((0, 10), (20, 30))))
    log.add(10, 20)
    log.close()
    read = read_journal(path)
    assert read is not None
    assert read.done == ((0, 30),)


@pytest.mark.parametrize(
    ("lines", "done"),
    [
        (["0 10\n", "20 3"], ((0, 10),)),
        (["0 10\n", "20"], ((0, 10),)),
        (["0 10\n", "20 30 40\n", "50 60\n"], ((0, 10),)),
        (["0 10\n", "30 20\n", "50 60\n"], ((0, 10),)),
        (["0 10\n", "20 20\n", "50 60\n"], ((0, 10),)),
        (["0 10\n", "-5 20\n"], ((0, 10),)),
        (["0 10\n", " 20 30\n"], ((0, 10),)),
        (["0 10\n", "20 30\r\n"], ((0, 10),)),
        (["0 10\n", "20 1001\n", "50 60\n"], ((0, 10),)),
        (["0 10\n", "20 99999999999999999999999\n"], ((0, 10),)),
        (["0 10\n", "२० ३०\n"], ((0, 10),)),
        (["0 10\n", "\0" * 100, "\n", "20 30\n"], ((0, 10),)),
        (["0 1000\n"], ((0, 1000),)),
        (["synced\n", "0 10\n"], ((0, 10),)),
        ([], ()),
    ],
)
def test_lines_that_we_would_not_have_written(path: Path, lines: list[str], done: tuple[tuple[int, int], ...]) -> None:
    """From the first line on that was cut or is not ours, nothing is believed."""
    assert written(path, *lines).done == done


@given(at=st.integers(0, 60))
def test_cut_anywhere(tmp_path_factory: pytest.TempPathFactory, at: int) -> None:
    """A journal that was cut at any byte tells of no byte that the whole one does not."""
    path = tmp_path_factory.mktemp("cut") / "a.tif.part.json"
    ranges = [(512, 1000), (100, 200), (0, 100), (300, 512)]
    journal = Journal.of(URL, '"v1"', SIZE)
    whole = journal.head() + b"".join(b"%d %d\n" % each for each in ranges)
    path.write_bytes(whole[: len(journal.head()) + at])
    read = read_journal(path)
    assert read is not None
    there = [range(*each) for each in ranges]
    assert all(any(byte in each for each in there) for start, end in read.done for byte in range(start, end))


@given(torn=st.integers(1, 8), start=st.integers(0, 800), length=st.integers(1, 200))
def test_line_after_a_torn_one(tmp_path_factory: pytest.TempPathFactory, torn: int, start: int, length: int) -> None:
    """A line that follows one that a full disk has torn, without an end of line between, tells of no byte too many."""
    path = tmp_path_factory.mktemp("torn") / "a.tif.part.json"
    path.write_bytes(Journal.of(URL, '"v1"', SIZE).head() + b"100 250\n"[:torn] + b"%d %d\n" % (start, start + length))
    read = read_journal(path)
    assert read is not None
    true = joined([(100, 250), (start, start + length)])
    assert joined([*true, *read.done]) == true


def test_other_boot_believes_what_was_synced(path: Path) -> None:
    """After another start of the machine only the ranges before the last "synced" count."""
    lines = ["0 10\n", "synced\n", "20 30\n", "synced\n", "40 50\n"]
    assert written(path, *lines).done == ((0, 10), (20, 30), (40, 50))
    assert written(path, *lines, boot="another").done == ((0, 10), (20, 30))
    assert written(path, "0 10\n", boot="another").done == ()


def test_whole_part_is_not_believed_to_be_whole(path: Path) -> None:
    """What can be gone on with is never all of it, nor more than the part holds; nothing of one that is too long."""
    journal = written(path, "0 1000\n")
    assert journal.usable(1000) == [(0, 999)]
    assert journal.usable(1001) == []
    assert journal.usable(400) == [(0, 400)]
    assert journal.usable(0) == []


def test_no_journal(path: Path) -> None:
    """No file, a folder, or a pipe in its place is no journal, and is not waited for."""
    assert read_journal(path) is None
    os.mkfifo(path)
    assert read_journal(path) is None
    path.unlink()
    path.mkdir()
    assert read_journal(path) is None
