"""Whatever a user gives as a source, made into items: the first step of a transfer (floor 4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

from ...errors import SourceInvalid, UsageError
from ..names import clean, last_segment, shown
from .files import read_source
from .item import Item, Unusable, checked_url
from .json import is_object
from .lists import Lines
from .products import is_product, items_of_product
from .selection import Chooser, Selection
from .stac import (
    features_of,
    is_asset,
    is_object_of_pystac,
    is_search,
    item_of_lone_asset,
    items_of_json,
    items_of_object,
)

_DEEPEST = 4
"""So many lists may lie in each other; more is one that holds itself."""


# they can be iterated over, and there is nothing in them
_NO_SOURCES = (bytes, bytearray, type, Mapping)


class Search(Protocol):
    """A search of pystac-client."""

    def items_as_dicts(self) -> Iterator[dict[str, Any]]: ...


class HasAssets(Protocol):
    """An item of pystac."""

    @property
    def assets(self) -> Mapping[str, Any]: ...


class HasAddress(Protocol):
    """An asset of pystac, or a file of terracatalogueclient."""

    @property
    def href(self) -> str: ...


Source: TypeAlias = "str | Path | Item | dict[str, Any] | Search | HasAssets | HasAddress | Iterable[Any]"
"""What `items_from` reads."""


def items_from(source: Source, name: str | None = None, selection: Selection | None = None) -> list[Item]:
    """Make items of what the user gave.

    Parameters
    ----------
    source : str, path, Item, mapping, STAC object, or iterable of them
        A URL; ``@FILE`` or a path, for a list of addresses (see `lists`) or STAC as JSON; an item to fetch; a STAC
        item, asset or collection of items, as JSON or of pystac; a search of pystac-client, read page by page; a
        product of terracatalogueclient or one of its files; or a list, generator … of all that, also of lists. A set
        has no order and is read in the order of its URLs. White space around a URL (the end of a line) is ignored.
    name : str, optional
        The file's name, for one file only.
    selection : Selection, optional
        Which assets of STAC items are meant.

    Returns
    -------
    list of Item
        In the order of what was given.

    Raises
    ------
    SourceInvalid
        When something cannot be fetched: it is no URL, not https (http on loopback), has no file name … The text says
        which it is. Where only some assets have no address, they are `Unusable` items instead.
    UsageError
        When `name` is given and there is not exactly one file; when `selection` asks for an asset or a role that no
        item has, or there are no items of which to choose.
    TransferError
        When a catalogue did not answer its search.
    """
    reading = _Reading(selection or Selection())
    items = [*reading.items(source, name, 0)]
    reading.finish()
    unusable = [item for item in items if isinstance(item, Unusable)]
    if unusable and len(unusable) == len(items):
        raise unusable[0].error
    if name is not None and len(items) != 1:
        raise UsageError(
            f"One name was given for {len(items)} files.", "A name belongs to one file.", "Leave the name out."
        )
    return items


def is_single(source: object) -> bool:
    """Tell whether a source is one file by its nature, which fails with its own error: a URL, an item, an asset."""
    if isinstance(source, str):
        return not source.lstrip().startswith("@")
    return isinstance(source, Item) or is_asset(source)


def is_source(thing: object) -> bool:
    """Tell whether something looks like a source, without reading it."""
    if is_object(thing):
        return not {"href", "assets", "features"}.isdisjoint(thing)
    if (
        isinstance(thing, (Item, Path))
        or is_asset(thing)
        or is_search(thing)
        or is_object_of_pystac(thing)
        or is_product(thing)
    ):
        return True
    return isinstance(thing, Iterable) and not isinstance(thing, _NO_SOURCES)


class _Reading:
    def __init__(self, selection: Selection) -> None:
        self._selection, self._chooser = selection, Chooser(selection)
        self._has_others = False

    def items(self, source: object, name: str | None, depth: int) -> Iterator[Item]:
        """Yield the items of one entry, or of all in it."""
        if isinstance(source, str) and not source.lstrip().startswith("@"):
            self._has_others = True
            yield _item_of_url(source.strip(), name)
        elif isinstance(source, Item):
            self._has_others = True
            yield source if name is None else replace(source, name=name)
        elif is_asset(source):
            self._has_others = True
            yield item_of_lone_asset(source, name)
        elif is_object(source):
            yield from items_of_json(source, self._chooser, name)
        elif is_search(source):
            for feature in features_of(source):
                yield from items_of_json(feature, self._chooser, name)
        elif is_object_of_pystac(source):
            yield from items_of_object(source, self._chooser, name)
        elif is_product(source):
            yield from items_of_product(source, self._chooser, name)
        else:
            yield from self._items_of_several(source, name, depth)

    def _items_of_several(self, source: object, name: str | None, depth: int) -> Iterator[Item]:
        if depth >= _DEEPEST:
            raise SourceInvalid("There are lists in lists in lists.", "One may hold itself.", "Give a plain list.")
        if isinstance(source, (str, Path)):
            path = source.strip().removeprefix("@") if isinstance(source, str) else str(source)
            yield from self.items(read_source(path), name, depth + 1)
        elif isinstance(source, Lines):
            yield from source.items(lambda word, own: self.items(word, own or name, depth + 1))
        elif isinstance(source, _NO_SOURCES) or not isinstance(source, Iterable):
            raise _not_a_source(cast(object, source))
        else:
            entries = cast("Iterable[object]", source)
            if isinstance(source, (set, frozenset)):
                entries = sorted(entries, key=lambda entry: entry.url if isinstance(entry, Item) else str(entry))
            if isinstance(source, (list, tuple)) and len(cast("list[object]", source)) == 1:
                # as the command line gives each word; of one alone no number is to be told
                yield from self.items(next(iter(entries)), name, depth + 1)
                return
            for number, entry in enumerate(entries, start=1):
                yield from self._numbered(number, entry, name, depth + 1)

    def _numbered(self, number: int, entry: object, name: str | None, depth: int) -> Iterator[Item]:
        try:
            yield from self.items(entry, name, depth)
        except SourceInvalid as error:
            what, why, do = error.what, error.why, error.do
        else:
            return
        raise SourceInvalid(f"Entry {number}: {what}", why, do)

    def finish(self) -> None:
        """Say what was to be chosen and was not there."""
        self._chooser.finish()
        if self._selection and self._has_others and not self._chooser.has_seen_items:
            raise UsageError(
                "There are no assets to choose from.",
                "What you gave is no STAC item, nor has it some in it.",
                "Leave `--asset` and `--roles` (assets=…, roles=…) out.",
            )


def _item_of_url(url: str, name: str | None) -> Item:
    found = name if name is not None else clean(last_segment(url))
    if not found and name is None:
        checked_url(url)
        raise SourceInvalid(
            f"{shown(url)} has no file name.",
            "The last part of the address is empty, too long, or made of dots only.",
            "Give a name: `-o NAME`, name=… or Item(url, name).",
        )
    return Item(url, found)


def _not_a_source(thing: object) -> SourceInvalid:
    return SourceInvalid(
        f"Something of type {type(thing).__name__} cannot be downloaded.",
        "A source is a URL, an Item, a STAC item, asset or search, a list of addresses in a file, or several of them.",
        "Give the URL as a string.",
    )
