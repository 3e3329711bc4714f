"""Files that lie on this machine: linked or copied, and only where a catalogue may name them."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from downloads import Nobody, NoProgress
from faulty import Answer, FaultyServer

from ipyterrascope.errors import ContentInvalid, TargetInvalid, UsageError
from ipyterrascope.transfer import (
    Control,
    CurlEngine,
    Download,
    Item,
    LocalFiles,
    Outcome,
    Progress,
    Report,
    download,
    order_of,
    prepare,
)
from ipyterrascope.transfer.directory import Directory
from ipyterrascope.transfer.journal import Journal, JournalFile
from ipyterrascope.transfer.locked import LockedFile
from testbed.waiting import until

DATA = b"II*\x00" + bytes(range(256)) * 5000
SMALL = DATA[:1000]
URL = "https://unreachable.invalid/p/a.tif"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A place like /data/MTDA, with a file in a product's folder."""
    folder = tmp_path / "MTDA"
    (folder / "p").mkdir(parents=True)
    (folder / "p" / "a.tif").write_bytes(DATA)
    return folder


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "home" / ".ssh" / "id_ed25519"
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def item(path: object, size_bytes: int | None = len(DATA), url: str = URL, checksum: str | None = None) -> Item:
    return Item(url, "a.tif", size_bytes, str(path), checksum)


def placed(source: Any, folder: Path, local: LocalFiles, **options: Any) -> Report:
    """Download what needs no server."""
    return download(source, folder, engine=CurlEngine(Nobody()), local=local, **options)


def told(source: Any, folder: Path, local: LocalFiles, progress: Progress) -> list[Outcome]:
    """Carry out an order for what needs no server, with somebody who is told how it goes."""
    order = order_of(source, folder, engine=CurlEngine(Nobody()), local=local)
    order.prepare()
    return list(order.carry_out(order.plan.actions, progress, Control()))


def found(path: object, root: Path, size_bytes: int | None = len(DATA)) -> int | None:
    return LocalFiles([str(root)]).size_of(item(path, size_bytes))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_linked(root: Path, data: Path) -> None:
    """What lies here is linked to, and nothing is asked of any server; again, it is there already."""
    local = LocalFiles([str(root)])
    report = placed(item(root / "p" / "a.tif"), data, local)
    assert [outcome.status for outcome in report.outcomes] == ["linked"]
    assert os.readlink(data / "a.tif") == str(root / "p" / "a.tif")
    assert report[0].read_bytes() == DATA
    assert str(report) == "1 linked"
    assert (report.to_dict()["linked"], report.linked[0].size_bytes) == (1, len(DATA))
    assert [outcome.status for outcome in placed(item(root / "p" / "a.tif"), data, local).outcomes] == ["skipped"]


@pytest.mark.parametrize("content", [DATA, SMALL, b""])
def test_copied(root: Path, data: Path, content: bytes) -> None:
    """A copy is a file of its own, whole and checked, with nothing beside it."""
    (root / "p" / "a.tif").write_bytes(content)
    checksum = f"1220{hashlib.sha256(content).hexdigest()}"
    source = item(root / "p" / "a.tif", len(content), checksum=checksum)
    report = placed(source, data, LocalFiles([str(root)], "copy"))
    assert [(outcome.status, outcome.checksum) for outcome in report.outcomes] == [("copied", "matched")]
    assert not (data / "a.tif").is_symlink()
    assert (data / "a.tif").read_bytes() == content
    assert names(data) == ["a.tif"]


@pytest.mark.parametrize("content", [DATA, SMALL])
def test_a_copy_that_is_not_what_the_catalogue_says(root: Path, data: Path, content: bytes) -> None:
    """A copy whose checksum is another is not kept."""
    (root / "p" / "a.tif").write_bytes(content)
    source = item(root / "p" / "a.tif", len(content), checksum="1220" + "00" * 32)
    with pytest.raises(ContentInvalid, match="another checksum"):
        placed(source, data, LocalFiles([str(root)], "copy"))
    assert names(data) == []


@pytest.mark.parametrize("failure", [OSError(1, "not permitted"), NotImplementedError()])
def test_copied_where_there_are_no_links(root: Path, data: Path, failure: Exception) -> None:
    """On a file system without symbolic links the file is copied."""

    def symlink(to: str, path: str, *, dir_fd: int | None = None) -> None:
        raise failure

    for overwrite in (False, True):
        report = placed(item(root / "p" / "a.tif"), data, LocalFiles([str(root)], symlink=symlink), overwrite=overwrite)
        assert [outcome.status for outcome in report.outcomes] == ["copied"]
        assert names(data) == ["a.tif"]


def test_off(root: Path, data: Path) -> None:
    """Nothing on this machine is looked at when that is not wanted, nor when no folder is configured."""
    for local in (LocalFiles([str(root)], "off"), LocalFiles([]), LocalFiles([str(root / "missing")]), None):
        plan = prepare(item(root / "p" / "a.tif"), data, local=local)
        assert [action.do for action in plan.actions] == ["fetch"]


