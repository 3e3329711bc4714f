"""What to do about each item: a pure function of the items and of what is already there (floor 4).

Layout: a file lies flat in the folder under its own name. Where names collide (as they do between Terrascope's
products; letter case and Unicode form do not tell two names apart, since many file systems do not either), those files
go to ``<product>/<file>``, the folder being the one of the URL, and if that is not enough, one more folder of the URL
at a time, twelve at most. Addresses that differ in nothing but their query cannot be told apart that way and are
conflicts.

What is there: a file of the right size is skipped. A file of another size is never touched unless `overwrite` is set,
and then it is replaced only at the moment when the whole new content is there. A file of which no catalogue tells the
size is compared with what the server says, before anything is fetched. Nothing is written through a symbolic link: a
linked folder is a conflict, and a link to a file is read for its size and, with `overwrite`, replaced itself.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import TargetInvalid, TransferError
from .names import clean, host_of, path_segments, shown
from .sources import Item

_MOST_FOLDERS = 12
"""What a trail has at most: deeper than any archive's, and well within what file systems allow."""

Trail: TypeAlias = tuple[str, ...]
"""Folders and name under the target folder, outermost first."""


@dataclass(frozen=True)
class Present:
    """What is at a path already.

    `kind` is "file" for a regular file or a link to one, "folder" for a folder that is no link, and "other" for all
    else. `size_bytes` is that of a file.
    """

    kind: Literal["file", "folder", "other"]
    size_bytes: int = 0


Look: TypeAlias = Callable[[Path], Present | None]


@dataclass(frozen=True)
class Action:
    """What to do about one item.

    Attributes
    ----------
    item : Item
    path : pathlib.Path
        Where the file belongs.
    do : {"fetch", "skip", "conflict"}
    present_bytes : int, optional
        Size of the file at `path`. With "fetch": skip if the server tells the same size, and do not replace it
        otherwise.
    overwrite : bool
        With "fetch": replace what is at `path`, also what came there since.
    error : TransferError, optional
        With "conflict": why.
    """

    item: Item
    path: Path
    do: Literal["fetch", "skip", "conflict"]
    present_bytes: int | None = None
    overwrite: bool = False
    error: TransferError | None = field(default=None, compare=False)


def plan(items: Sequence[Item], folder: Path, look: Look, *, overwrite: bool = False) -> list[Action]:
    """Decide what to do about each item, without touching anything.

    Parameters
    ----------
    items : sequence of Item
    folder : pathlib.Path
        The target folder; it need not be there yet.
    look : callable
        Tells what is at a path: a `Present`, or None for nothing.
    overwrite : bool
        Fetch also what is there already.

    Returns
    -------
    list of Action
        One for each item, in their order. Items of the same URL and name share one action (the same object), all
        others have different paths.
    """
    distinct: dict[tuple[str, str], Item] = {}
    for item in items:
        distinct.setdefault((item.url, item.name), item)
    trails = _layout(list(distinct.values()))
    actions = {
        key: _decide(item, folder, trail, look, overwrite=overwrite)
        for (key, item), trail in zip(distinct.items(), trails, strict=True)
    }
    return [actions[item.url, item.name] for item in items]


def _layout(items: Sequence[Item]) -> list[Trail | None]:
    """Give each item the shortest trail that is its own; None where there is no such trail.

    All start with their names. Those whose trail is another's too, or a folder of another's, take one folder more, and
    then only the trails that this has made can clash.
    """
    trails: list[Trail | None] = [(item.name,) for item in items]
    longest: dict[int, tuple[Trail, Trail]] = {}
    holders: defaultdict[Trail, list[int]] = defaultdict(list)
    folders: Counter[Trail] = Counter()
    for number, item in enumerate(items):
        holders[(_fold(item.name),)].append(number)
    changed = set(holders)
    while clashing := [key for key in changed if len(holders[key]) > (0 if folders[key] else 1)]:
        lengthened = [(number, key) for key in clashing for number in holders.pop(key)]
        folders.subtract(folder for _, key in lengthened for folder in _folders(key))
        changed = set[Trail]()
        for number, key in lengthened:
            if number not in longest:
                trail = _longest_trail(items[number])
                longest[number] = trail, tuple(map(_fold, trail))
            trail, folded = (whole[-len(key) - 1 :] for whole in longest[number])
            if len(trail) == len(key):
                trails[number] = None
                continue
            trails[number] = trail
            holders[folded].append(number)
            folders.update(_folders(folded))
            changed.update((folded, *_folders(folded)))
    return trails


def _folders(trail: Trail) -> Iterator[Trail]:
    return (trail[:length] for length in range(1, len(trail)))


def _longest_trail(item: Item) -> Trail:
    """Return the folders of an item's URL, the host included and the innermost twelve at most, and its name."""
    innermost_first = (clean(segment) for segment in (*reversed(path_segments(item.url)[:-1]), host_of(item.url)))
    return (*reversed([*islice(filter(None, innermost_first), _MOST_FOLDERS)]), item.name)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _decide(item: Item, folder: Path, trail: Trail | None, look: Look, *, overwrite: bool) -> Action:
    if trail is None:
        return _conflict(item, folder / item.name, _indistinct(item))
    path = folder.joinpath(*trail)
    for length in range(1, len(trail)):
        parent = look(folder.joinpath(*trail[:length]))
        if parent is not None and parent.kind != "folder":
            return _conflict(
                item, path, _not_usable(folder.joinpath(*trail[:length]), "a folder", "a folder of its own")
            )
    present = look(path)
    if present is None:
        return Action(item, path, "fetch", overwrite=overwrite)
    if present.kind != "file":
        return _conflict(item, path, _not_usable(path, "a regular file", "a file of its own"))
    if overwrite:
        return Action(item, path, "fetch", overwrite=True)
    if item.size_bytes is None:
        return Action(item, path, "fetch", present.size_bytes)
    if item.size_bytes == present.size_bytes:
        return Action(item, path, "skip", present.size_bytes)
    return _conflict(item, path, other_file_there(path.name, present.size_bytes, item.size_bytes))


def other_file_there(name: str, present_bytes: int, size_bytes: int | None) -> TargetInvalid:
    """Return the error for a file that is there and is not, or may not be, the one to download."""
    size = f"the one to download has {size_bytes:,}" if size_bytes is not None else "the server does not tell its size"
    return TargetInvalid(
        f"Another file {name} is there already.",
        f"It has {present_bytes:,} bytes, and {size}.",
        "Move or remove it, or allow overwriting (`--overwrite`, overwrite=True).",
    )


def _conflict(item: Item, path: Path, error: TransferError) -> Action:
    return Action(item, path, "conflict", error=error)


def _indistinct(item: Item) -> TargetInvalid:
    return TargetInvalid(
        f"Two different downloads would both be {item.name}.",
        f"The folders of their addresses do not tell them apart ({shown(item.url)}).",
        "Give each its own name: Item(url, name).",
    )


def _not_usable(path: Path, kind: str, needed: str) -> TargetInvalid:
    return TargetInvalid(
        f"{path} is there and is not {kind}.",
        f"The download needs {needed} there, and nothing is written through a symbolic link.",
        "Move it away, or choose another folder.",
    )
