"""Where each file goes below the target folder: a pure function of the items (floor 4).

A file lies flat under its own name, or in the folder that its item names. Where names collide (as they do between
Terrascope's products; letter case and Unicode form do not tell two names apart, since many file systems do not either),
those files go to ``<product>/<file>``, the folder being the one of the URL, and if that is not enough, one more folder
of the URL at a time, twelve at most. Addresses that differ in nothing but their query cannot be told apart that way.
What a server would call a file while it sends it (`Content-Disposition`) counts for nothing: a file that is there
already could not be told before asking.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeAlias

from .names import clean, host_of, path_segments
from .sources import Item

_MOST_FOLDERS = 12
"""What a trail takes of a URL at most: deeper than any archive's, and well within what file systems allow."""

Trail: TypeAlias = tuple[str, ...]
"""Folders and name under the target folder, outermost first."""


def layout(items: Sequence[Item]) -> list[Trail | None]:
    """Give each item the shortest trail that is its own; None where there is no such trail.

    All start with their names. Those whose trail is another's too, or a folder of another's, take one folder more, and
    then only the trails that this has made can clash.
    """
    trails: list[Trail | None] = [trail_of(item) for item in items]
    longer: dict[int, Iterator[Trail]] = {}
    holders: defaultdict[Trail, list[int]] = defaultdict(list)
    folders: Counter[Trail] = Counter()
    for number, trail in enumerate(trails):
        key = tuple(map(fold, trail or ()))
        holders[key].append(number)
        if len(key) > 1:
            folders.update(_folders(key))
    changed = set(holders)
    while clashing := [key for key in changed if len(holders[key]) > (0 if folders[key] else 1)]:
        lengthened = [(number, key) for key in clashing for number in holders.pop(key)]
        folders.subtract(folder for _, key in lengthened for folder in _folders(key))
        changed = set[Trail]()
        for number, _ in lengthened:
            trail = trails[number] = next(longer.setdefault(number, _longer(items[number])), None)
            if trail is None:
                continue
            key = tuple(map(fold, trail))
            holders[key].append(number)
            folders.update(_folders(key))
            changed.update((key, *_folders(key)))
    return trails


def trail_of(item: Item) -> Trail:
    """Return where an item lies if nothing else bears its name."""
    return (*item.folder.split("/"), item.name) if item.folder else (item.name,)


def _longer(item: Item) -> Iterator[Trail]:
    """Yield the longer trails of an item: below its own folder, those of its URL, the host included."""
    *own, name = trail_of(item)
    innermost_first = (clean(segment) for segment in (*reversed(path_segments(item.url)[:-1]), host_of(item.url)))
    of_url = [*islice(filter(None, innermost_first), _MOST_FOLDERS)]
    for taken in range(1, len(of_url) + 1):
        yield (*own, *reversed(of_url[:taken]), name)


def _folders(trail: Trail) -> Iterator[Trail]:
    return (trail[:length] for length in range(1, len(trail)))


def fold(name: str) -> str:
    """Return what is the same for names that some file system takes for one."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
