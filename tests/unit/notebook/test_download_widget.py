"""The kernel's end of the download widget: a download's states as messages, and what a person may do about it."""

from __future__ import annotations

import gc
import gzip
import json
import re
import threading
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wires import Wire, wait_until, wire_of

from ipyterrascope.errors import ServerRefused
from ipyterrascope.notebook.download_widget import DownloadWidget
from ipyterrascope.transfer import Action, Control, Download, Item, Outcome, Report, order_of
from ipyterrascope.transfer.progress import Progress
from testbed.download_stage import DownloadStage

GONE = ServerRefused("It is gone.", "It answered 404.", "Look elsewhere.")


class Paced:
    """An engine that ends a file whenever the test lets it; names that begin with `bad` fail."""

    def __init__(self) -> None:
        self.turns = threading.Semaphore(0)
        self.mended = False

    def run(
        self, actions: Iterable[Action], progress: Progress, control: Control | None = None
    ) -> Generator[Outcome, None, None]:
        control = control or Control()
        for action in actions:
            progress.item_started(action.item)
            progress.advanced(action.item, 5, 10)
            while not self.turns.acquire(timeout=0.01):
                if control.is_stopped:
                    return
            if action.item.name.startswith("bad") and not self.mended:
                yield Outcome(item=action.item, path=action.path, status="failed", error=GONE)
            else:
                yield Outcome(item=action.item, path=action.path, status="saved", size_bytes=10)


@pytest.fixture
def engine() -> Paced:
    return Paced()


@pytest.fixture
def download(engine: Paced, tmp_path: Path) -> Iterator[Download]:
    """A download of three files, the second of which fails."""
    items = [Item(f"https://h/{name}?signature=s3cret", name) for name in ("a.tif", "bad.tif", "c.tif")]
    made = Download(order_of(items, tmp_path / "data", engine=engine))
    yield made
    made.cancel()


@pytest.fixture
def ends() -> list[str]:
    return []


@pytest.fixture
def widget(download: Download, ends: list[str]) -> Iterator[DownloadWidget]:
    widget = DownloadWidget(download, on_end=lambda shown: ends.append(shown.summary))
    yield widget
    widget.close()


@pytest.fixture
def wire(widget: DownloadWidget) -> Wire:
    return wire_of(widget)


@pytest.fixture
def send(widget: DownloadWidget, wire: Wire) -> Callable[..., list[dict[str, Any]]]:
    """Send a message as a view does, and return what came of it at once."""

    def send(kind: str, *buffers: Any, **fields: object) -> list[dict[str, Any]]:
        known = len(wire.replies())
        wire.receive({"boot_id": widget.boot_id, "view_id": "v1", "kind": kind, **fields}, list(buffers))
        return wire.replies()[known:]

    return send


def last(wire: Wire) -> dict[str, Any]:
    return [reply for reply in wire.replies() if reply["kind"] == "progress"][-1]


def until_told(wire: Wire, phase: str) -> None:
    """Wait until the last thing that was told is a phase."""
    wait_until(lambda: [reply["state"]["phase"] for reply in wire.replies() if "state" in reply][-1:] == [phase])


def test_a_view_that_says_hello_learns_how_it_stands(
    download: Download, engine: Paced, send: Callable[..., list[dict[str, Any]]]
) -> None:
    """A hello is answered by a welcome for that view, and by how it stands, with the first rows, for all."""
    download.start()
    engine.turns.release()
    wait_until(lambda: download.state.files_done == 1 and download.state.active)
    welcome, progress = send("hello")
    assert (welcome["kind"], welcome["view_id"]) == ("welcome", "v1")
    assert (progress["kind"], progress["view_id"]) == ("progress", "")
    state = progress["state"]
    assert (state["phase"], state["files_done"], state["files_total"], state["files_active"]) == ("running", 1, 3, 1)
    assert (state["list"], state["is_foreground"]) == ("all", False)
    [window] = progress["windows"]
    assert (window["list"], window["start"]) == ("all", 0)
    assert [(row["name"], row["status"]) for row in window["rows"]] == [
        ("a.tif", "saved"),
        ("bad.tif", "active"),
        ("c.tif", "waiting"),
    ]


