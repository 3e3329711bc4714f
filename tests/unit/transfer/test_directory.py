"""A folder that is held open, and folders below it: nothing leads out of them, whatever becomes of their paths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from downloads import DATA, Downloads
from faulty import Answer, Asked

from ipyterrascope.errors import DownloadFailed, TargetInvalid
from ipyterrascope.transfer import Item, Report, directory, download
from ipyterrascope.transfer.directory import Directory
from ipyterrascope.transfer.partial import SMALL_BYTES, Partial

LARGE = DATA + bytes(SMALL_BYTES)


@pytest.fixture(params=[True, False], ids=["descriptors", "paths"])
def below(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """The folder a/b below a target folder, on a system with descriptors of folders and on one without."""
    if not request.param:
        monkeypatch.setattr(directory, "_HAS_DESCRIPTORS", False)
    return Directory(str(tmp_path / "data" / "a" / "b"), Directory(str(tmp_path / "data")), ("a", "b"))


def test_folder_is_made_at_need(below: Directory, tmp_path: Path) -> None:
    """Looking for a folder does not make it."""
    assert not below.is_there()
    assert not (tmp_path / "data").exists()
    below.make()
    assert below.is_there()
    assert (tmp_path / "data" / "a" / "b").is_dir()
    assert not below.has("x")
    (tmp_path / "data" / "a" / "b" / "x").symlink_to("nowhere")
    assert below.has("x")
    below.close()


@pytest.mark.parametrize("where", ["a", "a/b"])
@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_folder_is_not_entered(below: Directory, tmp_path: Path, where: str, kind: str) -> None:
    """A link to a folder, or a file, in the place of a folder below the target is refused, whatever it leads to."""
    outside, place = tmp_path / "outside", tmp_path / "data" / where
    (outside / "b").mkdir(parents=True)
    place.parent.mkdir(parents=True)
    if kind == "link":
        place.symlink_to(outside)
    else:
        place.write_bytes(b"")
    for enter in (below.is_there, below.make):
        with pytest.raises(TargetInvalid, match="is not a folder of its own"):
            enter()


def test_target_folder_may_be_a_link(tmp_path: Path) -> None:
    """A link that a person names as the target is followed: they have said so."""
    (tmp_path / "store").mkdir()
    (tmp_path / "data").symlink_to("store")
    with Partial(tmp_path / "data" / "a.tif", "https://h/a.tif") as partial:
        partial.begin(None, 3)
        partial.write_at(0, [b"abc"])
        partial.finish(3, None)
    assert (tmp_path / "store" / "a.tif").read_bytes() == b"abc"


@pytest.mark.parametrize("size", [5, SMALL_BYTES + 5])
@pytest.mark.parametrize("overwrite", [False, True])
def test_folder_swapped_while_a_file_is_written(tmp_path: Path, size: int, overwrite: bool) -> None:
    """A folder that is moved away and replaced by a link gets its files still, and what the link leads to none."""
    target, folder, outside = tmp_path / "data", tmp_path / "data" / "a", tmp_path / "outside"
    outside.mkdir()
    where = Directory(str(folder), Directory(str(target)), ("a",))
    with Partial(folder / "x.tif", "https://h/x.tif", overwrite=overwrite, folder=where) as partial:
        partial.begin('"v1"', size)
        partial.write_at(0, [b"12"])
        where.make()
        folder.rename(target / "moved")
        folder.symlink_to(outside)
        partial.write_at(2, [bytes(size - 2)])
        partial.finish(size, None)
    assert os.listdir(outside) == []
    assert os.listdir(target / "moved") == ["x.tif"]


def fetch(one: Downloads, content: bytes, swap: int) -> Report:
    """Fetch two files of one name while the folder of the second becomes a link at a request of it."""
    outside = one.folder.parent / "outside"
    outside.mkdir()

    def decide(asked: Asked) -> Answer:
        if asked.nth == swap:
            folder = one.folder / "second"
            if folder.exists():
                folder.rename(outside / "moved")
            folder.symlink_to(outside)
        return Answer(content)

    one.server.decide = decide
    return download([one.server.url(f"/{name}/a.tif") for name in ("first", "second")], one.folder, engine=one.engine())


@pytest.mark.parametrize("content", [DATA[:5000], LARGE])
def test_folder_swapped_in_the_middle_of_a_batch(one: Downloads, content: bytes) -> None:
    """A folder of an address that becomes a link after it was looked at is not written through."""
    with pytest.raises(DownloadFailed, match="is not a folder of its own"):
        fetch(one, content, swap=2)
    assert os.listdir(one.folder.parent / "outside") == []
    assert (one.folder / "first" / "a.tif").read_bytes() == content


def test_file_in_the_root_folder() -> None:
    """The folder of a file right below the root is the root, not the one that the process runs in."""
    assert Partial(Path("/a.tif"), "https://h/a.tif").folder.path == "/"


def test_refused_files_hold_no_folder_open(one: Downloads) -> None:
    """A file that cannot be begun leaves no descriptor behind."""
    one.server.files["/a.tif"] = Answer(DATA)
    inner = one.folder / "inner"
    inner.mkdir(parents=True)
    (inner / "a.tif.part").write_bytes(b"of another program")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(TargetInvalid, match="not made by this program"):
            download(Item(one.server.url("/a.tif"), "a.tif", folder="inner"), one.folder, engine=one.engine())
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_folder_of_which_much_is_asked_is_listed_now_and_then(tmp_path: Path) -> None:
    """What is known of it is half a second old at most, also where nothing more is asked for a while."""
    folder = Directory(str(tmp_path))
    folder.make()
    for _ in range(100):
        folder.look_around(10.0)
    (tmp_path / "new").touch()
    assert not folder.had("new")
    assert folder.has("new")
    folder.look_around(10.4)
    assert not folder.had("new")
    folder.look_around(10.6)
    assert folder.had("new")
    folder.close()


def test_a_folder_that_cannot_be_listed_is_asked_for_each_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right to list a folder is not needed to write to it."""

    def refuses(_: object) -> list[str]:
        raise PermissionError

    monkeypatch.setattr(os, "listdir", refuses)
    folder = Directory(str(tmp_path))
    folder.make()
    for _ in range(100):
        folder.look_around(10.0)
    (tmp_path / "new").touch()
    assert folder.had("new")
    folder.close()


def test_a_part_that_went_a_moment_ago_is_not_there(tmp_path: Path) -> None:
    """Another download has finished a file since the folder was listed: that is no error."""
    part = tmp_path / "a.tif.part"
    part.touch()
    folder = Directory(str(tmp_path))
    folder.make()
    for _ in range(100):
        folder.look_around(10.0)
    part.unlink()
    with Partial(tmp_path / "a.tif", "https://a.example/a.tif", folder=folder) as partial:
        assert partial.journal is None
        assert partial.present_bytes() is None
    folder.close()
