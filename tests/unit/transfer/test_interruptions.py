from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from children import child, names, until_part_has
from downloads import Nobody, NoProgress, planned
from faulty import Answer, FaultyServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipyterrascope.errors import DownloadFailed, TargetInvalid
from ipyterrascope.transfer import CurlEngine, Item, download, small
from ipyterrascope.transfer.curl.host import Host
from ipyterrascope.transfer.curl.job import Job
from ipyterrascope.transfer.curl.room import Room
from ipyterrascope.transfer.folder import writing_to
from ipyterrascope.transfer.journal import Journal, JournalFile
from ipyterrascope.transfer.partial import Partial
from ipyterrascope.transfer.pieces import Pieces

DATA = random.Random(1).randbytes(2 << 20)


class InterruptAt(NoProgress):
    """Presses Ctrl-C when so many bytes are there."""

    def __init__(self, done_bytes: int) -> None:
        self.done_bytes = done_bytes

    def item_started(self, item: Item, there_bytes: int = 0) -> None:
        self.advanced(item, there_bytes, None)

    def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None:
        if done_bytes >= self.done_bytes:
            raise KeyboardInterrupt


@pytest.mark.soak
@given(
    there=st.sampled_from([0, 4]) | st.integers(5, len(DATA) - 1),
    connections=st.sampled_from([1, 8]),
    etag=st.sampled_from(['"v1"', 'W/"v1"', None]),
    changes=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_interrupt_leaves_only_what_can_be_used(
    there: int, connections: int, etag: str | None, changes: bool, server: FaultyServer, nobody: Nobody, tmp_path: Path
) -> None:
    """After Ctrl-C at any moment there is no file, a part only if it can be resumed, and the next run is right also
    when the file changed meanwhile."""
    engine = CurlEngine(nobody, max_connections=connections)
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    if connections > 1:
        there = min(there, 200_000)  # or others would bring the rest of a range that is silent
    server.files["/a.tif"] = Answer(DATA, etag=etag, cut_at=there, stall=True)
    with pytest.raises(KeyboardInterrupt):
        list(engine.run(planned(folder, server.url("/a.tif")), InterruptAt(there)))
    resumable = etag == '"v1"' and there > 0
    assert names(folder) == (["a.tif.part", "a.tif.part.json"] if resumable else [])
    new = DATA[::-1] if changes else DATA
    server.files["/a.tif"] = Answer(new, etag=None if etag is None else '"v2"' if changes else etag)
    [path] = download(server.url("/a.tif"), folder, engine=engine)
    assert path.read_bytes() == new
    assert names(folder) == ["a.tif"]


def test_interrupt_during_a_silent_read(server: FaultyServer, engine: CurlEngine, tmp_path: Path) -> None:
    """A real SIGINT while the server is silent ends the process at once and keeps what came."""
    server.files["/a.tif"] = Answer(DATA, cut_at=1 << 20, stall=True)
    process = child(tmp_path, server.url("/a.tif"), connections=1)
    until_part_has(tmp_path, 1 << 20, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert names(tmp_path) == ["a.tif.part", "a.tif.part.json"]
    server.files["/a.tif"] = Answer(DATA)
    [path] = download(server.url("/a.tif"), tmp_path, engine=engine)
    assert path.read_bytes() == DATA
    assert server.gets()[1].headers["Range"] == f"bytes={1 << 20}-"


def test_full_disk(server: FaultyServer, engine: CurlEngine, tmp_path: Path) -> None:
    """Where the disk takes no more, the error says so, and what fits is kept for later."""
    server.files["/a.tif"] = Answer(DATA)
    limit = 1_700_000
    process = child(
        tmp_path,
        server.url("/a.tif"),
        connections=1,
        preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    printed, _ = process.communicate(timeout=60)
    assert printed.startswith("TargetInvalid")
    assert "larger than this place allows" in printed
    assert names(tmp_path) == ["a.tif.part", "a.tif.part.json"]
    asked_before = len(server.gets())
    [path] = download(server.url("/a.tif"), tmp_path, engine=engine)
    assert path.read_bytes() == DATA
    first = server.gets()[asked_before].headers["Range"]
    # what one write could not bring in whole is not counted
    assert limit - (512 << 10) <= int(first.removeprefix("bytes=").partition("-")[0]) <= limit


def test_full_disk_for_many(
    server: FaultyServer, tmp_path: Path, nobody: Nobody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a few files in a row found the disk full, the rest of a long list is not asked for."""
    monkeypatch.setattr(os, "pwritev", lambda *_: _full())
    urls = [server.url(f"/{number}.tif") for number in range(50)]
    server.decide = lambda asked: Answer(DATA)
    with pytest.raises(DownloadFailed) as caught:
        download(urls, tmp_path, engine=CurlEngine(nobody, max_connections=1))
    assert "0.tif cannot be written: the disk is full." in str(caught.value)
    assert "Not tried: " in str(caught.value)
    assert len(server.gets()) < 10
    assert names(tmp_path) == []


def _full() -> int:
    raise OSError(errno.ENOSPC, "full")


def used_by(folder: Path, total: int) -> Callable[[Path], tuple[int, int, int]]:
    """Return what tells how full a disk of so many bytes is, on which there is only this folder."""

    def usage(path: Path) -> tuple[int, int, int]:
        used = sum(file.stat().st_size for file in folder.iterdir())
        return total, used, total - used

    return usage


def test_file_without_an_end(server: FaultyServer, nobody: Nobody, tmp_path: Path) -> None:
    """A file of which nobody tells the size, and without an end, is stopped before it fills the disk or takes the room
    that other files need; they are saved."""
    server.files["/endless.tif"] = Answer(bytes(1 << 28), chunked=True, ranges=False, etag=None, pause_s=1e-3)
    server.files["/a.tif"] = Answer(DATA, pause_s=0.05)
    server.files["/c.tif"] = Answer(bytes(30 << 20), pause_s=0.01)
    items = [
        Item(server.url("/endless.tif"), "endless.tif"),
        Item(server.url("/a.tif"), "a.tif", len(DATA)),
        Item(server.url("/c.tif"), "c.tif", 30 << 20),
    ]
    most = [0]
    usage = used_by(tmp_path, 100 << 20)

    def watched(path: Path) -> tuple[int, int, int]:
        most[0] = max(most[0], usage(path)[1])
        return usage(path)

    engine = CurlEngine(nobody, max_connections=3, disk_usage=watched)
    with pytest.raises(DownloadFailed) as caught:
        download(items, tmp_path, engine=engine)
    assert "endless.tif was stopped before it filled the disk." in str(caught.value)
    assert names(tmp_path) == ["a.tif", "c.tif"]
    assert most[0] < 100 << 20


def test_the_disk_is_asked_once_a_look(tmp_path: Path) -> None:
    """Of one disk it is asked once at each look how much is free, whatever sizes the files have."""
    asked: list[Path] = []

    def usage(path: Path) -> tuple[int, int, int]:
        asked.append(path)
        return 1 << 40, 0, 1 << 40

    host = Host("h", 2, clock=lambda: 0.0, monotonic=lambda: 0.0)
    for action in planned(tmp_path, "https://h/a.tif", "https://h/b.tif"):
        job = Job(action, Partial(action.path, action.item.url), action.item.url, host, 0.0)
        job.is_open, host.jobs[job] = True, None
    [sized, _] = host.jobs
    sized.pieces = Pieces(1000)
    assert Room(usage).outgrown([host]) is None
    assert asked == [tmp_path]


def test_file_without_a_size_on_a_full_disk(server: FaultyServer, nobody: Nobody, tmp_path: Path) -> None:
    """A file whose size nobody tells is saved on a disk that is nearly full, where it takes little of what is left."""
    server.files["/a.tif"] = Answer(DATA, chunked=True, ranges=False, etag=None, pause_s=0.02)
    usage = used_by(tmp_path, 20 << 20)
    engine = CurlEngine(nobody, max_connections=1, disk_usage=lambda path: (1 << 40, 0, usage(path)[2]))
    [path] = download(server.url("/a.tif"), tmp_path, engine=engine)
    assert path.read_bytes() == DATA


def test_file_that_is_longer_than_the_disk(server: FaultyServer, nobody: Nobody, tmp_path: Path) -> None:
    """A file for which the server, and no catalogue, tells a size that there is no room for is not fetched to where the
    disk is full; the others are saved."""
    server.files["/long.tif"] = Answer(bytes(1 << 28), pause_s=0.01)
    server.files["/a.tif"] = Answer(DATA, pause_s=0.05)
    engine = CurlEngine(nobody, max_connections=2, disk_usage=used_by(tmp_path, 100 << 20))
    with pytest.raises(DownloadFailed, match=r"long\.tif has no room on the disk") as caught:
        download([server.url("/long.tif"), server.url("/a.tif")], tmp_path, engine=engine)
    assert [path.name for path in caught.value.report] == ["a.tif"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("number", "concerns_all"), [(errno.ENOSPC, True), (errno.EROFS, True), (errno.ENOENT, False)])
def test_what_concerns_one_folder_ends_no_list(number: int, concerns_all: bool, tmp_path: Path) -> None:
    """A full disk concerns all other files; a folder that was removed those in it alone."""
    with pytest.raises(TargetInvalid) as caught, writing_to(tmp_path / "a.tif"):
        raise OSError(number, os.strerror(number))
    assert caught.value.concerns_all is concerns_all


def test_folder_that_is_removed_on_the_way(server: FaultyServer, nobody: Nobody, tmp_path: Path) -> None:
    """Where the folder is removed while files come, none is saved elsewhere, and each says what happened."""
    folder = tmp_path / "data"
    server.files = {f"/{number}.tif": Answer(DATA, pause_s=0.01) for number in range(3)}

    class Removing(NoProgress):
        def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None:
            if folder.exists() and done_bytes > 1 << 20:
                shutil.rmtree(folder)

    folder.mkdir()
    actions = planned(folder, *(server.url(path) for path in server.files))
    first, *others = CurlEngine(nobody, max_connections=1).run(actions, Removing())
    assert "removed it or its folder" in str(first.error)
    assert all("its folder was removed" in str(outcome.error) for outcome in others)
    assert not folder.exists()


def test_part_that_is_removed_on_the_way(server: FaultyServer, nobody: Nobody, tmp_path: Path) -> None:
    """Where its part is removed, a large file is not fetched to its end before that is said."""
    server.files["/a.tif"] = Answer(bytes(64 << 20), pause_s=0.001)
    came = [0]

    class Removing(NoProgress):
        def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None:
            came[0] = done_bytes
            (tmp_path / "a.tif.part").unlink(missing_ok=True)

    [outcome] = CurlEngine(nobody, max_connections=1).run(planned(tmp_path, server.url("/a.tif")), Removing())
    assert "removed it or its folder" in str(outcome.error)
    assert came[0] < 32 << 20
    assert not (tmp_path / "a.tif").exists()


@pytest.mark.parametrize("limit", [10_000, 300_000])
def test_full_disk_for_a_small_file(server: FaultyServer, engine: CurlEngine, tmp_path: Path, limit: int) -> None:
    """Of a small file that the disk takes only a part of, none is saved, and the error says why."""
    server.files["/a.tif"] = Answer(DATA[:900_000])
    printed, _ = child(
        tmp_path, server.url("/a.tif"), preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    ).communicate(timeout=60)
    assert printed.startswith("TargetInvalid")
    assert "larger than this place allows" in printed
    assert "a.tif" not in names(tmp_path)
    [path] = download(server.url("/a.tif"), tmp_path, engine=engine)
    assert path.read_bytes() == DATA[:900_000]
    assert names(tmp_path) == ["a.tif"]


@pytest.mark.parametrize("connections", [1, 8])
def test_where_no_file_is_nameless(
    server: FaultyServer, nobody: Nobody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connections: int
) -> None:
    """On a system or file system without nameless files (NFS, say), files of all sizes are saved whole."""
    monkeypatch.setattr(small, "_CAN", False)
    sizes = (0, 1, 100, 16_384, 16_385, 20_000, 100_000, 1 << 20, (1 << 20) + 1, len(DATA))
    for size in sizes:
        server.files[f"/{size}.tif"] = Answer(DATA[:size])
    urls = [server.url(path) for path in server.files]
    report = download(urls, tmp_path, engine=CurlEngine(nobody, max_connections=connections))
    assert [path.read_bytes() == DATA[:size] for path, size in zip(report, sizes, strict=True)] == [True] * len(sizes)


@pytest.mark.parametrize("below", ["file", "file/deeper"])
def test_folder_that_cannot_be(below: str, server: FaultyServer, engine: CurlEngine, tmp_path: Path) -> None:
    """A folder that cannot be made is refused before anything is asked of the server."""
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(TargetInvalid, match=r"not a folder|something else"):
        download(server.url("/a.tif"), tmp_path / below, engine=engine)
    assert server.asked == []
    assert (tmp_path / "file").read_bytes() == b"mine"


@pytest.mark.parametrize("folder", ["~nosuchuser/x", "a\0b", "a\ud800b", None, 3, b"data"])
def test_folder_that_is_no_path(folder: object, server: FaultyServer, engine: CurlEngine) -> None:
    """A folder that no file system can have is an error of our tree, before anything is asked of the server."""
    with pytest.raises(TargetInvalid, match="cannot be a folder"):
        download(server.url("/a.tif"), folder, engine=engine)  # type: ignore[arg-type]
    assert server.asked == []


def test_folder_that_cannot_be_written(server: FaultyServer, engine: CurlEngine) -> None:
    """A folder that takes no files, or cannot be made, is refused before anything is asked of the server."""
    with pytest.raises(TargetInvalid, match="cannot be written"):
        download(server.url("/a.tif"), f"/proc/{os.getpid()}", engine=engine)
    with pytest.raises(TargetInvalid, match=r"/proc/x/y cannot be made\. /proc takes no folders\."):
        download(server.url("/a.tif"), "/proc/x/y", engine=engine)
    assert server.asked == []


def test_memory_does_not_grow_with_the_file(server: FaultyServer, tmp_path: Path) -> None:
    """A file of 300 MB takes no more memory than one of 1 MB."""
    server.files["/small.bin"] = Answer(bytes(1 << 20))
    server.files["/large.bin"] = Answer(bytes(1 << 20), repeat=300)
    printed, errors = child(tmp_path, server.url("/small.bin"), server.url("/large.bin")).communicate(timeout=120)
    assert errors == ""
    small_kib, large_kib = [int(line) for line in printed.splitlines() if line.isdigit()]
    assert (tmp_path / "large.bin").stat().st_size == 300 << 20
    assert large_kib - small_kib < 20 * 1024


@pytest.mark.parametrize("etag", ['"v1"', None])
def test_runs_of_other_addresses_at_once(server: FaultyServer, tmp_path: Path, etag: str | None) -> None:
    """Of processes that fetch two files of one name, the first gets its file and the others are told."""
    server.files["/a.tif"] = Answer(DATA, cut_at=1 << 20, stall=True, etag=etag)
    server.files["/other/a.tif"] = Answer(DATA[::-1], etag=etag)
    first = child(tmp_path, server.url("/a.tif"), connections=1)
    until_part_has(tmp_path, 1 << 20, first)
    server.files["/a.tif"] = Answer(DATA, etag=etag)
    others = [child(tmp_path, server.url("/other/a.tif")) for _ in range(2)]
    for other in others:
        printed, _ = other.communicate(timeout=60)
        assert printed.startswith("TargetInvalid")
        assert "another download is writing it" in printed
    server.hang_up()
    printed, errors = first.communicate(timeout=60)
    assert printed.startswith("Report"), errors
    assert (tmp_path / "a.tif").read_bytes() == DATA
    assert names(tmp_path) == ["a.tif"]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("size", [5000, len(DATA)])
def test_two_runs_of_one_name_and_two_addresses(
    server: FaultyServer, tmp_path: Path, size: int, overwrite: bool
) -> None:
    """Of two downloads to one place at the same moment none ever has bytes of the other, whatever is slower."""
    contents = {"/a.tif": DATA[:size], "/other/a.tif": DATA[::-1][:size]}
    server.decide = lambda asked: Answer(contents[asked.path], pause_s=0.002, chunk_bytes=max(500, size // 50))
    engine, ends = CurlEngine(Nobody(), max_connections=4), list[object]()

    def run(path: str) -> None:
        try:
            ends.append(download(server.url(path), tmp_path, engine=engine, overwrite=overwrite))
        except TargetInvalid as error:
            ends.append(error)

    for _ in range(5):
        runs = [threading.Thread(target=run, args=(path,)) for path in contents]
        for each in runs:
            each.start()
        for each in runs:
            each.join(30)
        assert (tmp_path / "a.tif").read_bytes() in contents.values()
        assert names(tmp_path) == ["a.tif"]
        (tmp_path / "a.tif").unlink()
    assert len(ends) == 10


def test_killed_run_blocks_nobody(server: FaultyServer, engine: CurlEngine, tmp_path: Path) -> None:
    """A process that is killed in the middle lets go of the part, for its own URL and for another."""
    server.files["/a.tif"] = Answer(DATA, cut_at=1 << 20, stall=True)
    server.files["/other/a.tif"] = Answer(DATA[::-1])
    first = child(tmp_path, server.url("/a.tif"), connections=1)
    until_part_has(tmp_path, 1 << 20, first)
    first.kill()
    first.communicate()
    [path] = download(server.url("/other/a.tif"), tmp_path, engine=engine)
    assert path.read_bytes() == DATA[::-1]
    assert names(tmp_path) == ["a.tif"]


@pytest.mark.parametrize("size_bytes", [None, len(DATA)])
@pytest.mark.parametrize("validator", ['"v1"', None])
@pytest.mark.parametrize("is_whole", [True, False])
def test_journal_that_a_kill_left_alone(
    server: FaultyServer,
    engine: CurlEngine,
    tmp_path: Path,
    is_whole: bool,
    validator: str | None,
    size_bytes: int | None,
) -> None:
    """A journal whose part has got its name, or is gone, is removed by the next run; a file only called so stays."""
    server.files["/a.tif"] = Answer(DATA)
    url = server.url("/a.tif")
    JournalFile(tmp_path / "a.tif.part.json", Journal.of(url, validator, len(DATA))).close()
    (tmp_path / "b.tif.part.json").write_text('{"url": "of somebody else"}')
    (tmp_path / "b.tif").write_bytes(DATA)
    if is_whole:
        (tmp_path / "a.tif").write_bytes(DATA)
    download([Item(url, name, size_bytes) for name in ("a.tif", "b.tif")], tmp_path, engine=engine)
    assert names(tmp_path) == ["a.tif", "b.tif", "b.tif.part.json"]


def test_engine_needs_little(engine: CurlEngine) -> None:
    """An engine needs nothing but an authorizer."""
    assert list(engine.run([], NoProgress())) == []


def test_who_stops_listening_ends_it(server: FaultyServer, engine: CurlEngine, tmp_path: Path) -> None:
    """When nobody wants the outcomes any more, the engine ends, and what came can be gone on with."""
    server.files |= {"/small.tif": Answer(DATA[:1000]), "/a.tif": Answer(DATA, cut_at=100_000, stall=True)}
    urls = [server.url("/small.tif"), server.url("/a.tif")]
    running = engine.run(planned(tmp_path, *urls), NoProgress())
    assert next(running).status == "saved"
    while not (tmp_path / "a.tif.part").exists():
        time.sleep(0.005)
    running.close()
    assert [thread.name for thread in threading.enumerate() if thread.name == "download"] == []
    assert names(tmp_path) == ["a.tif.part", "a.tif.part.json", "small.tif"]


class Broken(Nobody):
    def headers(self, url: str) -> Mapping[str, str]:
        secret = "t0k3n"
        raise KeyError(len(secret))


def test_fault_of_ours_is_raised_where_it_is_seen(server: FaultyServer, tmp_path: Path) -> None:
    """A fault that is none of ours to foresee ends the run where the caller is, and shows no local of where it was."""
    with pytest.raises(KeyError) as caught:
        download(server.url("/a.tif"), tmp_path, engine=CurlEngine(Broken()))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "t0k3n" not in shown
    assert names(tmp_path) == []
