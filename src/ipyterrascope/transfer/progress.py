"""The seam by which a transfer tells how far it is, and its simple bars (floor 4).

Nothing of Jupyter is imported before a notebook's bar is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, Protocol, TextIO

from ..errors import TerrascopeError
from .names import size_text
from .report import Outcome
from .sources import Item

ProgressKind = Literal["none", "terminal", "notebook"]

_FORMAT = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"


class Progress(Protocol):
    """Is told how a transfer goes. `started` comes first, `finished` last and always, also on an interrupt."""

    def started(self, items: Sequence[Item]) -> None:
        """These are the items of the batch, each once."""
        ...

    def item_started(self, item: Item) -> None:
        """The engine turns to an item. What is not to be fetched, or is given up, is done without it."""
        ...

    def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None:
        """So many bytes of an item are there, of so many (None: not known). Falls when it has to start anew."""
        ...

    def waiting(self, item: Item, wait_s: float, error: TerrascopeError) -> None:
        """Something passing went wrong; the next try comes after so many seconds."""
        ...

    def item_done(self, outcome: Outcome) -> None:
        """An item is saved, skipped or failed."""
        ...

    def finished(self) -> None:
        """Nothing more will come."""
        ...


class NoProgress:
    """Shows nothing."""

    def started(self, items: Sequence[Item]) -> None: ...
    def item_started(self, item: Item) -> None: ...
    def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None: ...
    def waiting(self, item: Item, wait_s: float, error: TerrascopeError) -> None: ...
    def item_done(self, outcome: Outcome) -> None: ...
    def finished(self) -> None: ...


class _Bar(Protocol):
    """As much of a tqdm bar as is used here."""

    n: float
    initial: float
    last_print_n: float

    def update(self, n: float) -> object: ...
    def set_description_str(self, desc: str, refresh: bool) -> None: ...
    def set_postfix_str(self, s: str, refresh: bool) -> None: ...
    def refresh(self) -> object: ...
    def close(self) -> None: ...


class BarProgress:
    """One tqdm bar for the whole batch, with an end from the beginning on, and the bytes beside it.

    It counts bytes where the size of every item is known before, and else files, each in the fraction of it that came.
    What failed is not counted, so that a batch with failures does not reach the end.

    Parameters
    ----------
    bar : callable
        Makes the bar, with tqdm's keyword arguments.
    monotonic : callable
        Seconds that never go back.
    """

    def __init__(self, bar: Callable[..., _Bar], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._new_bar, self._monotonic = bar, monotonic
        self._bar: _Bar | None = None
        self._began = 0.0
        self._weights: dict[Item, int] = {}
        self._settled = 0
        self._running: dict[Item, tuple[float, int]] = {}
        self._fetched_bytes = 0
        self._done = self._failed = 0

    def started(self, items: Sequence[Item]) -> None:
        """See `Progress`."""
        sizes = [item.size_bytes for item in items]
        by_bytes = None not in sizes and any(sizes)
        self._weights = {item: (item.size_bytes or 0) if by_bytes else 1 for item in items}
        self._began = self._monotonic()
        self._bar = self._new_bar(total=sum(self._weights.values()), desc=self._count(), bar_format=_FORMAT)

    def item_started(self, item: Item) -> None:
        """See `Progress`."""
        self._say(item.name)

    def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None:
        """See `Progress`."""
        share = self._weights.get(item, 0) * min(1.0, done_bytes / size_bytes) if size_bytes else 0.0
        if item in self._running:
            self._fetched_bytes += max(0, done_bytes - self._running[item][1])
        else:
            self._was_there(share)
        self._running[item] = share, done_bytes
        self._say(item.name)

    def waiting(self, item: Item, wait_s: float, error: TerrascopeError) -> None:
        """See `Progress`."""
        self._say(f"{item.name}: {error.what} Next try in {wait_s:.0f} s", refresh=True)

    def item_done(self, outcome: Outcome) -> None:
        """See `Progress`."""
        weight = self._weights.get(outcome.item, 0)
        if outcome.item not in self._running and outcome.status != "failed":
            self._was_there(weight)
        self._running.pop(outcome.item, None)
        if outcome.status == "failed":
            self._failed += 1
        else:
            self._done += 1
            self._settled += weight
        self._say("")

    def finished(self) -> None:
        """See `Progress`."""
        self._say("", refresh=True)
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.close()

    def _was_there(self, share: float) -> None:
        """Count what was there before this run, which is no part of the speed."""
        if self._bar is not None:
            self._bar.n += share
            self._bar.initial += share
            self._bar.last_print_n += share

    def _say(self, what: str, *, refresh: bool = False) -> None:
        bar = self._bar
        if bar is None:
            return
        speed = self._fetched_bytes / max(0.001, self._monotonic() - self._began)
        rate = f"{size_text(self._fetched_bytes)}, {size_text(int(speed))}/s" if self._fetched_bytes else ""
        bar.set_description_str(self._count(), refresh=False)
        bar.set_postfix_str(", ".join(filter(None, (rate, what))), refresh=False)
        n = self._settled + sum(share for share, _ in self._running.values())
        bar.update(n - bar.n)
        # without what rounding adds, so that the end is reached exactly
        bar.n = n
        if refresh:
            bar.refresh()

    def _count(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._done}/{len(self._weights)} files{failed}"


def progress_for(kind: ProgressKind) -> Progress:
    """Return a new progress display.

    Parameters
    ----------
    kind : {"none", "terminal", "notebook"}
        "terminal" writes to stderr, and only if that is a terminal. "notebook" shows a widget where ipywidgets is
        installed, and else a line of text.
    """
    if kind == "none" or (kind == "terminal" and not _is_terminal(sys.stderr)):
        return NoProgress()
    if kind == "notebook" and importlib.util.find_spec("ipywidgets"):
        return BarProgress(_notebook_bar)
    return BarProgress(partial(importlib.import_module("tqdm").tqdm, dynamic_ncols=True))


def _notebook_bar(**options: object) -> _Bar:
    """Make the bar of a notebook, which leaves its last state as text in the saved file, and not its first."""
    bar = importlib.import_module("tqdm.notebook").tqdm(display=False, **options)
    shown = importlib.import_module("IPython.display").display(bar.container, display_id=True)

    def close_and_show() -> None:
        del bar.close
        bar.close()
        if shown is not None:
            shown.update(bar.container)

    bar.close = close_and_show
    return bar


def _is_terminal(stream: TextIO | None) -> bool:
    # a program without a console has no stderr at all
    return stream is not None and stream.isatty()
