from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from ipyterrascope.errors import ServerUnreachable
from ipyterrascope.transfer import Item, Outcome, progress_for
from ipyterrascope.transfer.progress import BarProgress

A = Item("https://h/a.tif", "a.tif", 1000)
B = Item("https://h/b.tif", "b.tif")
C = Item("https://h/c.tif", "c.tif", 9000)


class Bars(BarProgress):
    """A bar that is drawn into memory and can be looked at after its end; its clock stands at two seconds."""

    def __init__(self) -> None:
        self.bars: list[tqdm[None]] = []
        self.screen = io.StringIO()
        times = iter([0.0])
        super().__init__(self.draw, lambda: next(times, 2.0))

    def draw(self, **options: object) -> tqdm[None]:
        self.bars.append(tqdm(file=self.screen, mininterval=0, ncols=160, **options))  # type: ignore[arg-type]
        return self.bars[-1]

    def drawn(self) -> str:
        return self.screen.getvalue().replace("\r", "\n").rstrip().rpartition("\n")[2]


def done(item: Item, status: str, size_bytes: int | None) -> Outcome:
    return Outcome(item=item, path=Path(item.name), status=status, size_bytes=size_bytes)  # type: ignore[arg-type]


def test_sizes_that_nobody_knows_yet() -> None:
    """Without all sizes the bar counts files, by the fraction that came, and so has an end from the beginning on; bytes
    and speed stand beside it."""
    progress = Bars()
    progress.started([A, B])
    [bar] = progress.bars
    assert bar.total == 2
    progress.item_started(A)
    progress.advanced(A, 400, 1000)
    assert (bar.n, bar.initial) == (0.4, 0.4)
    progress.advanced(A, 1000, 1000)
    progress.item_done(done(A, "saved", 1000))
    progress.item_started(B)
    progress.advanced(B, 0, 500)
    assert bar.n == 1
    progress.advanced(B, 250, 500)
    assert bar.n == 1.5
    assert "1/2 files  75%" in progress.drawn()
    assert "850 B, 425 B/s, b.tif" in progress.drawn()
    progress.item_done(done(B, "saved", 500))
    progress.finished()
    assert bar.n == 2
    assert "2/2 files 100%" in progress.drawn()


def test_sizes_of_the_catalogue() -> None:
    """With all sizes known before, the bar counts bytes, so that a large file weighs more than a small one."""
    progress = Bars()
    progress.started([A, C])
    [bar] = progress.bars
    assert bar.total == 10_000
    progress.advanced(A, 0, 1000)
    progress.item_done(done(A, "saved", 1000))
    progress.advanced(C, 0, 9000)
    progress.advanced(C, 4500, 9000)
    assert bar.n == 5500
    assert "1/2 files  55%" in progress.drawn()
    progress.finished()


def test_end_is_reached_exactly() -> None:
    """However often fractions are added, the bar of a batch that succeeds is full."""
    items = [Item(f"https://h/{number}", f"{number}") for number in range(7)]
    progress = Bars()
    progress.started(items)
    for item in items:
        for done_bytes in range(0, 31, 3):
            progress.advanced(item, done_bytes, 30)
        progress.item_done(done(item, "saved", 30))
    progress.finished()
    assert progress.bars[0].n == 7


def test_failures_are_counted() -> None:
    """What failed is counted as failed and keeps the bar from its end, also when half of it had come."""
    progress = Bars()
    progress.started([A, B])
    progress.advanced(B, 0, 500)
    progress.advanced(B, 250, 500)
    progress.item_done(done(B, "failed", None))
    progress.item_done(done(A, "saved", 1000))
    progress.finished()
    assert progress.bars[0].n == 1
    assert "1/2 files, 1 failed  50%" in progress.drawn()


def test_empty_files() -> None:
    """Files of no bytes count as files."""
    empty = Item("https://h/e", "e", 0)
    progress = Bars()
    progress.started([empty])
    progress.advanced(empty, 0, 0)
    progress.item_done(done(empty, "saved", 0))
    progress.finished()
    assert progress.bars[0].n == progress.bars[0].total == 1


