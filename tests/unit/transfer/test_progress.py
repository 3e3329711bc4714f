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


class Bars(BarProgress):
    """A bar that is drawn into memory and can be looked at after its end."""

    def __init__(self) -> None:
        self.bars: list[tqdm[None]] = []
        self.screen = io.StringIO()
        super().__init__(self.draw)

    def draw(self, **options: object) -> tqdm[None]:
        self.bars.append(tqdm(file=self.screen, mininterval=0, ncols=160, **options))  # type: ignore[arg-type]
        return self.bars[-1]


def done(item: Item, status: str, size_bytes: int | None) -> Outcome:
    return Outcome(item=item, path=Path(item.name), status=status, size_bytes=size_bytes)  # type: ignore[arg-type]


def test_bar_counts_bytes_and_files() -> None:
    """The bar has an end once every size is known, and reaches it; what was there before is no speed."""
    progress = Bars()
    progress.started([A, B])
    [bar] = progress.bars
    assert bar.total is None
    progress.item_started(A)
    progress.advanced(A, 400, 1000)
    assert (bar.n, bar.initial) == (400, 400)
    progress.advanced(A, 1000, 1000)
    progress.item_done(done(A, "saved", 1000))
    progress.item_started(B)
    progress.advanced(B, 0, 500)
    assert (bar.total, bar.n) == (1500, 1000)
    progress.advanced(B, 500, 500)
    progress.item_done(done(B, "saved", 500))
    progress.finished()
    assert bar.n == 1500
    assert "2/2 files" in progress.screen.getvalue()


def test_bar_goes_back_when_a_file_starts_anew() -> None:
    """A transfer that has to start anew is not counted twice."""
    progress = Bars()
    progress.started([A])
    for done_bytes in (0, 800, 0, 1000):
        progress.advanced(A, done_bytes, 1000)
    assert progress.bars[0].n == 1000
    progress.finished()


def test_skipped_file_counts() -> None:
    """A file that is there already counts in full, so that the bar reaches its end."""
    progress = Bars()
    progress.started([A])
    progress.item_done(done(A, "skipped", 1000))
    assert progress.bars[0].n == 1000
    progress.finished()


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
if {hide}:
    find = importlib.util.find_spec
    importlib.util.find_spec = lambda name: None if name == "ipywidgets" else find(name)
from ipyterrascope.transfer import Item, progress_for
assert "tqdm" not in sys.modules and "ipywidgets" not in sys.modules, "imported before it is needed"
item = Item("https://h/a.tif", "a.tif")
progress = progress_for("notebook")
progress.started([item])
progress.item_started(item)
progress.advanced(item, 0, 1000)
progress.advanced(item, 1000, 1000)
bar = progress._bar
widget = getattr(bar, "container", None)
progress.finished()
print(widget.children[1].max if widget else bar.total, widget.children[1].bar_style if widget else "text")
"""


@pytest.mark.parametrize(("hide", "expected"), [(False, "1000.0 success"), (True, "1000 text")])
def test_notebook_bar(hide: bool, expected: str) -> None:
    """In a notebook the bar is a widget that knows its end, or text without ipywidgets; both are loaded when needed."""
    ran = subprocess.run(
        [sys.executable, "-c", NOTEBOOK.format(hide=hide)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == expected
