"""A download under way: in the background and the foreground, paused, cancelled, tried again, observed."""

from __future__ import annotations

import gc
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest
from downloads import Nobody, NoProgress, planned
from faulty import Answer, FaultyServer

from ipyterrascope.errors import (
    DownloadFailed,
    DownloadUnfinished,
    ServerRefused,
    TargetInvalid,
    TransferError,
    UsageError,
)
from ipyterrascope.transfer import (
    Control,
    CurlEngine,
    Download,
    DownloadState,
    Item,
    Report,
    download,
    downloads_under_way,
    order_of,
)
from testbed.waiting import until

DATA = random.Random(5).randbytes(3 << 20)
HALF = 1 << 20


def made(sources: Any, folder: Path, *, engine: CurlEngine | None = None, **options: Any) -> Download:
    order = order_of(sources, folder, engine=engine or CurlEngine(Nobody(), max_connections=1))
    return Download(order, **options)


def begun(sources: Any, folder: Path, **options: Any) -> Download:
    under_way = made(sources, folder, **options)
    under_way.start()
    return under_way


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def connections_to(server: FaultyServer) -> int:
    """Count the connections that this process holds to the server."""
    return sum(bool(end.raddr) and end.raddr.port == server.port for end in psutil.Process().net_connections("tcp4"))


@pytest.fixture
def halfway(server: FaultyServer, tmp_path: Path) -> Download:
    """A download whose server fell silent after half; the next time it will deliver."""
    server.script.append(Answer(DATA, cut_at=HALF, stall=True))
    server.files["/a.tif"] = Answer(DATA)
    under_way = begun([server.url("/a.tif")], tmp_path)
    until(lambda: under_way.state.bytes_done >= HALF)
    return under_way


