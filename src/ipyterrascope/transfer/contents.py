"""What is in the target folder already (floor 4)."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .folder import writing_to
from .journal import read_journal
from .layout import Trail, fold
from .names import JOURNAL, PART
from .plan import Present
from .sources import Item

_WORTH_LISTING = 32
"""Asked for so many names, a folder is listed: on a network file system each question takes its time."""


class Contents:
    """What is in a folder, and in the folders below it. One of which much is asked is listed once, in one go.

    Parameters
    ----------
    folder : pathlib.Path
        It need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = os.fspath(folder)
        self._asked: Counter[Trail] = Counter()
        self._listed: dict[Trail, frozenset[str] | None] = {}

    def look(self, trail: Trail) -> Present | None:
        """Tell what is at a trail below the folder; None for nothing.

        Raises
        ------
        TargetInvalid
            When it cannot be told.
        """
        names = self._names(trail[:-1])
        if names is not None and fold(trail[-1]) not in names:
            return None
        path = os.path.join(self._folder, *trail)
        try:
            return _look_at(path)
        except OSError:
            with writing_to(Path(path)):
                raise

    def unfinished(self, trail: Trail, item: Item) -> int:
        """Tell how many bytes of an item an interrupted download left beside a trail, to be gone on with."""
        *parents, name = trail
        part = self.look((*parents, name + PART))
        if part is None:
            return 0
        journal = read_journal(Path(self._folder, *parents, name + JOURNAL))
        if journal is None or not journal.is_of(item.url) or item.size_bytes not in (None, journal.size_bytes):
            return 0
        return sum(end - start for start, end in journal.usable(part.size_bytes))

    def _names(self, parent: Trail) -> frozenset[str] | None:
        """Return the names in a folder, folded; None where asking for the one name is as quick, or all there is."""
        self._asked[parent] += 1
        if self._asked[parent] == _WORTH_LISTING:
            try:
                self._listed[parent] = frozenset(map(fold, os.listdir(os.path.join(self._folder, *parent))))
            except (FileNotFoundError, NotADirectoryError):
                self._listed[parent] = frozenset()
            except OSError:
                self._listed[parent] = None
        return self._listed.get(parent)


def journals_left_alone(paths: Iterable[Path]) -> set[Path]:
    """Return those of some files beside which a journal lies without its part. Each folder is listed once."""
    listed: dict[Path, frozenset[str]] = {}
    found = set[Path]()
    for path in paths:
        folder = path.parent
        if folder not in listed:
            listed[folder] = frozenset[str]()
            with suppress(OSError):
                listed[folder] = frozenset(name for name in os.listdir(folder) if name.endswith((PART, JOURNAL)))
        if path.name + JOURNAL in listed[folder] and path.name + PART not in listed[folder]:
            found.add(path)
    return found


def _look_at(path: str) -> Present | None:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(status.st_mode):
        return Present("folder")
    if stat.S_ISLNK(status.st_mode):
        # a link that leads nowhere is no file
        with suppress(OSError):
            status = os.stat(path)
    return Present("file", status.st_size) if stat.S_ISREG(status.st_mode) else Present("other")
