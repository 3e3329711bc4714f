"""What is in the target folder: asked file by file or listed at once, and what can be gone on with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipyterrascope.errors import TargetInvalid
from ipyterrascope.transfer import Item
from ipyterrascope.transfer.contents import _WORTH_LISTING, Contents
from ipyterrascope.transfer.journal import Journal, JournalFile
from ipyterrascope.transfer.plan import Present

URL = "https://h.example.org/a.tif"
FEW, MANY = 1, 2 * _WORTH_LISTING


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A folder with something of each kind."""
    (tmp_path / "a.tif").write_bytes(b"12345")
    (tmp_path / "Größe.TIF").write_bytes(b"1")
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "b.tif").write_bytes(b"")
    (tmp_path / "link.tif").symlink_to("a.tif")
    (tmp_path / "linked").symlink_to("p")
    (tmp_path / "nowhere").symlink_to("missing")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize("asked", [FEW, MANY])
@pytest.mark.parametrize(
    ("trail", "present"),
    [
        (("a.tif",), Present("file", 5)),
        (("p",), Present("folder")),
        (("p", "b.tif"), Present("file", 0)),
        (("link.tif",), Present("file", 5)),
        (("linked",), Present("other")),
        (("nowhere",), Present("other")),
        (("pipe",), Present("other")),
        (("missing",), None),
        (("missing", "b.tif"), None),
        (("a.tif", "b.tif"), None),
        (("p", "missing"), None),
    ],
)
def test_what_is_there(filled: Path, asked: int, trail: tuple[str, ...], present: Present | None) -> None:
    """A few questions and many are answered alike: by a look at the file, or where there is none by a list."""
    contents = Contents(filled)
    for number in range(asked):
        contents.look((*trail[:-1], f"{number}.tif"))
    assert contents.look(trail) == present


def test_names_of_a_list_are_compared_as_a_file_system_might(filled: Path) -> None:
    """What may be one file on some file system is looked for on this one."""
    contents = Contents(filled)
    for number in range(MANY):
        contents.look((f"{number}.tif",))
    assert contents.look(("gro\u0308ße.tif",)) is None
    assert contents.look(("Größe.TIF",)) == Present("file", 1)


def test_a_folder_is_listed_once(filled: Path) -> None:
    """Of many questions about one folder only the first go to the file system one by one."""
    contents = Contents(filled)
    assert not any(contents.look((f"{number}.tif",)) for number in range(MANY))
    (filled / "new.tif").touch()
    assert contents.look(("new.tif",)) is None
    assert Contents(filled).look(("new.tif",)) == Present("file", 0)


@pytest.mark.parametrize("asked", [FEW, MANY])
def test_a_folder_that_is_not_there(tmp_path: Path, asked: int) -> None:
    """Nothing is in a folder that is not there."""
    contents = Contents(tmp_path / "missing")
    assert not any(contents.look((f"{number}.tif",)) for number in range(asked))


def test_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    """A name that the file system refuses is an error of the tree."""
    with pytest.raises(TargetInvalid, match="too long"):
        Contents(tmp_path).look(("x" * 300,))


@pytest.mark.parametrize(
    ("journal", "part_bytes", "item", "there"),
    [
        (Journal.of(URL, '"v"', 100), 60, Item(URL, "a.tif", 100), 50),
        (Journal.of(URL, '"v"', 100), 60, Item(URL, "a.tif"), 50),
        (Journal.of(URL, '"v"', 100), 20, Item(URL, "a.tif"), 20),
        (Journal.of(URL, '"v"', 100), 60, Item(URL, "a.tif", 99), 0),
        (Journal.of("https://h.example.org/b.tif", '"v"', 100), 60, Item(URL, "a.tif"), 0),
        (Journal.of(URL, None, 100), 60, Item(URL, "a.tif"), 0),
        (None, 60, Item(URL, "a.tif"), 0),
        (Journal.of(URL, '"v"', 100), None, Item(URL, "a.tif"), 0),
    ],
)
def test_what_can_be_gone_on_with(
    tmp_path: Path, journal: Journal | None, part_bytes: int | None, item: Item, there: int
) -> None:
    """As much of an unfinished file counts as its journal tells and its content can be proved to be."""
    if part_bytes is not None:
        (tmp_path / "a.tif.part").write_bytes(bytes(part_bytes))
    if journal:
        file = JournalFile(tmp_path / "a.tif.part.json", journal)
        file.add(0, 50)
        file.close()
    assert Contents(tmp_path).unfinished(("a.tif",), item) == there
