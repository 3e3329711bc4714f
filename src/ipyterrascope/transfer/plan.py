"""What to do about each item: a pure function of the items and of what is already there (floor 4).

What is there: a file of the right size is skipped. A file of another size is never touched unless `overwrite` is set,
and then it is replaced only at the moment when the whole new content is there. A file of which no catalogue tells the
size is compared with what the server says, before anything is fetched; where the server does not tell it either, it is
fetched and compared byte by byte. Nothing is written through a symbolic link: a linked folder is a conflict, and a link
to a file is read for its size and, with `overwrite`, replaced itself.

What lies on this machine under a name that a catalogue told is not fetched, but linked or copied. Where things go says
`layout`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import TargetInvalid, TransferError
from .layout import Trail, fold, layout, trail_of
from .names import shown
from .sources import Item, Unusable


@dataclass(frozen=True)
class Present:
    """What is at a path already.

    `kind` is "file" for a regular file or a link to one, "folder" for a folder that is no link, and "other" for all
    else. `size_bytes` is that of a file.
    """

    kind: Literal["file", "folder", "other"]
    size_bytes: int = 0


Look: TypeAlias = Callable[[Trail], Present | None]
Unfinished: TypeAlias = Callable[[Trail, Item], int]


@dataclass(frozen=True)
class Here:
    """What may be had on this machine.

    `size_of` tells the size of the file that an item has on this machine, or None where there is none to be used; `do`
    is what is done with it.
    """

    do: Literal["link", "copy"]
    size_of: Callable[[Item], int | None]


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """What to do about one item.

    Attributes
    ----------
    item : Item
    folder : pathlib.Path
        The target folder.
    trail : tuple of str
        Where the file belongs below it: the folders that addresses and lists have named, and its name.
    do : {"fetch", "skip", "link", "copy", "conflict"}
    present_bytes : int, optional
        Size of the file at `path`. With "fetch": skip if the server tells the same size, and do not replace it
        otherwise.
    overwrite : bool
        With "fetch", "link" and "copy": replace what is at `path`, also what came there since.
    error : TransferError, optional
        With "conflict": why; also of what cannot be fetched at all.
    part_bytes : int
        With "fetch": how much is there already, from a download that was interrupted.
    here_bytes : int, optional
        With "link" and "copy": size of the file on this machine.
    """

    item: Item
    folder: Path
    trail: Trail
    do: Literal["fetch", "skip", "link", "copy", "conflict"]
    present_bytes: int | None = None
    overwrite: bool = False
    error: TransferError | None = None
    part_bytes: int = 0
    here_bytes: int | None = None

    @property
    def path(self) -> Path:
        """Where the file belongs."""
        # made when it is wanted: a plan of a hundred thousand files takes a tenth longer with them
        return self.folder.joinpath(*self.trail)

    @property
    def name(self) -> str:
        """What the file is to be called."""
        return self.trail[-1]


def _nothing(trail: Trail, item: Item) -> int:
    return 0


def plan(
    items: Sequence[Item],
    folder: Path,
    look: Look,
    *,
    overwrite: bool = False,
    unfinished: Unfinished = _nothing,
    here: Here | None = None,
) -> list[Action]:
    """Decide what to do about each item, without touching anything.

    Parameters
    ----------
    items : sequence of Item
    folder : pathlib.Path
        The target folder; it need not be there yet.
    look : callable
        Tells what is at a trail below the target folder: a `Present`, or None for nothing.
    overwrite : bool
        Fetch also what is there already.
    unfinished : callable
        Tells how much of an item there is in the unfinished file beside a trail.
    here : Here, optional
        What may be had on this machine; nothing unless given.

    Returns
    -------
    list of Action
        One for each item, in their order. Items of the same URL and place share one action (the same object), all
        others have different paths.
    """
    distinct: dict[tuple[str, str, str], Item] = {}
    for item in items:
        distinct.setdefault((item.url, item.name, item.folder), item)
    decide = _Decision(folder, look, overwrite, unfinished, here)
    trails = layout([*distinct.values()])
    of_one_name: defaultdict[str, list[str]] = defaultdict(list)
    for item, trail in zip(distinct.values(), trails, strict=True):
        if trail is None:
            of_one_name[fold(item.name)].append(shown(item.url))
    actions = {
        key: decide(item, trail) if trail else decide.indistinct(item, of_one_name[fold(item.name)])
        for (key, item), trail in zip(distinct.items(), trails, strict=True)
    }
    return [actions[item.url, item.name, item.folder] for item in items]


@dataclass(frozen=True)
class _Decision:
    folder: Path
    look: Look
    overwrite: bool
    unfinished: Unfinished
    here: Here | None

    def __call__(self, item: Item, trail: Trail) -> Action:
        if isinstance(item, Unusable):
            return self.conflict(item, trail, item.error)
        present: Present | None = None
        for length in range(1, len(trail) + 1):
            present = self.look(trail[:length])
            if present is None:
                break
            needed = "file" if length == len(trail) else "folder"
            if present.kind != needed:
                path = self.folder.joinpath(*trail[:length])
                return self.conflict(item, trail, _not_usable(path, needed, present.kind))
        if present is None or self.overwrite:
            if self.here and (here_bytes := self._here_bytes(item)) is not None:
                do = self.here.do
                return Action(item, self.folder, trail, do, overwrite=self.overwrite, here_bytes=here_bytes)
            part_bytes = self.unfinished(trail, item)
            return Action(item, self.folder, trail, "fetch", overwrite=self.overwrite, part_bytes=part_bytes)
        size_bytes = self._here_bytes(item) if item.size_bytes is None else item.size_bytes
        if size_bytes is None:
            return Action(item, self.folder, trail, "fetch", present.size_bytes)
        if size_bytes == present.size_bytes:
            return Action(item, self.folder, trail, "skip", present.size_bytes)
        return self.conflict(item, trail, other_file_there(trail[-1], present.size_bytes, size_bytes))

    def _here_bytes(self, item: Item) -> int | None:
        return self.here.size_of(item) if self.here and item.local_path else None

    def indistinct(self, item: Item, addresses: Sequence[str]) -> Action:
        return self.conflict(item, trail_of(item), _indistinct(item.name, addresses))

    def conflict(self, item: Item, trail: Trail, error: TransferError) -> Action:
        return Action(item, self.folder, trail, "conflict", error=error)


def other_file_there(name: str, present_bytes: int, size_bytes: int) -> TargetInvalid:
    """Return the error for a file that is there and is not the one to download."""
    sizes = f"It has {present_bytes:,} bytes, and the one to download has {size_bytes:,}."
    if present_bytes == size_bytes:
        sizes = f"Both have {size_bytes:,} bytes, and they are not the same."
    return TargetInvalid(
        f"Another file {name} is there already.",
        sizes,
        "Move or remove it, or allow overwriting (`--overwrite`, overwrite=True).",
    )


def _indistinct(name: str, addresses: Sequence[str]) -> TargetInvalid:
    more = f" and {len(addresses) - 2:,} more" if len(addresses) > 2 else ""
    return TargetInvalid(
        f"Two different downloads would both be {name}.",
        f"The folders of their addresses do not tell them apart: {', '.join(addresses[:2])}{more}.",
        "Give each its own name: by `out=NAME` in a file of addresses, or in Python by Item(url, name).",
    )


def _not_usable(path: Path, needed: Literal["file", "folder"], kind: str) -> TargetInvalid:
    if (needed, kind) == ("file", "folder"):
        return TargetInvalid(
            f"{path} is there and is a folder.",
            "The file would have the same name.",
            "Give the folder by `-d` (folder=…) and the file's name, if at all, by `-o` (name=…).",
        )
    wanted = "a regular file" if needed == "file" else "a folder"
    return TargetInvalid(
        f"{path} is there and is not {wanted}.",
        f"The download needs a {needed} of its own there, and nothing is written through a symbolic link.",
        "Move it away, or choose another folder.",
    )