def test_how_it_ends_is_told_and_kept(
    download: Download, engine: Paced, widget: DownloadWidget, wire: Wire, ends: list[str]
) -> None:
    """At the end every view is told the last state, the traits say how it ended, and only then `wait` returns."""
    assert (widget.phase, widget.summary) == ("running", f"Began to download 3 files to {download.folder}.")
    download.start()
    for _ in range(3):
        engine.turns.release()
    with pytest.raises(Exception, match="1 of 3 downloads failed"):
        download.wait(20)
    assert ends == ["2 saved, 1 failed (20 B in 0.0 s)"] == [widget.summary]
    assert widget.phase == "failed"
    assert last(wire)["state"]["phase"] == "failed"
    assert [row["note"] for row in last(wire)["windows"][0]["rows"]] == ["", "It is gone.", ""]
    assert [row["advice"] for row in last(wire)["windows"][0]["rows"]] == ["", "Look elsewhere.", ""]
    bundle = widget._repr_mimebundle_()
    assert bundle is not None
    assert bundle[0]["text/plain"] == widget.summary


def test_the_text_of_a_single_file_and_of_many() -> None:
    """What stands where no widgets are shown counts the files as people do."""
    for count, words in ((1, "1 file "), (2, "2 files "), (10_000, "10,000 files ")):
        items = [Item(f"https://h/{n}", f"{n}") for n in range(count)]
        download = Download(order_of(items, "data", engine=Paced()))
        widget = DownloadWidget(download)
        assert widget.summary == f"Began to download {words}to data."
        widget.close()


def test_pause_resume_cancel_and_retry(
    download: Download, engine: Paced, wire: Wire, send: Callable[..., list[dict[str, Any]]]
) -> None:
    """Each click does what it says, is acknowledged, and is told to all views within a moment."""
    download.start()
    assert [reply["kind"] for reply in send("pause")] == ["accepted"]
    until_told(wire, "paused")
    assert [reply["kind"] for reply in send("resume")] == ["accepted"]
    until_told(wire, "running")
    assert [reply["kind"] for reply in send("cancel")] == ["accepted"]
    until_told(wire, "cancelled")
    for _ in range(3):
        engine.turns.release()
    assert [reply["kind"] for reply in send("retry")] == ["accepted"]
    until_told(wire, "failed")
    engine.mended = True
    engine.turns.release()
    send("retry")
    until_told(wire, "done")
    assert len(download.wait(5)) == 3


def test_a_click_that_comes_too_late_does_nothing(
    download: Download, send: Callable[..., list[dict[str, Any]]]
) -> None:
    """A click on an old picture, in another tab perhaps, is refused in a sentence and undoes nothing."""
    download.start()
    for kind in ("resume", "retry"):
        [reply] = send(kind)
        assert reply["kind"] == "refused"
        assert reply["reason"].startswith("Nothing was done. The download had moved on already.")
    assert download.state.phase == "running"


def test_a_retry_that_cannot_begin_is_told(
    download: Download, engine: Paced, tmp_path: Path, wire: Wire, send: Callable[..., list[dict[str, Any]]]
) -> None:
    """When the folder cannot be written any more, the view of who clicked is told why."""
    download.start()
    download.cancel()
    wait_until(lambda: download.state.is_ended)
    (tmp_path / "data").rmdir()
    (tmp_path / "data").write_bytes(b"a file")
    send("retry")
    wait_until(lambda: any(reply["kind"] == "refused" for reply in wire.replies()))
    assert "cannot be written" in next(reply for reply in wire.replies() if reply["kind"] == "refused")["reason"]
    assert download.state.phase == "cancelled"


def test_views_get_the_rows_that_they_have_in_view() -> None:
    """Each view gets the window that it asked for last, from then on with each message; equal ones are sent once, and
    of views that went away the oldest are forgotten."""
    stage = DownloadStage()
    widget = stage.play("many")
    wire = wire_of(widget)

    def ask(view: str, **window: object) -> list[tuple[str, int, int]]:
        wire.receive({"boot_id": widget.boot_id, "view_id": view, "kind": "rows", **window})
        return [(each["list"], each["start"], len(each["rows"])) for each in last(wire)["windows"]]

    assert ask("v1", list="all", start=5000, count=30) == [("active", 0, 8), ("all", 5000, 30)]
    assert ask("v2", list="all", start=5000, count=30) == [("active", 0, 8), ("all", 5000, 30)]
    assert ask("v1", list="failed", start=0, count=30) == [("active", 0, 8), ("all", 5000, 30), ("failed", 0, 3)]
    assert ask("v2", list="all", start=9990, count=30)[1:] == [("failed", 0, 3), ("all", 9990, 10)]
    for number in range(20):
        ask(f"gone-{number}", list="all", start=number, count=1)
    assert len(last(wire)["windows"]) == 7
    widget.close()


@pytest.mark.parametrize("name", ["many", "many failed"])
def test_a_message_is_as_small_for_ten_thousand_files(name: str) -> None:
    """What is sent at a time does not grow with the number of files."""
    stage = DownloadStage()
    widget = stage.play(name)
    wire = wire_of(widget)
    wire.receive({"boot_id": widget.boot_id, "view_id": "v1", "kind": "hello"})
    assert len(json.dumps(last(wire))) < 8000
    widget.close()


