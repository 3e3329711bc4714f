"""Two downloads of the same files into one folder, at the same time."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest
from children import child, names, until_part_has
from downloads import DATA, Downloads, NoProgress, planned
from faulty import Answer, Asked

from ipyterrascope.errors import DownloadFailed, TargetInvalid, TerrascopeError
from ipyterrascope.transfer import Download, Item, Outcome, download, order_of
from ipyterrascope.transfer.curl.agenda import Agenda
from ipyterrascope.transfer.curl.plain import PlainRequest
from ipyterrascope.transfer.partial import Partial
from ipyterrascope.transfer.rivals import Rival, in_use
from testbed.waiting import until

LARGE = DATA * 2


class Gate:
    """Answers well, but holds the body of one path back from the middle on until it is opened."""

    def __init__(self, path: str) -> None:
        self.path, self.is_open = path, False

    def __call__(self, asked: Asked) -> Answer:
        if asked.path != self.path or self.is_open:
            return Answer(LARGE)
        return Answer(LARGE, cut_at=1 << 20, stall=True)


def begun(one: Downloads, *paths: str, **options: object) -> Download:
    """Begin a download in the background."""
    order = order_of([one.server.url(path) for path in paths], one.folder, engine=one.engine(**options))
    running = Download(order)
    running.start()
    return running


def until_there(one: Downloads, size_bytes: int) -> None:
    part = one.folder / "a.tif.part"
    until(lambda: part.exists() and part.stat().st_size >= size_bytes)


def waits_for_another(running: Download) -> bool:
    return any("Another download is fetching it." in file.note for file in running.files("active"))


def waiting(one: Downloads) -> Download:
    """Begin a download of a file that another one has, and return when it says that it waits."""
    second = begun(one, "/a.tif")
    until(lambda: waits_for_another(second))
    return second


def held_and_waiting(one: Downloads) -> tuple[Gate, Download, Download]:
    """Begin a download that is held up in the middle, and one that waits for it."""
    one.server.decide = gate = Gate("/a.tif")
    first = begun(one, "/a.tif")
    until_there(one, 1 << 20)
    return gate, first, waiting(one)


def test_second_waits_for_the_first(one: Downloads) -> None:
    """The second of two downloads says that it waits, fetches the rest meanwhile, asks no server for that file, and
    finds it there."""
    one.server.files["/b.tif"] = Answer(LARGE)
    one.server.files["/a.tif"] = Answer(LARGE, pause_s=0.02)
    first = begun(one, "/a.tif")
    until((one.folder / "a.tif.part").exists)
    second = begun(one, "/a.tif", "/b.tif")
    until(lambda: waits_for_another(second))
    assert [outcome.status for outcome in first.wait().outcomes] == ["saved"]
    assert [outcome.status for outcome in second.wait().outcomes] == ["skipped", "saved"]
    assert [path.read_bytes() for path in second.report] == [LARGE] * 2
    assert [asked.path for asked in one.server.gets()].count("/a.tif") == 1
    assert names(one.folder) == ["a.tif", "b.tif"]


def test_second_takes_over_from_one_that_is_cancelled(one: Downloads) -> None:
    """Where the first is cancelled, the second goes on with what it brought."""
    gate, first, second = held_and_waiting(one)
    gate.is_open = True
    first.cancel()
    [path] = second.wait()
    assert path.read_bytes() == LARGE
    assert one.ranges()[-1] == f"bytes={1 << 20}-"


def test_second_takes_over_from_one_that_is_killed(one: Downloads) -> None:
    """Where the process of the first is killed, the second goes on with what it brought."""
    one.server.decide = gate = Gate("/a.tif")
    one.folder.mkdir()
    process = child(one.folder, one.server.url("/a.tif"), connections=1)
    until_part_has(one.folder, 1 << 20, process)
    second = waiting(one)
    gate.is_open = True
    process.kill()
    process.communicate()
    [path] = second.wait()
    assert path.read_bytes() == LARGE
    assert (one.ranges()[-1] or "").startswith("bytes=")
    assert names(one.folder) == ["a.tif"]


def test_cancel_while_waiting(one: Downloads) -> None:
    """A download that waits for another one is cancelled at once, and leaves the other's part alone."""
    gate, first, second = held_and_waiting(one)
    began = time.monotonic()
    second.cancel()
    with pytest.raises(DownloadFailed, match="Cancelled"):
        second.wait()
    assert time.monotonic() - began < 5.0
    gate.is_open = True
    first.cancel()
    first.retry()
    until(lambda: first.state.is_ended)
    [path] = download(one.server.url("/a.tif"), one.folder, engine=one.engine())
    assert path.read_bytes() == LARGE


@pytest.mark.parametrize("size", [100, len(LARGE)])
def test_both_at_once(one: Downloads, size: int) -> None:
    """Downloads of one list that begin together end with the same files, whole, and none of them fails."""
    paths = [f"/{number}.tif" for number in range(12)]
    for path in paths:
        one.server.files[path] = Answer(LARGE[:size], pause_s=0.01)
    running = [begun(one, *paths, max_connections=4) for _ in range(3)]
    for each in running:
        assert [path.read_bytes() for path in each.wait()] == [LARGE[:size]] * len(paths)
    assert names(one.folder) == sorted(path[1:] for path in paths)