def test_a_use_that_there_is_not() -> None:
    """Only link, copy and off are understood."""
    with pytest.raises(UsageError, match="link, copy or off"):
        LocalFiles([], "move")  # type: ignore[arg-type]


def test_what_may_be_used(root: Path, tmp_path: Path) -> None:
    """A file is used by its own path, through links that stay inside, and by a root that is itself a link."""
    good = root / "p" / "a.tif"
    (root / "latest").symlink_to("p")
    (tmp_path / "mnt").symlink_to(root)
    for path in (good, root / "latest" / "a.tif", root / "x" / ".." / "p" / "a.tif", tmp_path / "mnt" / "p" / "a.tif"):
        (root / "x").mkdir(exist_ok=True)
        assert found(path, root) == len(DATA)
    assert found(good, tmp_path / "mnt") == len(DATA)
    assert found(good, root, None) == len(DATA)


def test_what_may_not_be_used(root: Path, secret: Path, tmp_path: Path) -> None:
    """Nothing outside the configured folders is used, by whatever name; nor what is no regular file, or of another
    size."""
    (root / "out").symlink_to(secret.parent)
    (root / "key").symlink_to(secret)
    os.mkfifo(root / "pipe")
    sibling = root.with_name("MTDA-other")
    sibling.mkdir()
    (sibling / "a.tif").write_bytes(DATA)
    for path in (
        secret,
        root / "key",
        root / "out" / secret.name,
        root / ".." / "home" / ".ssh" / secret.name,
        sibling / "a.tif",
        root,
        root / "p",
        root / "pipe",
        root / "missing",
        "/dev/zero",
        "/proc/self/environ",
        f"{root}/p/a.tif\0",
        "p/a.tif",
        "",
    ):
        assert found(path, root, None) is None, path
    assert found(root / "p" / "a.tif", root, len(DATA) - 1) is None


def test_what_cannot_be_read_is_not_there(root: Path) -> None:
    """A file that this person may not read is fetched; root may read all."""
    (root / "p" / "a.tif").chmod(0)
    assert found(root / "p" / "a.tif", root) == (len(DATA) if os.geteuid() == 0 else None)


def test_replaced_only_when_asked(root: Path, data: Path) -> None:
    """Another file in the place of a link or a copy stays unless it may be overwritten, and never is there half."""
    data.mkdir()
    for use in ("link", "copy"):
        (data / "a.tif").unlink(missing_ok=True)
        (data / "a.tif").write_bytes(b"mine")
        local = LocalFiles([str(root)], use)  # type: ignore[arg-type]
        with pytest.raises(TargetInvalid, match="Another file"):
            placed(item(root / "p" / "a.tif"), data, local)
        assert (data / "a.tif").read_bytes() == b"mine"
        placed(item(root / "p" / "a.tif"), data, local, overwrite=True)
        assert (data / "a.tif").read_bytes() == DATA
        assert names(data) == ["a.tif"]


@pytest.mark.parametrize("use", ["link", "copy"])
def test_what_came_meanwhile_stays(root: Path, data: Path, use: Any) -> None:
    """A file that came there after the plan was made is not replaced."""
    local = LocalFiles([str(root)], use)
    planned = prepare(item(root / "p" / "a.tif"), data, local=local)
    data.mkdir()
    (data / "a.tif").write_bytes(b"mine")
    with pytest.raises(TargetInvalid, match="came there meanwhile"):
        placed(planned, data, local)
    assert (data / "a.tif").read_bytes() == b"mine"


def test_a_file_is_never_linked_to_itself(root: Path) -> None:
    """Downloading with overwriting into the very folder where the file lies leaves it as it is."""
    for use in ("link", "copy"):
        local = LocalFiles([str(root)], use)  # type: ignore[arg-type]
        placed(item(root / "p" / "a.tif"), root / "p", local, overwrite=True)
        assert not (root / "p" / "a.tif").is_symlink()
        assert (root / "p" / "a.tif").read_bytes() == DATA


@pytest.mark.parametrize("use", ["link", "copy"])
def test_an_unfinished_download_is_cleared_away(root: Path, data: Path, use: Any) -> None:
    """What was left of fetching the same file is removed, when it is not needed any more."""
    data.mkdir()
    (data / "a.tif.part").write_bytes(DATA[:1000])
    journal = JournalFile(data / "a.tif.part.json", Journal.of(URL, '"v"', len(DATA)))
    journal.add(0, 1000)
    journal.close()
    local = LocalFiles([str(root)], use)
    assert [action.part_bytes for action in prepare(item("/missing"), data, local=local).actions] == [1000]
    placed(item(root / "p" / "a.tif"), data, local)
    assert names(data) == ["a.tif"]


@pytest.mark.parametrize("use", ["link", "copy"])
def test_who_is_writing_the_file_has_it(root: Path, data: Path, use: Any) -> None:
    """What another download writes is waited for, and nothing is put in its place."""
    folder = Directory(str(data))
    folder.make()
    other = LockedFile(folder, "a.tif.part")
    other.open_new()
    order = order_of(item(root / "p" / "a.tif"), data, engine=CurlEngine(Nobody()), local=LocalFiles([str(root)], use))
    running = Download(order)
    running.start()
    until(lambda: any("Another download" in file.note for file in running.files("active")))
    other.write_at(0, [DATA])
    other.rename("a.tif")
    other.close()
    folder.close()
    assert [outcome.status for outcome in running.wait().outcomes] == ["skipped"]
    assert names(data) == ["a.tif"]
    assert not (data / "a.tif").is_symlink()