def test_work_for_a_message_does_not_grow_with_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a message about ten thousand files as few of them are looked at as for one about twelve."""
    looked: list[int] = []
    for name, expected in (("many", 8 + 8), ("running", 3 + 2)):
        widget = DownloadStage().play(name)
        download = widget._download
        assert download is not None
        tally = download._tally
        file_of = tally._file
        monkeypatch.setattr(tally, "_file", lambda number, file_of=file_of: (looked.append(number), file_of(number))[1])
        looked.clear()
        widget._on_state(download.state)
        assert len(looked) <= expected
        widget.close()


BAD: list[dict[str, object]] = [
    {"kind": "dance"},
    {"kind": ["hello"]},
    {"kind": "hello", "start": 1},
    {"kind": "pause", "list": "all"},
    {"kind": "rows"},
    {"kind": "rows", "list": "all", "start": 0},
    {"kind": "rows", "list": "urls", "start": 0, "count": 10},
    {"kind": "rows", "list": "all", "start": -1, "count": 10},
    {"kind": "rows", "list": "all", "start": True, "count": 10},
    {"kind": "rows", "list": "all", "start": 0, "count": 0},
    {"kind": "rows", "list": "all", "start": 0, "count": 101},
    {"kind": "rows", "list": "all", "start": 10**12, "count": 10},
    {"kind": "rows", "list": "all", "start": 0.5, "count": 10},
    {"kind": "cancel", "view_id": 5},
    {"kind": "cancel", "boot_id": "another"},
]


@pytest.mark.parametrize("message", BAD)
def test_a_message_that_is_none_of_ours_is_refused(
    message: dict[str, object], download: Download, wire: Wire, widget: DownloadWidget
) -> None:
    """Whatever is not exactly a message of the protocol does nothing, and is refused with nothing of it repeated."""
    download.start()
    wire.receive({"boot_id": widget.boot_id, "view_id": "v1", **message})
    [*_, reply] = wire.replies()
    assert reply["kind"] == "refused"
    assert "Run the cell again." in reply["reason"]
    assert not re.search(r"dance|urls|another", reply["reason"])
    assert download.state.phase == "running"
    wire.receive({"boot_id": widget.boot_id, "kind": "cancel"}, [b"buffer"])
    assert wire.replies()[-1]["kind"] == "refused"


def test_nothing_that_a_front_end_sets_counts(widget: DownloadWidget, wire: Wire) -> None:
    """Traits that a view sets are put back, in all tabs."""
    wire.receive_state({"phase": "done", "summary": "all is well"})
    assert widget.phase == "running"
    assert wire.updates()[-1] == {"phase": "running", "summary": widget.summary}


def test_no_address_is_in_anything_that_leaves_the_kernel(
    download: Download, engine: Paced, widget: DownloadWidget, wire: Wire, send: Callable[..., list[dict[str, Any]]]
) -> None:
    """An address may hold a signature: none is in a message, a trait, the saved state or the text."""
    download.start()
    send("hello")
    send("rows", list="all", start=0, count=50)
    for _ in range(3):
        engine.turns.release()
    with pytest.raises(Exception, match="failed"):
        download.wait(20)
    seen = json.dumps([wire.sent, widget.get_state(), str(widget._repr_mimebundle_())], default=str)
    assert "s3cret" not in seen
    assert "https://h/" not in seen


def test_a_widget_that_is_closed_lets_go(engine: Paced, tmp_path: Path) -> None:
    """The download goes on without it, and is garbage once it has ended."""
    download = Download(order_of([Item("https://h/a.tif", "a.tif")], tmp_path, engine=engine))
    widget = DownloadWidget(download)
    wire = wire_of(widget)
    download.start()
    widget.close()
    known = len(wire.sent)
    engine.turns.release()
    report: Report = download.wait(20)
    assert len(report) == 1
    assert len(wire.sent) == known
    reference = weakref.ref(download)
    del download
    wait_until(lambda: gc.collect() is not None and reference() is None)
    widget._on_message(widget, {"kind": "hello", "boot_id": widget.boot_id}, [])
    assert len(wire.sent) == known


def test_the_bundle_is_small_and_asks_for_nothing_more() -> None:
    """What the widget sends to the browser fits in 10 kB gzipped, and asks for nothing more: no import, no address."""
    shipped = f"{DownloadWidget._esm}{DownloadWidget._css}"
    assert len(gzip.compress(shipped.encode())) <= 10_000
    assert not re.search(r"\bimport\b|\beval\b|innerHTML|@import|url\(", shipped)
    assert set(re.findall(r"https?://[\w.]+", shipped)) == {"http://www.w3.org"}
