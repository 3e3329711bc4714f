"""The seam by which an engine tells how far it is, and the bar of a terminal (floor 4)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Protocol, TextIO

from ..errors import TerrascopeError
from .sources import Item
from .states import DownloadState, FileState

if TYPE_CHECKING:
    from .under_way import Download

# of a terminal that does not tell, of the bar with what stands around it, and the fewest of a name that say something
_COLUMNS, _BAR_COLUMNS, _LEAST_COLUMNS = 80, 30, 22
# the same where there is something to wait for, and nothing to see of the bar
_LEAST_BAR_COLUMNS, _LEAST_OF_NAME = 20, 8
_FORMAT = "{desc} {percentage:3.0f}%|{bar}| {elapsed}{postfix}"


class Progress(Protocol):
    """Is told by an engine how it goes."""

    def item_started(self, item: Item, there_bytes: int = 0) -> None:
        """The engine turns to an item, of which an earlier run left so many bytes. What is given up has no start."""
        ...

    def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None:
        """So many bytes of an item are there, of so many (None: not known). Falls when it has to start anew."""
        ...

    def waiting(self, item: Item, wait_s: float | None, error: TerrascopeError) -> None:
        """Something passing is in the way; the next try comes after so many seconds, or once that is over (None)."""
        ...


class _Bar(Protocol):
    """As much of a tqdm bar as is used here."""

    n: float
    format_dict: Mapping[str, object]

    def set_description_str(self, desc: str, refresh: bool) -> None: ...
    def set_postfix_str(self, s: str, refresh: bool) -> None: ...
    def refresh(self) -> object: ...
    def close(self) -> None: ...


class TerminalBar:
    """One tqdm bar for the whole download, with an end from the beginning on.

    What failed is not counted, so that a download with failures does not reach the end.

    Parameters
    ----------
    bar : callable
        Makes the bar, with tqdm's keyword arguments.
    """

    def __init__(self, bar: Callable[..., _Bar]) -> None:
        self._new_bar = bar
        self._bar: _Bar | None = None

    def show(self, state: DownloadState) -> None:
        """Draw a state; an end closes the bar."""
        files, *figures = str(state).split(", ")
        if self._bar is None:
            # it draws itself at once
            self._bar = self._new_bar(total=1.0, initial=state.fraction, desc=files, bar_format=_FORMAT)
        bar = self._bar
        bar.n = state.fraction
        bar.set_description_str(files, refresh=False)
        columns = bar.format_dict.get("ncols")
        room = (columns if isinstance(columns, int) else _COLUMNS) - len(files)
        bar.set_postfix_str(", ".join(_beside(state, figures, room)), refresh=False)
        bar.refresh()
        if state.is_ended:
            self._bar = None
            bar.close()


def show_bar(download: Download) -> None:
    """Draw how far a download is on stderr, if that is a terminal."""
    if _is_terminal(sys.stderr):
        tqdm = importlib.import_module("tqdm").tqdm
        download.observe(TerminalBar(partial(tqdm, dynamic_ncols=True)).show)


def show_waits(download: Download) -> None:
    """Say on stderr for what a download waits, once, when nothing else of it goes on: where there is no bar."""

    def tell(state: DownloadState) -> None:
        if state.active and all(file.note for file in state.active):
            end()
            print(f"{state.active[0].name}: {state.active[0].note}", file=sys.stderr)

    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]
        end = download.observe(tell)


def _beside(state: DownloadState, figures: list[str], room: int) -> list[str]:
    """Say in so many columns how far it is, and what is waited for or else which file comes."""
    left = room - sum(len(text) + 2 for text in figures)
    waiting = next((file for file in state.active if file.note), None)
    if waiting is None:
        return [*figures, *_coming(state, left - _BAR_COLUMNS)]
    if left - _LEAST_BAR_COLUMNS >= len(waiting.note):
        return [*figures, _waiting(waiting, left - _LEAST_BAR_COLUMNS)]
    return [_waiting(waiting, room - _LEAST_BAR_COLUMNS)]


def _waiting(file: FileState, room: int) -> str:
    for_name = min(room - len(file.note) - 2, _LEAST_COLUMNS)
    if for_name >= min(_LEAST_OF_NAME, len(file.name)):
        return f"{_cut(file.name, for_name)}: {file.note}"
    return _cut(file.note, room)


def _coming(state: DownloadState, room: int) -> list[str]:
    """Say which file comes, and how many beside it, where there is room for it."""
    more = f" +{len(state.active) - 1}" if len(state.active) > 1 else ""
    room -= len(more)
    return [
        f"{_cut(file.name, room)}{more}" for file in state.active[:1] if room >= min(_LEAST_COLUMNS, len(file.name))
    ]


def _cut(text: str, most: int) -> str:
    """Leave the middle out where there is no room: products are told apart by how their names end."""
    if len(text) <= most or most < _LEAST_OF_NAME:
        return text
    start = (most - 1) // 5
    return f"{text[:start]}…{text[start + 1 - most :]}"


def _is_terminal(stream: TextIO | None) -> bool:
    # a program without a console has no stderr at all
    return stream is not None and stream.isatty()