def test_file_that_came_since_the_plan(one: Downloads) -> None:
    """What came since the plan was made is there, or is another file, and is not asked for."""
    items = [one.item(3), Item(one.server.url("/b.tif"), "b.tif", 5)]
    order = order_of(items, one.folder, engine=one.engine())
    one.folder.mkdir()
    (one.folder / "a.tif").write_bytes(b"abc")
    (one.folder / "b.tif").write_bytes(b"abc")
    with pytest.raises(DownloadFailed, match=r"Another file b\.tif is there") as caught:
        Download(order).carry_out()
    report = caught.value.report
    assert [outcome.status for outcome in report.outcomes] == ["skipped", "failed"]  # type: ignore[attr-defined]
    assert one.server.asked == []


@pytest.mark.parametrize("size", [100, len(LARGE)])
@pytest.mark.parametrize("other", ["/o/a.tif", "/a.tif"])
def test_one_that_ends_first_has_the_name(one: Downloads, size: int, other: str) -> None:
    """Of two downloads of one name and one size that meet when the first has ended, the second is told of a conflict
    if it fetched another file, and that the file is there if it did not."""
    contents = {"/a.tif": LARGE[:size], "/o/a.tif": LARGE[:size][::-1]}
    asked_twice, is_first_there = threading.Event(), threading.Event()

    def answer(asked: Asked) -> Answer:
        if asked.nth > 1:
            asked_twice.set()
            is_first_there.wait(10)
        else:
            asked_twice.wait(10)
        return Answer(contents[asked.path])

    one.server.decide = answer
    first = begun(one, "/a.tif")
    until(lambda: len(one.server.asked) == 1)
    second = begun(one, other)
    assert [path.read_bytes() for path in first.wait()] == [LARGE[:size]]
    is_first_there.set()
    if other == "/a.tif":
        assert [outcome.status for outcome in second.wait().outcomes] == ["skipped"]
    else:
        with pytest.raises(DownloadFailed, match=r"Another file a\.tif came there meanwhile"):
            second.wait()
    assert (one.folder / "a.tif").read_bytes() == LARGE[:size]
    assert names(one.folder) == ["a.tif"]


def test_one_that_hangs_is_told_of_and_given_up(one: Downloads) -> None:
    """A download that holds a file and brings nothing is told of, and not waited for after a quarter of an hour."""
    now, notes = [0.0], list[str]()

    class Clock(NoProgress):
        def waiting(self, item: Item, wait_s: float | None, error: TerrascopeError) -> None:
            notes.append(error.what)

    def monotonic() -> float:
        now[0] += 30.0
        return now[0]

    one.folder.mkdir()
    with Partial(one.folder / "a.tif", one.item().url) as held:
        held.begin('"v1"', None)
        held.write_at(0, [b"abc"])
        held.note(0, 3)
        actions = order_of(one.item(), one.folder, engine=one.engine()).plan.actions
        [outcome] = one.engine(monotonic=monotonic).run(actions, Clock())
    assert notes[0] == "Another download is fetching it."
    assert any(re.match(r"Another download holds it, and brought nothing for [0-9]+ min\.", note) for note in notes)
    assert type(outcome.error) is TargetInvalid
    assert "a.tif is held by another download, which brought nothing for 15 min." in str(outcome.error)
    assert one.server.asked == []


def test_one_that_writes_is_waited_for() -> None:
    """As long as the other one brings something within a quarter of an hour, it is waited for."""
    rival = Rival("a.tif", 0.0)
    for turn in range(100):
        rival.met(turn * 800.0, turn)
        assert rival.news(turn * 800.0).what == "Another download is fetching it."
    rival.met(99 * 800.0 + 899.0, 99)
    with pytest.raises(TargetInvalid):
        rival.met(99 * 800.0 + 900.0, 99)


def test_one_that_lets_go_now_and_then_is_given_up(tmp_path: Path) -> None:
    """A download that has a file each time it is to be begun, and brings nothing, is given up after the same time."""
    actions = planned(tmp_path, "https://files.example/a.tif")
    agenda = Agenda(actions, 1, clock=time.time, monotonic=time.monotonic)
    for now in range(0, 901, 100):
        assert not any(isinstance(news, Outcome) for news in agenda.news)
        request = agenda.next_request(now)
        job = request.in_full().job if isinstance(request, PlainRequest) else request.job
        agenda.hold(job, in_use("a.tif.part", 1), now)
    outcome = agenda.news[-1]
    assert isinstance(outcome, Outcome)
    assert "a.tif is held by another download, which brought nothing for 15 min." in str(outcome.error)


def test_waiting_costs_no_thread(one: Downloads) -> None:
    """Many files that another download has are waited for without a thread for each."""
    one.folder.mkdir()
    paths = [f"/{number}.tif" for number in range(30)]
    held = [Partial(one.folder / path[1:], one.server.url(path)) for path in paths]
    for partial in held:
        partial.open()
        partial.begin('"v1"', None)
    threads = threading.active_count()
    running = begun(one, *paths, max_connections=4)
    until(lambda: len(running.files("active")) == len(paths))
    assert threading.active_count() <= threads + 4
    for partial in held:
        partial.close()
    for path in paths:
        one.server.files[path] = Answer(b"abc")
    assert [path.read_bytes() for path in running.wait()] == [b"abc"] * len(paths)
