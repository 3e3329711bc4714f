"""The seam by which a transfer tells how far it is, and its simple bars (floor 4).

Nothing of Jupyter is imported here: tqdm does that itself where its notebook bar is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, Protocol, TextIO

from ..errors import TerrascopeError
from .report import Outcome
from .sources import Item

ProgressKind = Literal["none", "terminal", "notebook"]


class Progress(Protocol):
    """Is told how a transfer goes. `started` comes first, `finished` last and always, also on an interrupt."""

    def started(self, items: Sequence[Item]) -> None:
        """These are the items of the batch, each once."""
        ...

    def item_started(self, item: Item) -> None:
        """The engine turns to an item. What is there already or is in conflict never starts, it is only done."""
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
    start_t: float

    def update(self, n: float) -> object: ...
    def reset(self, total: float | None) -> None: ...
    def set_description(self, desc: str, refresh: bool) -> None: ...
    def set_postfix_str(self, s: str, refresh: bool) -> None: ...
    def refresh(self) -> object: ...
    def close(self) -> None: ...


class BarProgress:
    """One tqdm bar of bytes for the whole batch.

    The bar has an end as soon as the size of every item is known, from a catalogue or from the server.

    Parameters
    ----------
    bar : callable
        Makes the bar, with tqdm's keyword arguments.
    """

    def __init__(self, bar: Callable[..., _Bar]) -> None:
        self._new_bar = bar
        self._bar: _Bar | None = None
        self._sizes: dict[Item, int] = {}
        self._done_bytes: dict[Item, int] = {}
        self._items = 0
        self._items_done = 0
        self._failed = 0

    def started(self, items: Sequence[Item]) -> None:
        """See `Progress`."""
        self._items = len(items)
        self._sizes = {item: item.size_bytes for item in items if item.size_bytes is not None}
        self._bar = self._new_bar(total=self._total(), unit="B", unit_scale=True, desc=self._count())

    def item_started(self, item: Item) -> None:
        """See `Progress`."""
        if self._bar is not None:
            self._bar.set_postfix_str(item.name, refresh=True)

    def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None:
        """See `Progress`."""
        if self._bar is None:
            return
        if size_bytes is not None and item not in self._sizes:
            self._sizes[item] = size_bytes
            if len(self._sizes) == self._items:
                self._give_end(self._bar)
        before = self._done_bytes.get(item)
        self._done_bytes[item] = done_bytes
        if before is None:
            # what was there before this run is no part of the speed
            self._bar.initial += done_bytes
        self._bar.update(done_bytes - (before or 0))

    def waiting(self, item: Item, wait_s: float, error: TerrascopeError) -> None:
        """See `Progress`."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"{item.name}: {error.what} Next try in {wait_s:.0f} s", refresh=True)

    def item_done(self, outcome: Outcome) -> None:
        """See `Progress`."""
        self._items_done += 1
        self._failed += outcome.status == "failed"
        if outcome.size_bytes is not None:
            self.advanced(outcome.item, outcome.size_bytes, outcome.size_bytes)
        if self._bar is not None:
            self._bar.set_description(self._count(), refresh=False)

    def finished(self) -> None:
        """See `Progress`."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.set_postfix_str("", refresh=True)
            bar.close()

    def _give_end(self, bar: _Bar) -> None:
        n, start_t = bar.n, bar.start_t
        # only a reset tells the notebook's bar its end; it forgets how far it was, and since when
        bar.reset(total=self._total())
        bar.n, bar.start_t = n, start_t

    def _total(self) -> int | None:
        return sum(self._sizes.values()) if len(self._sizes) == self._items else None

    def _count(self) -> str:
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{self._items_done - self._failed}/{self._items} files{failed}"


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
        return BarProgress(importlib.import_module("tqdm.notebook").tqdm)
    return BarProgress(partial(importlib.import_module("tqdm").tqdm, dynamic_ncols=True))


def _is_terminal(stream: TextIO | None) -> bool:
    # a program without a console has no stderr at all
    return stream is not None and stream.isatty()