def test_the_folder_is_that_of_the_moment_of_the_call(
    server: FaultyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who goes to another folder meanwhile finds all files, also those of a retry, where they were meant to be."""
    (tmp_path / "first").mkdir()
    (tmp_path / "later").mkdir()
    monkeypatch.chdir(tmp_path / "first")
    server.script.append(Answer(status=404))
    server.files |= {"/p/a.tif": Answer(DATA[:1000])}
    under_way = begun([server.url("/p/a.tif")], Path("data"))
    monkeypatch.chdir(tmp_path / "later")
    with pytest.raises(TransferError):
        under_way.wait(20)
    under_way.retry()
    assert list(under_way.wait(20)) == [tmp_path / "first" / "data" / "a.tif"]
    assert (tmp_path / "first" / "data" / "a.tif").is_file()
    assert [*(tmp_path / "later").iterdir()] == []


def test_one_that_was_lost_is_found_and_shown_again(server: FaultyServer, tmp_path: Path) -> None:
    """Those that go on are listed, the oldest first, and show themselves once more; those that ended are not."""
    shown: list[Download] = []
    server.script += [Answer(DATA, cut_at=HALF, stall=True)] * 2
    first = begun([server.url("/a.tif")], tmp_path / "a", show=shown.append)
    second = begun([server.url("/b.tif")], tmp_path / "b")
    assert downloads_under_way() == [first, second]
    downloads_under_way()[0].show()
    downloads_under_way()[1].show()
    assert shown == [first, first]
    for each in (first, second):
        each.cancel()
        with pytest.raises(DownloadFailed):
            each.wait(20)
    assert downloads_under_way() == []


def test_in_the_background(server: FaultyServer, tmp_path: Path) -> None:
    """It begins at once and goes on by itself; what is known so far can be asked for, and waited for."""
    server.files |= {"/a.tif": Answer(DATA[:1000]), "/b.tif": Answer(DATA, cut_at=HALF, stall=True)}
    under_way = begun([server.url("/a.tif"), server.url("/b.tif")], tmp_path)
    until(lambda: under_way.state.bytes_done > HALF)
    assert [path.name for path in under_way.report] == ["a.tif"]
    assert under_way.state.phase == "running"
    assert [file.name for file in under_way.state.active] == ["b.tif"]
    assert [file.status for file in under_way.files()] == ["saved", "active"]
    assert repr(under_way).startswith("<Download running: 1 of 2 files, 1.0 MB")
    with pytest.raises(DownloadUnfinished, match="1 of 2 files"):
        under_way.wait(0.01)
    server.files["/b.tif"] = Answer(DATA)
    server.hang_up()
    report = under_way.wait()
    assert [path.read_bytes() for path in report] == [DATA[:1000], DATA]
    assert list(under_way.report) == list(report)
    assert under_way.state.phase == "done"
    assert under_way.state.fraction == 1.0
    assert repr(under_way).startswith("<Download done: 2 saved (3.1 MB in ")


def test_a_pause_holds_nothing(halfway: Download, server: FaultyServer, tmp_path: Path) -> None:
    """A pause keeps what came, holds no connection and asks for nothing; after it only the rest is fetched."""
    halfway.pause()
    assert halfway.state.phase == "paused"
    until(lambda: connections_to(server) == 0)
    until(lambda: not halfway.state.active)
    asked = len(server.asked)
    time.sleep(0.3)
    assert len(server.asked) == asked == 1
    assert names(tmp_path) == ["a.tif.part", "a.tif.part.json"]
    assert halfway.state.bytes_done == HALF
    assert [file.status for file in halfway.files()] == ["waiting"]
    with pytest.raises(DownloadUnfinished):
        halfway.wait(0.05)

    halfway.resume()
    [path] = halfway.wait()
    assert path.read_bytes() == DATA
    assert server.gets()[1].headers["Range"] == f"bytes={HALF}-"


def test_what_is_there_counts_from_the_first_look(halfway: Download, server: FaultyServer, tmp_path: Path) -> None:
    """What an earlier run left of a file is told before anything comes, also where its turn is later."""
    halfway.cancel()
    with pytest.raises(DownloadFailed):
        halfway.wait(10)
    again = Download(order_of([server.url("/b.tif"), server.url("/a.tif")], tmp_path, engine=CurlEngine(Nobody())))
    assert str(again.state) == "0 of 2 files, 1.0 MB"


@pytest.mark.parametrize("is_paused", [False, True])
def test_cancelled(halfway: Download, server: FaultyServer, tmp_path: Path, is_paused: bool) -> None:
    """Cancelled, also while paused, it ends with what came kept; the error says how many are missing, and the same
    call goes on where it was."""
    if is_paused:
        halfway.pause()
    halfway.cancel()
    with pytest.raises(DownloadFailed) as caught:
        halfway.wait(10)
    told = "Cancelled: 1 of 1 was not fetched. 1.0 MB are kept.\nThe same call goes on where it was."
    assert str(caught.value) == told
    assert isinstance(caught.value.report, Report)
    assert [outcome.status for outcome in caught.value.report.cancelled] == ["cancelled"]
    assert str(caught.value.report) == "1 cancelled"
    assert (halfway.state.phase, halfway.state.bytes_done) == ("cancelled", HALF)
    assert str(halfway.state) == "0 of 1 files, 1.0 MB of 3.1 MB kept"
    assert [(file.status, file.bytes_done) for file in halfway.files()] == [("cancelled", HALF)]
    assert connections_to(server) == 0
    assert names(tmp_path) == ["a.tif.part", "a.tif.part.json"]
    [path] = download([server.url("/a.tif")], tmp_path, engine=CurlEngine(Nobody(), max_connections=1))
    assert path.read_bytes() == DATA
    assert server.gets()[-1].headers["Range"] == f"bytes={HALF}-"


@pytest.mark.parametrize("etag", ['"v1"', None])
def test_small_files_that_are_cancelled(server: FaultyServer, tmp_path: Path, etag: str | None) -> None:
    """Of small files too it is told how much is kept, and that is what the next call does not fetch again; where the
    server proves nothing, that nothing is."""
    small = DATA[:100_000]
    paths = [f"/{number}.tif" for number in range(4)]
    server.files = {path: Answer(small, cut_at=60_000, stall=True, etag=etag) for path in paths}
    urls = [*map(server.url, paths)]
    under_way = begun(urls, tmp_path, engine=CurlEngine(Nobody()))
    until(lambda: under_way.state.bytes_done >= 240_000)
    under_way.pause()
    kept_bytes = 240_000 if etag else 0
    until(lambda: under_way.state.bytes_done == kept_bytes)
    under_way.cancel()
    with pytest.raises(DownloadFailed) as caught:
        under_way.wait(10)
    assert ("240.0 kB are kept." in str(caught.value)) is bool(kept_bytes)
    assert under_way.state.bytes_done == kept_bytes
    assert sum(path.stat().st_size for path in tmp_path.glob("*.part")) == kept_bytes
    server.files = {path: Answer(small, etag=etag) for path in paths}
    server.asked.clear()
    assert [path.read_bytes() for path in download(urls, tmp_path, engine=CurlEngine(Nobody()))] == [small] * 4
    wanted = ["bytes=60000-" if kept_bytes else "bytes=0-8388607"] * 4
    assert [request.headers.get("Range") for request in server.gets()] == wanted


def test_one_thing_that_is_cancelled(server: FaultyServer, tmp_path: Path) -> None:
    """Also a single URL is told as cancelled."""
    server.files["/a.tif"] = Answer(DATA, cut_at=HALF, stall=True)
    under_way = begun(server.url("/a.tif"), tmp_path)
    until(lambda: under_way.state.bytes_done >= HALF)
    under_way.cancel()
    with pytest.raises(DownloadFailed, match="Cancelled: 1 of 1"):
        under_way.wait(10)


class Slow(Nobody):
    """Takes half a minute over a credential, as a renewal at a bad provider does."""

    def __init__(self) -> None:
        self.asked, self.go = threading.Event(), threading.Event()

    def headers(self, url: str) -> Mapping[str, str]:
        self.asked.set()
        self.go.wait(30)
        return {}


def test_cancelled_while_the_engine_is_held_up(server: FaultyServer, tmp_path: Path) -> None:
    """It ends soon also while the engine waits for something that cannot be cut short."""
    slow = Slow()
    under_way = begun([server.url("/a.tif")], tmp_path, engine=CurlEngine(slow))
    assert slow.asked.wait(10)
    under_way.cancel()
    with pytest.raises(DownloadFailed):
        under_way.wait(10)
    slow.go.set()
    assert server.asked == []


@pytest.mark.soak
def test_paused_again_and_again(server: FaultyServer, tmp_path: Path, full_counts: bool) -> None:
    """Of files small and large, paused and resumed at any moments, each arrives whole, and no end is lost."""
    rounds = 30 if full_counts else 3
    for number in range(rounds):
        chance = random.Random(number)
        contents = {f"/{n}.tif": b"II*\0" + chance.randbytes(chance.choice([100, 5000, 2_000_000])) for n in range(30)}
        server.files = {path: Answer(data, pause_s=0.001) for path, data in contents.items()}
        folder = tmp_path / str(number)
        under_way = begun([server.url(path) for path in contents], folder, engine=CurlEngine(Nobody()))
        while not under_way.state.is_ended:
            time.sleep(chance.random() * 0.05)
            under_way.pause()
            time.sleep(chance.random() * 0.02)
            under_way.resume()
        assert [path.read_bytes() for path in under_way.wait(10)] == list(contents.values())
        assert len(under_way.report.saved) == 30


def test_what_a_person_does_too_late_changes_nothing(server: FaultyServer, tmp_path: Path) -> None:
    """Pause, resume, cancel and retry of what is done leave it as it is."""
    server.files["/a.tif"] = Answer(DATA)
    under_way = begun([server.url("/a.tif")], tmp_path)
    under_way.wait(20)
    for act in (under_way.pause, under_way.resume, under_way.cancel, under_way.retry):
        act()
        assert under_way.state.phase == "done"
    assert len(under_way.wait().saved) == 1


def test_retry(server: FaultyServer, tmp_path: Path) -> None:
    """What failed is fetched again in the same download, and nothing else is asked for; what was given twice is counted
    once, and its path is there twice."""
    server.files["/a.tif"] = Answer(DATA[:1000])
    urls = [server.url("/a.tif"), server.url("/b.tif"), server.url("/b.tif")]
    under_way = begun(urls, tmp_path)
    with pytest.raises(DownloadFailed, match="1 of 2 downloads failed"):
        under_way.wait(20)
    assert (under_way.state.phase, under_way.state.files_done, under_way.state.files_failed) == ("failed", 1, 1)
    assert [file.note for file in under_way.files("failed")] == [under_way.report.failed[0].error.what]  # type: ignore[union-attr]
    server.files["/b.tif"] = Answer(DATA)
    server.asked.clear()
    under_way.retry()
    report = under_way.wait(20)
    assert [path.name for path in report] == ["a.tif", "b.tif", "b.tif"]
    assert {asked.path for asked in server.asked} == {"/b.tif"}
    assert (under_way.state.phase, under_way.state.files_done, under_way.state.files_failed) == ("done", 2, 0)


def test_retry_goes_on_after_a_cancel(halfway: Download, server: FaultyServer) -> None:
    """A cancelled download can be gone on with, with what came."""
    halfway.cancel()
    with pytest.raises(DownloadFailed):
        halfway.wait(10)
    halfway.retry()
    [path] = halfway.wait(20)
    assert path.read_bytes() == DATA
    assert server.gets()[-1].headers["Range"] == f"bytes={HALF}-"


def test_retry_looks_at_what_is_there_now(server: FaultyServer, tmp_path: Path) -> None:
    """A file that stood in the way and was moved no longer does."""
    (tmp_path / "a.tif").write_bytes(b"mine")
    server.files["/a.tif"] = Answer(DATA)
    under_way = begun([Item(server.url("/a.tif"), "a.tif", len(DATA))], tmp_path)
    with pytest.raises(DownloadFailed, match=r"Another file a\.tif is there already"):
        under_way.wait(20)
    assert server.asked == []
    (tmp_path / "a.tif").unlink()
    under_way.retry()
    assert [path.read_bytes() for path in under_way.wait(20)] == [DATA]


def test_a_report_can_be_retried(server: FaultyServer, tmp_path: Path) -> None:
    """`Report.retry` fetches what failed with the same options, shows it, and returns the report of the whole."""
    server.files["/a.tif"] = Answer(DATA[:1000])
    urls = [server.url("/b.tif"), server.url("/a.tif")]
    shown: list[Download] = []
    engine = CurlEngine(Nobody(), max_connections=1)
    with pytest.raises(DownloadFailed) as caught:
        download(urls, tmp_path, engine=engine, show=shown.append)
    first = caught.value.report
    assert isinstance(first, Report)
    with pytest.raises(DownloadFailed, match="1 of 2 downloads failed"):
        first.retry()
    server.files["/b.tif"] = Answer(DATA)
    server.asked.clear()
    merged = first.retry()
    assert [path.name for path in merged] == ["b.tif", "a.tif"]
    assert merged.seconds > first.seconds
    assert {asked.path for asked in server.asked} == {"/b.tif"}
    assert [under_way.state.files_done for under_way in shown] == [1, 1, 2]
    assert merged.retry() is merged


def test_a_report_without_its_download_says_so(server: FaultyServer, tmp_path: Path) -> None:
    """A report that was pickled has lost the way to fetch more, and with it whoever was signed in."""
    with pytest.raises(DownloadFailed) as caught:
        download([server.url("/none.tif")], tmp_path, engine=CurlEngine(Nobody()))
    copied = pickle.loads(pickle.dumps(caught.value.report))
    assert str(copied) == "1 failed"
    with pytest.raises(UsageError, match="same call"):
        copied.retry()


def test_views_are_told(server: FaultyServer, tmp_path: Path) -> None:
    """Observers get states in their order, a few a second, and the last one before `wait` returns; one that fails
    disturbs nobody, and one that has enough gets no more."""
    server.files["/a.tif"] = Answer(DATA, chunk_bytes=64 << 10, pause_s=0.02)
    under_way = made([server.url("/a.tif")], tmp_path)
    told: list[tuple[float, DownloadState]] = []
    early: list[DownloadState] = []

    def fail(state: DownloadState) -> None:
        raise RuntimeError("a bad view")

    under_way.observe(fail)
    under_way.observe(lambda state: told.append((time.monotonic(), state)))
    end = under_way.observe(lambda state: (early.append(state), end()))
    under_way.start()
    under_way.wait(20)
    assert told[-1][1] == under_way.state
    assert [state.bytes_done for _, state in told] == sorted(state.bytes_done for _, state in told)
    assert len(told) > 2
    gaps = [after - before for (before, _), (after, _) in pairwise(told[:-1])]
    assert min(gaps) > 0.15
    assert len(early) == 1


def test_nothing_is_told_while_nothing_happens(halfway: Download) -> None:
    """Views of a paused download are left in peace."""
    halfway.pause()
    until(lambda: not halfway.state.active)
    told: list[DownloadState] = []
    halfway.observe(told.append)
    time.sleep(1.0)
    assert len(told) <= 1
    halfway.cancel()
    until(lambda: told and told[-1].phase == "cancelled")


def test_two_at_once(server: FaultyServer, tmp_path: Path) -> None:
    """Two downloads in one kernel do not disturb each other; of two that want one file the second waits."""
    server.files = {f"/{n}.tif": Answer(DATA, pause_s=0.002) for n in range(6)}
    urls = [server.url(path) for path in server.files]
    one, other = begun(urls[:3], tmp_path), begun(urls[3:], tmp_path)
    assert len(one.wait(20)) == len(other.wait(20)) == 3
    server.files["/a.tif"] = Answer(DATA, cut_at=HALF, stall=True)
    first = begun([server.url("/a.tif")], tmp_path)
    until(lambda: first.state.bytes_done >= HALF)
    second = begun([server.url("/a.tif")], tmp_path)
    until(lambda: second.state.active)
    server.files["/a.tif"] = Answer(DATA)
    server.hang_up()
    assert [path.read_bytes() for path in (*first.wait(20), *second.wait(20))] == [DATA] * 2


def test_what_has_ended_is_garbage(server: FaultyServer, tmp_path: Path) -> None:
    """Nothing keeps a download that has ended, one that was cancelled included; its report stays."""
    server.files["/a.tif"] = Answer(DATA)
    kept: list[Report] = []
    references: list[weakref.ref[Download]] = []
    for sources in ([server.url("/a.tif")], [server.url("/b.tif")]):
        under_way = begun(sources, tmp_path)
        under_way.cancel() if "/b" in sources[0] else None
        with pytest.raises(TransferError) if "/b" in sources[0] else pytest.MonkeyPatch.context():
            under_way.wait(20)
        kept.append(under_way.report)
        references.append(weakref.ref(under_way))
        del under_way
    until(lambda: gc.collect() is not None and not any(reference() for reference in references))
    assert len(kept[0]) == 1


class Broken(Nobody):
    def headers(self, url: str) -> Mapping[str, str]:
        raise KeyError("a fault of ours")


def test_a_fault_of_ours(server: FaultyServer, tmp_path: Path) -> None:
    """A fault of our own ends it as failed, is raised by whoever waits, and the report calls it what it is."""
    under_way = begun([server.url("/a.tif")], tmp_path, engine=CurlEngine(Broken()))
    for _ in range(2):
        with pytest.raises(KeyError):
            under_way.wait(20)
    assert under_way.state.phase == "failed"
    assert "This is a bug in ipyterrascope (KeyError)" in str(under_way.report.failed[0].error)


def test_an_error_of_one_file_is_raised_as_it_is(server: FaultyServer, tmp_path: Path) -> None:
    """One URL fails with its own error, as often as it is waited for, and each time a new one."""
    under_way = begun(server.url("/none.tif"), tmp_path)
    raised = []
    for _ in range(2):
        with pytest.raises(ServerRefused) as caught:
            under_way.wait(20)
        raised.append(caught.value)
    assert raised[0] is not raised[1]
    assert raised[0].status == 404


def test_a_folder_that_cannot_be_written_begins_nothing(server: FaultyServer, tmp_path: Path) -> None:
    """Before anything is shown or asked, a folder that cannot be is an error, of the call and not of the wait."""
    (tmp_path / "file").write_bytes(b"mine")
    shown: list[Download] = []
    under_way = made([server.url("/a.tif")], tmp_path / "file", show=shown.append)
    with pytest.raises(TargetInvalid):
        under_way.start()
    assert shown == []
    assert server.asked == []


def test_many_hands(server: FaultyServer, tmp_path: Path) -> None:
    """Whatever several threads do to it at once, it ends, and the counts are right at each moment."""
    server.files = {f"/{n}.tif": Answer(DATA[:200_000], pause_s=0.001) for n in range(60)}
    under_way = begun([server.url(path) for path in server.files], tmp_path, engine=CurlEngine(Nobody()))
    faults: list[BaseException] = []

    def handle(seed: int) -> None:
        chance = random.Random(seed)
        acts = [under_way.pause, under_way.resume, lambda: under_way.files("active"), under_way.retry]
        try:
            while not under_way.state.is_ended:
                chance.choices(acts, [1, 20, 20, 20])[0]()
                state = under_way.state
                assert state.files_done + state.files_failed <= state.files_total
                assert len(under_way.report.outcomes) <= 60
                time.sleep(0.001)
        except BaseException as exc:
            faults.append(exc)

    threads = [threading.Thread(target=handle, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    under_way.resume()
    assert faults == []
    assert len(under_way.wait(20).saved) == 60


def test_a_run_that_is_stopped(server: FaultyServer, tmp_path: Path) -> None:
    """An engine that is stopped yields what had ended and returns; one that was stopped before begins nothing."""
    server.files |= {"/a.tif": Answer(DATA[:1000]), "/b.tif": Answer(DATA, cut_at=HALF, stall=True)}
    control = Control()
    engine = CurlEngine(Nobody(), max_connections=1)
    running = engine.run(planned(tmp_path, server.url("/a.tif"), server.url("/b.tif")), NoProgress(), control)
    assert next(running).status == "saved"
    until((tmp_path / "b.tif.part").exists)
    control.stop()
    assert list(running) == []
    assert names(tmp_path) == ["a.tif", "b.tif.part", "b.tif.part.json"]
    server.asked.clear()
    assert list(engine.run(planned(tmp_path, server.url("/c.tif")), NoProgress(), control)) == []
    assert server.asked == []


CHILD = """
import os, signal, sys, threading, time
from ipyterrascope.transfer import CurlEngine, Download, order_of

class Nobody:
    def headers(self, url):
        return {}
    def refused(self, url, headers):
        return False

folder, url, what = sys.argv[1:]
under_way = Download(order_of([url], folder, engine=CurlEngine(Nobody(), max_connections=1)))
under_way.start()
while under_way.state.bytes_done < 1 << 20:
    time.sleep(0.01)
if what == "interrupt":
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        under_way.wait()
    except KeyboardInterrupt:
        print("interrupted", under_way.state.phase, flush=True)
elif what == "fork":
    if os.fork() == 0:
        sys.exit()
    os.wait()
    print("forked", under_way.state.phase, flush=True)
"""


@pytest.mark.parametrize("what", ["exit", "interrupt", "fork"])
def test_the_end_of_python_cancels_it(server: FaultyServer, tmp_path: Path, what: str) -> None:
    """At the end of the interpreter it keeps what came and holds nothing up; an interrupt of a wait, and the end of a
    forked child, do nothing to it."""
    server.script.append(Answer(DATA, cut_at=HALF, stall=True))
    server.files["/a.tif"] = Answer(DATA)
    command = [sys.executable, "-c", CHILD, str(tmp_path), server.url("/a.tif"), what]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == ""
    assert done.stdout == {"exit": "", "interrupt": "interrupted running\n", "fork": "forked running\n"}[what]
    assert names(tmp_path) == ["a.tif.part", "a.tif.part.json"]
    download(server.url("/a.tif"), tmp_path, engine=CurlEngine(Nobody(), max_connections=1))
    assert server.gets()[1].headers["Range"] == f"bytes={HALF}-"


FOREGROUND = """
import sys
from ipyterrascope.transfer import CurlEngine, download

class Nobody:
    def headers(self, url):
        return {}
    def refused(self, url, headers):
        return False

def show(download):
    download.observe(lambda state: print(state.phase, state.bytes_done, flush=True))

download(sys.argv[2:], sys.argv[1], engine=CurlEngine(Nobody(), max_connections=1), show=show)
"""


def test_an_interrupt_of_the_foreground_is_told_as_cancelled(server: FaultyServer, tmp_path: Path) -> None:
    """Ctrl-C in the foreground ends it: its views learn that it was cancelled, and the interrupt goes on."""
    server.files["/a.tif"] = Answer(DATA, cut_at=HALF, stall=True)
    command = [sys.executable, "-c", FOREGROUND, str(tmp_path), server.url("/a.tif")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith(f"running {HALF}"):
            assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)
        printed, errors = process.communicate(timeout=20)
    assert printed.splitlines()[-1] == f"cancelled {HALF}"
    assert "KeyboardInterrupt" in errors
    assert names(tmp_path) == ["a.tif.part", "a.tif.part.json"]
