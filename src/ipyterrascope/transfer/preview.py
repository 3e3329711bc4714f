"""What a download would do, as people see it: a table, and what it comes to (floor 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import quoted
from .folder import from_here
from .names import shown, size_text
from .plan import Action
from .sources import Unusable
from .tables import MOST_ROWS, NOTHING, Row, html_table, text_table

Kind: TypeAlias = Literal["fetch", "resume", "compare", "link", "copy", "skip", "conflict", "unusable"]

# what is said of one, in a row, and of several, in the sum
_WORDS: dict[Kind, tuple[str, str]] = {
    "conflict": ("conflict", "in conflict"),
    "unusable": ("unusable", "unusable"),
    "fetch": ("fetch", "to fetch"),
    "resume": ("resume", "to resume"),
    "compare": ("compare", "to compare"),
    "link": ("link", "to link"),
    "copy": ("copy", "to copy"),
    "skip": ("already there", "already there"),
}


class Plan:
    """What a download would do, and whether there is room for it. Nothing was fetched or written for it.

    "resume" goes on with an unfinished file; "compare" asks the server for the size of a file, because one of that
    name is there and no catalogue tells how large it should be; "unusable" is an asset without an address.

    Parameters
    ----------
    actions : iterable of Action
        One for each item, in the order of what was asked for.
    folder : pathlib.Path
    free_bytes : int, optional
        How much room there is; None where that cannot be told.
    is_single : bool
        Whether one file was asked for, and not a list of one.
    """

    def __init__(
        self, actions: Iterable[Action], folder: Path, free_bytes: int | None = None, *, is_single: bool = False
    ) -> None:
        self.actions = tuple(actions)
        self.folder, self.free_bytes, self.is_single = folder, free_bytes, is_single
        # what was asked for twice shares one
        self._once = [*dict.fromkeys(self.actions)]
        self.counts = Counter(map(kind_of, self._once))
        fetched = [action for action in self._once if kind_of(action) in ("fetch", "resume")]
        self.unknown = sum(action.item.size_bytes is None for action in fetched)
        self.fetch_bytes = sum(max(0, (action.item.size_bytes or 0) - action.part_bytes) for action in fetched)
        self.part_bytes = sum(action.part_bytes for action in fetched)
        self.there_bytes = sum(action.present_bytes or 0 for action in self._once if action.do == "skip")
        self.copy_bytes = sum(action.here_bytes or 0 for action in self._once if action.do == "copy")

    @property
    def needed_bytes(self) -> int:
        """The room that it takes, as far as sizes are known."""
        return self.fetch_bytes + self.copy_bytes

    @property
    def fits(self) -> bool | None:
        """Whether there is room for it; None where that cannot be told."""
        if self.free_bytes is None:
            return None
        if self.needed_bytes > self.free_bytes:
            return False
        return None if self.unknown else True

    def to_dict(self) -> dict[str, object]:
        """Return the plan as JSON can hold it. URLs are without their query."""
        return {
            **{kind: self.counts[kind] for kind in _WORDS},
            "fetch_bytes": self.fetch_bytes,
            "unknown_sizes": self.unknown,
            "part_bytes": self.part_bytes,
            "there_bytes": self.there_bytes,
            "copy_bytes": self.copy_bytes,
            "free_bytes": self.free_bytes,
            "fits": self.fits,
            "items": [_as_dict(action) for action in self.actions],
        }

    def __len__(self) -> int:
        return len(self.actions)

    def __str__(self) -> str:
        counts = ", ".join(f"{self.counts[kind]:,} {word}" for kind, (_, word) in _WORDS.items() if self.counts[kind])
        room = [self._room()] if self.needed_bytes or self.unknown else []
        return "\n".join([counts or NOTHING, *room])

    def _room(self) -> str:
        unknown = f"{self.unknown:,} of unknown size" if self.unknown else ""
        size = " and ".join(filter(None, (size_text(self.needed_bytes) if self.needed_bytes else "", unknown)))
        part = f", {size_text(self.part_bytes)} of it are there already" if self.part_bytes else ""
        if self.free_bytes is None:
            return f"{size}{part}"
        room = f"{size}{part}; {size_text(self.free_bytes)} are free in {from_here(self.folder)}"
        if not self.needed_bytes:
            return room
        word = {True: "enough", False: "NOT enough", None: "enough as far as sizes are known"}[self.fits]
        return f"{room}: {word}"

    def __repr__(self) -> str:
        return text_table(f"Plan: {self}", self._rows(), len(self._once))

    def _repr_html_(self) -> str:
        return html_table(str(self), self._rows(), len(self._once))

    def _rows(self) -> list[Row]:
        order = [*_WORDS]
        # the most telling first; within a kind as they were asked for
        first = sorted(self._once, key=lambda action: order.index(kind_of(action)))[:MOST_ROWS]
        return [
            (_WORDS[kind_of(action)][0], size_text(_size_of(action)), from_here(action.path), _note(action))
            for action in first
        ]


def kind_of(action: Action) -> Kind:
    """Tell an action as a person would: what is gone on with is not what is only begun."""
    if isinstance(action.item, Unusable):
        return "unusable"
    if action.do != "fetch":
        return action.do
    if action.present_bytes is not None:
        return "compare"
    return "resume" if action.part_bytes else "fetch"


def _size_of(action: Action) -> int | None:
    return action.here_bytes if action.item.size_bytes is None else action.item.size_bytes


def _note(action: Action) -> str:
    if action.error is not None:
        return action.error.what
    if action.part_bytes:
        return f"{size_text(action.part_bytes)} are there already"
    if kind_of(action) == "compare":
        return f"{size_text(action.present_bytes)} are there: skipped where the server tells the same size"
    if action.do in ("link", "copy"):
        return f"from {quoted(action.item.local_path)}"
    return ""


def _as_dict(action: Action) -> dict[str, object]:
    return {
        "url": shown(action.item.url),
        "name": action.item.name,
        "path": str(action.path),
        "do": kind_of(action),
        "size_bytes": _size_of(action),
        "part_bytes": action.part_bytes,
        "error": action.error and str(action.error),
    }
