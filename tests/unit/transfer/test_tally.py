"""How far a download is: the counts, the speed and the rest, whatever order the news come in."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.errors import ServerRefused, ServerUnreachable
from ipyterrascope.transfer import DownloadState, Item, Outcome
from ipyterrascope.transfer.report import Status
from ipyterrascope.transfer.tally import Tally

BUSY = ServerUnreachable("It is busy.", "It answered 503.", "Try later.")
GONE = ServerRefused("It is gone.", "It answered 404.", "Look elsewhere.")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Counted(Tally):
    """A tally of files `a`, `b` … of given sizes, whose clock the test moves."""

    def __init__(self, *sizes: int | None) -> None:
        self.clock = Clock()
        self.items = [Item(f"https://h/{name}", name, size) for name, size in zip("abcdefgh", sizes, strict=False)]
        paths = {item: Path("data", "folder", item.name) for item in self.items}
        super().__init__(paths, Path("data"), self.clock)
        self.begin()

    def end(self, number: int, status: Status = "saved", size_bytes: int | None = None) -> None:
        error = GONE if status == "failed" else None
        item = self.items[number]
        path = Path(item.name)
        self.item_done(Outcome(item=item, path=path, status=status, size_bytes=size_bytes, error=error))

    def after(self, seconds: float) -> DownloadState:
        self.clock.now += seconds
        return self.state("running")


def test_counts_of_a_mixed_batch() -> None:
    """Files and bytes that are there, those of unfinished files included, over those of all; what failed has none."""
    tally = Counted(100, 200, 300, 400)
    tally.end(0, "skipped", 100)
    tally.item_started(tally.items[1], 50)
    tally.advanced(tally.items[1], 120, 200)
    tally.item_started(tally.items[2])
    tally.advanced(tally.items[2], 299, 300)
    tally.end(2, "failed")
    state = tally.state("running")
    assert (state.files_done, state.files_failed, state.files_total) == (1, 1, 4)
    assert (state.bytes_done, state.bytes_total, state.fraction) == (220, 1000, 0.22)
    assert [(file.name, file.bytes_done, file.bytes_total) for file in state.active] == [("folder/b", 120, 200)]


def test_sizes_that_nobody_knows_yet() -> None:
    """While a size is missing there is no total, and the fraction counts files, each in the part of it that came."""
    tally = Counted(100, None, None)
    tally.end(0, "saved", 100)
    tally.item_started(tally.items[1])
    tally.advanced(tally.items[1], 50, 200)
    state = tally.state("running")
    assert (state.bytes_done, state.bytes_total) == (150, None)
    assert state.fraction == pytest.approx(1.25 / 3)
    tally.advanced(tally.items[2], 0, 700)
    state = tally.state("running")
    assert (state.bytes_total, state.fraction) == (1000, 0.15)


@pytest.mark.parametrize(("sizes", "fraction"), [((0, 0), 0.5), ((), 1.0)])
def test_files_of_no_bytes(sizes: Sequence[int], fraction: float) -> None:
    """Empty files count as files, and of no files all are done."""
    tally = Counted(*sizes)
    if sizes:
        tally.end(0, "saved", 0)
    assert tally.state("running").fraction == fraction


def test_speed_is_that_of_the_last_seconds() -> None:
    """The speed is what came from the network in about five seconds: a burst is forgotten, and what was there before
    this run is none."""
    tally = Counted(10_000, 10_000)
    tally.end(0, "skipped", 10_000)
    tally.item_started(tally.items[1], 4_000)
    assert tally.after(0.2).bytes_per_s == 0.0
    tally.advanced(tally.items[1], 5_000, 10_000)
    assert tally.after(0.8).bytes_per_s == pytest.approx(1000)
    for _ in range(10):
        tally.after(1.0)
    tally.advanced(tally.items[1], 5_500, 10_000)
    assert tally.state("running").bytes_per_s == pytest.approx(100)
    assert tally.state("paused").bytes_per_s == 0.0


def test_speed_of_files_that_come_between_two_looks() -> None:
    """Small files, of which only the end is told, count as what came; so does what comes again of a file that starts
    anew."""
    tally = Counted(100, 100, 1000)
    tally.end(0, "saved", 100)
    tally.end(1, "saved", 100)
    tally.item_started(tally.items[2])
    for done_bytes in (800, 0, 800):
        tally.advanced(tally.items[2], done_bytes, 1000)
    assert tally.after(2.0).bytes_per_s == pytest.approx(900)


def test_rest_of_the_time() -> None:
    """What is left is divided by the speed; files of unknown size count like the mean of the others; what failed has no
    part in it."""
    tally = Counted(1000, 1000, None, 1000)
    assert tally.after(1.0).eta_s is None
    tally.item_started(tally.items[0])
    tally.advanced(tally.items[0], 500, 1000)
    tally.end(3, "failed")
    assert tally.after(4.0).eta_s == pytest.approx(2500 / 100)
    assert tally.state("paused").eta_s is None


def test_waiting_is_told_until_bytes_come() -> None:
    """What a file waits for stands beside it until more of it comes."""
    tally = Counted(1000)
    [item] = tally.items
    tally.item_started(item)
    tally.waiting(item, 30.0, BUSY)
    tally.advanced(item, 0, 1000)
    assert tally.state("running").active[0].note == "It is busy. Next try in 30 s."
    assert tally.after(20.0).active[0].note == "It is busy. Next try in 10 s."
    assert tally.after(20.0).active[0].note == "It is busy. Next try in 0 s."
    tally.waiting(item, None, BUSY)
    assert tally.state("running").active[0].note == "It is busy."
    tally.advanced(item, 10, 1000)
    assert tally.state("running").active[0].note == ""


def test_nothing_is_kept_of_a_wait_that_is_over() -> None:
    """Tens of thousands of files that waited take no more memory, once they have ended, than those that did not."""

    def held_bytes(*, waits: bool) -> int:
        items = [Item(f"https://h/{number}", str(number)) for number in range(5000)]
        paths = {item: Path(item.name) for item in items}
        outcomes = [Outcome(item=item, path=paths[item], status="skipped", size_bytes=1) for item in items]
        tally = Tally(paths, Path())
        tracemalloc.start()
        for number, item in enumerate(items):
            if waits:
                tally.waiting(item, 1.0 + number, BUSY)
            tally.item_done(outcomes[number])
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return held

    assert held_bytes(waits=True) - held_bytes(waits=False) < 20_000


def test_rows_of_files() -> None:
    """Any part of all files, of the active and of the failed ones can be had, with reason and advice."""
    tally = Counted(10, 20, None, 40)
    tally.end(0, "failed")
    tally.item_started(tally.items[1])
    tally.advanced(tally.items[1], 5, 20)
    tally.end(3, "cancelled")
    rows = tally.files("all", 0, 99)
    assert [(row.name[-1], row.status, row.bytes_done, row.bytes_total) for row in rows] == [
        ("a", "failed", 0, 10),
        ("b", "active", 5, 20),
        ("c", "waiting", 0, None),
        ("d", "cancelled", 0, 40),
    ]
    assert (rows[0].note, rows[0].advice) == ("It is gone.", "Look elsewhere.")
    assert tally.files("all", 1, 3) == rows[1:3]
    assert tally.files("active", 0, 99) == rows[1:2]
    assert tally.files("failed", 0, 99) == rows[:1]
    assert tally.files("all", -5, 1) == rows[:1]
    assert tally.files("all", 3, 1) == []


def test_nobody_knows_how_long_a_wait_takes() -> None:
    """While all that is under way waits for a server or another download, no speed and no time left are told."""
    tally = Counted(1000, 1000)
    for item in tally.items:
        tally.item_started(item)
    tally.advanced(tally.items[0], 400, 1000)
    tally.waiting(tally.items[1], None, ServerUnreachable("Another download is fetching it."))
    assert tally.after(2.0).eta_s == pytest.approx(8.0)
    tally.end(0, "saved", 1000)
    state = tally.after(0.5)
    assert (state.bytes_per_s, state.eta_s) == (0.0, None)
    tally.advanced(tally.items[1], 100, 1000)
    assert tally.state("running").bytes_per_s > 0


def test_a_pause_takes_no_time() -> None:
    """While it rests nothing is active and the bytes stay; the time of a pause is no part of its duration or speed."""
    tally = Counted(1000)
    tally.item_started(tally.items[0])
    tally.advanced(tally.items[0], 400, 1000)
    tally.after(2.0)
    tally.rest()
    tally.clock.now += 60
    assert tally.state("paused").active == ()
    assert tally.state("paused").bytes_done == 400
    tally.begin()
    tally.item_started(tally.items[0], 400)
    tally.advanced(tally.items[0], 500, 1000)
    assert tally.after(1.0).bytes_per_s == pytest.approx(100)
    assert tally.seconds == pytest.approx(3.0)


def test_what_is_reopened_counts_as_waiting() -> None:
    """For a retry, what failed or was cancelled is open again, and what is there stays."""
    tally = Counted(10, 20, None)
    tally.end(0, "saved", 10)
    tally.end(1, "failed")
    tally.end(2, "cancelled")
    tally.reopen()
    state = tally.state("running")
    assert (state.files_done, state.files_failed) == (1, 0)
    assert [row.status for row in tally.files("all", 0, 9)] == ["saved", "waiting", "waiting"]
    tally.end(1, "saved", 20)
    tally.end(2, "saved", 70)
    state = tally.state("done")
    assert (state.files_done, state.bytes_done, state.bytes_total, state.fraction) == (3, 100, 100, 1.0)


def test_the_text_of_a_state() -> None:
    """As text a state is one line."""
    state = DownloadState(
        phase="running", files_done=3, files_failed=1, files_total=10, bytes_done=12_000_000, bytes_total=40_000_000,
        bytes_per_s=4_100_000.0, eta_s=6.8,
    )  # fmt: skip
    assert str(state) == "3 of 10 files, 1 failed, 12.0 MB of 40.0 MB, 4.1 MB/s, 7 s left"
    assert str(DownloadState(phase="running", files_total=10)) == "0 of 10 files"


STRANGE = Item("https://h/z", "z", 5)
SIZES = st.none() | st.integers(0, 50)
STATUSES = st.sampled_from(["saved", "skipped", "failed", "cancelled"])
NEWS = st.lists(
    st.one_of(
        st.tuples(st.just("item_started"), st.integers(0, 4), st.integers(-5, 60)),
        st.tuples(st.just("advanced"), st.integers(0, 4), st.integers(-5, 60), SIZES),
        st.tuples(st.just("waiting"), st.integers(0, 4)),
        st.tuples(
            st.just("end"), st.integers(0, 4), st.sampled_from(["saved", "skipped", "failed", "cancelled"]), SIZES
        ),
        st.tuples(st.sampled_from(["begin", "rest", "reopen"])),
        st.tuples(st.just("pass"), st.floats(0, 10)),
    ),
    max_size=40,
)


@pytest.mark.soak
@given(sizes=st.lists(SIZES, max_size=4), news=NEWS)
def test_any_order_of_news(sizes: list[int | None], news: list[tuple[Any, ...]]) -> None:
    """Whatever is told in whatever order, also of files that have ended or that nobody asked for: counts and bytes stay
    within their totals, the rows say the same as the counts, and the end is what became of each file."""
    tally = Counted(*sizes)
    became: dict[int, str] = {}
    acts: dict[str, Callable[..., None]] = {
        "item_started": lambda n, there: tally.item_started(item_of(n), there),
        "advanced": lambda n, done, size: tally.advanced(item_of(n), done, size),
        "waiting": lambda n: tally.waiting(item_of(n), 1.0, BUSY),
        "begin": tally.begin,
        "rest": tally.rest,
        "pass": lambda seconds: setattr(tally.clock, "now", tally.clock.now + seconds),
    }

    def item_of(number: int) -> Item:
        return tally.items[number] if number < len(sizes) else STRANGE

    for kind, *details in news:
        if kind == "end":
            number, status, size_bytes = details
            became.setdefault(number, status)
            outcome = Outcome(item=item_of(number), path=Path("x"), status=status, size_bytes=size_bytes, error=GONE)
            tally.item_done(outcome)
        elif kind == "reopen":
            tally.reopen()
            became = {number: status for number, status in became.items() if status in ("saved", "skipped")}
        else:
            acts[kind](*details)
        state = tally.state("running")
        assert 0 <= state.files_done + state.files_failed + len(state.active) <= state.files_total == len(sizes)
        assert state.bytes_done >= 0
        assert state.bytes_total is None or state.bytes_done <= state.bytes_total
        assert 0.0 <= state.fraction <= 1.0
        assert state.bytes_per_s >= 0.0
        assert state.eta_s is None or state.eta_s >= 0.0
        rows = tally.files("all", 0, 9)
        assert sum(row.bytes_done for row in rows) == state.bytes_done
        assert all(row.bytes_total is None or 0 <= row.bytes_done <= row.bytes_total for row in rows)
        assert [row for row in rows if row.status == "active"] == sorted(state.active, key=rows.index)
    statuses = [row.status for row in tally.files("all", 0, 9)]
    assert {n: s for n, s in enumerate(statuses) if s not in ("waiting", "active")} == {
        n: s for n, s in became.items() if n < len(sizes)
    }
    assert tally.state("done").files_done == sum(s in ("saved", "skipped") for s in statuses)