@pytest.mark.parametrize("use", ["link", "copy"])
def test_the_same_placed_twice_at_once(root: Path, data: Path, use: Any) -> None:
    """What another download has linked or copied since the plan was made is there, and no failure."""
    local = LocalFiles([str(root)], use)
    planned = prepare(item(root / "p" / "a.tif"), data, local=local)
    placed(planned, data, local)
    assert [outcome.status for outcome in placed(planned, data, local).outcomes] == ["skipped"]


@pytest.mark.parametrize("use", ["link", "copy"])
def test_folder_swapped_between_plan_and_write(root: Path, data: Path, tmp_path: Path, use: Any) -> None:
    """A folder that became a link after the plan was made gets neither a link nor a copy."""
    outside, source = tmp_path / "outside", replace(item(root / "p" / "a.tif"), folder="inner")
    order = order_of(source, data, engine=CurlEngine(Nobody()), local=LocalFiles([str(root)], use))
    order.prepare()
    outside.mkdir()
    (data / "inner").symlink_to(outside)
    [outcome] = order.carry_out(order.plan.actions, NoProgress(), Control())
    assert "is not a folder of its own" in str(outcome.error)
    assert names(outside) == []


def test_what_is_gone_meanwhile_is_fetched(root: Path, data: Path, server: FaultyServer) -> None:
    """A file that was taken away after the plan was made comes from the server, as if it never had been here."""
    server.files["/p/a.tif"] = Answer(DATA)
    local = LocalFiles([str(root)])
    planned = prepare(item(root / "p" / "a.tif", url=server.url("/p/a.tif")), data, local=local)
    (root / "p" / "a.tif").unlink()
    assert [outcome.status for outcome in placed(planned, data, local).outcomes] == ["saved"]
    assert (data / "a.tif").read_bytes() == DATA


def test_a_file_that_shrinks_while_it_is_copied(root: Path, data: Path) -> None:
    """A copy of which the end is missing is not kept."""
    path = root / "p" / "a.tif"
    path.write_bytes(bytes(9 << 20))

    class Shrinking(NoProgress):
        def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None:
            os.truncate(path, 5 << 20)

    (outcome,) = told(item(path, 9 << 20), data, LocalFiles([str(root)], "copy"), Shrinking())
    assert isinstance(outcome.error, ContentInvalid)
    assert re.search(r"could not be copied.*another length", str(outcome.error))
    assert names(data) == []


def test_an_interrupt_leaves_nothing_half(root: Path, data: Path) -> None:
    """Ctrl-C in the middle of a copy keeps neither a file nor a part of one."""
    (root / "p" / "a.tif").write_bytes(bytes(9 << 20))

    class Interrupted(NoProgress):
        def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        told(item(root / "p" / "a.tif", 9 << 20), data, LocalFiles([str(root)], "copy"), Interrupted())
    assert names(data) == []


@pytest.fixture
def swapping(root: Path, secret: Path) -> Iterator[Path]:
    """A folder below the root that is, in turn and thousands of times a second, a folder and a link out of it."""
    inside, outside, turn = root / "p", root / "outside", root / "turn"
    (secret.parent / "a.tif").write_bytes(b"S" * len(DATA))
    outside.symlink_to(secret.parent)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for here, there in ((inside, turn), (outside, inside), (inside, outside), (turn, inside)):
                here.rename(there)

    thread = threading.Thread(target=swap)
    thread.start()
    yield inside / "a.tif"
    over.set()
    thread.join()


def test_a_name_that_changes_meaning(root: Path, swapping: Path) -> None:
    """However the folders are swapped meanwhile, what is opened is a file below the root, or nothing."""
    local = LocalFiles([str(root)])
    contents = set()
    for _ in range(4000):
        with local._opened(item(swapping)) as opened:
            if opened is not None:
                contents.add(os.pread(opened.fd, 1, 0))
    assert contents <= {DATA[:1]}


def test_several_at_once(root: Path, data: Path, server: FaultyServer) -> None:
    """In one batch what lies here is linked and the rest is fetched; the report has them in their order."""
    server.files["/p/b.tif"] = Answer(DATA)
    batch = [
        Item(server.url("/p/b.tif"), "b.tif", len(DATA)),
        item(root / "p" / "a.tif"),
        Item(URL, "c.tif", len(DATA), str(root / "p" / "a.tif")),
    ]
    report = placed(batch, data, LocalFiles([str(root)]))
    assert [outcome.status for outcome in report.outcomes] == ["saved", "linked", "linked"]
    assert [path.name for path in report] == ["b.tif", "a.tif", "c.tif"]
    assert str(report).startswith("1 saved, 2 linked (1.3 MB in ")