def test_bar_goes_back_when_a_file_starts_anew() -> None:
    """A transfer that has to start anew is not counted twice."""
    progress = Bars()
    progress.started([A])
    for done_bytes in (0, 800, 0, 1000):
        progress.advanced(A, done_bytes, 1000)
    assert progress.bars[0].n == 1000
    progress.finished()


def test_skipped_file_counts() -> None:
    """A file that is there already counts in full, so that the bar reaches its end, and is no speed."""
    progress = Bars()
    progress.started([A])
    progress.item_done(done(A, "skipped", 1000))
    assert (progress.bars[0].n, progress.bars[0].initial) == (1000, 1000)
    progress.finished()
    assert "B/s" not in progress.drawn()


def test_waiting_is_said() -> None:
    """While a busy server is waited for, the bar says so."""
    progress = Bars()
    progress.started([A])
    progress.waiting(A, 30.0, ServerUnreachable("The server is busy."))
    progress.finished()
    assert "The server is busy. Next try in 30 s" in progress.screen.getvalue()


def test_bar_ends_once() -> None:
    """A bar is closed at the end, and nothing is drawn after it or before its start."""
    progress = Bars()
    progress.finished()
    progress.started([A])
    progress.finished()
    drawn = progress.screen.getvalue()
    progress.item_started(A)
    progress.advanced(A, 10, 1000)
    progress.waiting(A, 1.0, ServerUnreachable("Busy."))
    progress.item_done(done(A, "failed", None))
    progress.finished()
    assert progress.screen.getvalue() == drawn


@pytest.mark.parametrize("kind", ["none", "terminal"])
def test_nothing_is_printed_where_nobody_looks(kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, the bar for terminals prints nothing; neither does the one that shows nothing."""
    progress = progress_for(kind)  # type: ignore[arg-type]
    progress.started([A, B])
    progress.item_started(A)
    progress.advanced(A, 10, 1000)
    progress.advanced(B, 10, 1000)
    progress.waiting(A, 1.0, ServerUnreachable("Busy."))
    progress.item_done(done(A, "saved", 1000))
    progress.finished()
    assert capfd.readouterr() == ("", "")


NOTEBOOK = """
import sys, importlib.util
from pathlib import Path
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
if {hide}:
    find = importlib.util.find_spec
    importlib.util.find_spec = lambda name: None if name == "ipywidgets" else find(name)
from ipyterrascope.transfer import Item, Outcome, progress_for
assert "tqdm" not in sys.modules and "ipywidgets" not in sys.modules, "imported before it is needed"
screen = InteractiveShell.instance().display_pub = CapturingDisplayPublisher()
item = Item("https://h/a.tif", "a.tif")
progress = progress_for("notebook")
progress.started([item])
progress.item_started(item)
progress.advanced(item, 0, 1000)
progress.advanced(item, 1000, 1000)
progress.item_done(Outcome(item=item, path=Path("a.tif"), status={status!r}))
bar = progress._bar
widget = getattr(bar, "container", None)
progress.finished()
bar.close()
print(len(screen.outputs), [output.get("update", False) for output in screen.outputs])
print(screen.outputs[-1]["data"]["text/plain"] if screen.outputs else "", file=sys.stderr)
print(widget.children[1].max if widget else bar.total, widget.children[1].bar_style if widget else "text")
"""


@pytest.mark.parametrize(
    ("hide", "status", "expected", "left"),
    [
        (False, "saved", ["2 [False, True]", "1.0 success"], "1/1 files 100%|"),
        (False, "failed", ["2 [False, True]", "1.0 danger"], "0/1 files, 1 failed   0%|"),
        (True, "saved", ["0 []", "1 text"], "1/1 files 100%|"),
    ],
)
def test_notebook_bar(hide: bool, status: str, expected: list[str], left: str) -> None:
    """In a notebook the bar is a widget, red if something failed, or text without ipywidgets; both are loaded when
    needed, and what a saved notebook shows instead of the widget is how it ended."""
    ran = subprocess.run(
        [sys.executable, "-c", NOTEBOOK.format(hide=hide, status=status)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == expected
    assert left in ran.stderr
