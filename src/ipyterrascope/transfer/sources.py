"""What can be downloaded, made into items: the first step of a transfer (floor 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from operator import index
from pathlib import Path
from typing import SupportsIndex, TypeAlias, cast

from ..errors import SourceInvalid, UsageError, quoted
from ..values.hosts import is_secure, origin_of
from .checksums import read_multihash
from .names import MAX_NAME_BYTES, clean, path_segments, shown

_SPACE = re.compile(r"[\s\x00-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, repr=False)
class Item:
    """One thing to fetch.

    Parameters
    ----------
    url : str
        https, or http on loopback. A fragment is dropped.
    name : str
        The file's name, without a folder.
    size_bytes : int, optional
        The size, where a catalogue tells it; any type of integer.
    local_path : pathlib.Path, optional
        Where a catalogue says the same file lies on this machine. Carried along; nothing is read from it here.
    checksum : str, optional
        A multihash in hexadecimal, as in STAC's ``file:checksum``. One of a function that is not known here is not
        checked, which the report says.

    Raises
    ------
    SourceInvalid
        When a field cannot be right.

    Examples
    --------
    >>> Item("https://services.terrascope.be/download/a/b.tif?key=1", "b.tif")
    Item('https://services.terrascope.be/download/a/b.tif', name='b.tif', size_bytes=None)
    """

    url: str
    name: str
    size_bytes: int | None = None
    local_path: Path | None = None
    checksum: str | None = None

    def __post_init__(self) -> None:
        _check_type("url", self.url, str)
        _check_type("name", self.name, str)
        _check_type("local_path", self.local_path, Path, type(None))
        _check_type("checksum", self.checksum, str, type(None))
        object.__setattr__(self, "url", _checked_url(self.url))
        _check_name(self.name)
        object.__setattr__(self, "size_bytes", _checked_size(self.name, self.size_bytes))
        if self.checksum is not None:
            read_multihash(self.checksum)

    def __repr__(self) -> str:
        return f"Item({shown(self.url)!r}, name={self.name!r}, size_bytes={self.size_bytes})"


def _check_type(field: str, value: object, *types: type) -> None:
    if not isinstance(value, types):
        raise SourceInvalid(
            f"The {field} of an item is of type {type(value).__name__}.",
            f"It has to be a {types[0].__name__}{' or None' if len(types) > 1 else ''}.",
            "See help(Item).",
        )


def _check_name(name: str) -> None:
    if not name or clean(name) != name:
        raise SourceInvalid(
            f"{quoted(name)!r} cannot be a file's name.",
            "A name has no folder, no control character, no leading dot, no ending that Python imports, "
            f"and {MAX_NAME_BYTES} bytes at most.",
            f"Name it {clean(name)!r}, for example." if clean(name) else "Choose another name.",
        )


def _checked_size(name: str, size_bytes: object) -> int | None:
    """Return a size as a plain integer: catalogues hold those of numpy, too."""
    if size_bytes is None:
        return None
    if isinstance(size_bytes, SupportsIndex) and not isinstance(size_bytes, bool) and index(size_bytes) >= 0:
        return index(size_bytes)
    raise SourceInvalid(
        f"The size of {name} is {quoted(size_bytes, 40)}.", "A size is a whole number of bytes.", "Leave it out."
    )


Source: TypeAlias = "str | Item | Iterable[str | Item]"
"""What `items_from` reads: a URL, an item, or several of them."""


def items_from(source: Source, name: str | None = None) -> list[Item]:
    """Make items of what the user gave.

    Parameters
    ----------
    source : str, Item, or iterable of them
        A URL, an item, or a list, tuple, generator … of them. A set has no order and is read in the order of its
        URLs. White space around a URL (the end of a line) is ignored.
    name : str, optional
        The file's name, for one URL only.

    Returns
    -------
    list of Item
        One for each entry, in their order.

    Raises
    ------
    SourceInvalid
        When an entry is no URL, is not https (http on loopback), or has no file name. The text says which entry.
    UsageError
        When `name` is given and there is not exactly one entry.
    """
    if isinstance(source, (str, Item)):
        return [_item(source, name)]
    if isinstance(source, (bytes, Mapping, Path)) or not isinstance(cast(object, source), Iterable):
        raise _not_a_source(cast(object, source))
    entries: list[object] = list(source)
    if isinstance(source, (set, frozenset)):
        entries.sort(key=lambda entry: entry.url if isinstance(entry, Item) else str(entry))
    if name is not None and len(entries) != 1:
        raise UsageError(
            f"One name was given for {len(entries)} files.", "A name belongs to one URL.", "Leave the name out."
        )
    return [_numbered(number, entry, name) for number, entry in enumerate(entries, start=1)]


def _numbered(number: int, entry: object, name: str | None) -> Item:
    try:
        return _item(entry, name)
    except SourceInvalid as error:
        what, why, do = error.what, error.why, error.do
    raise SourceInvalid(f"Entry {number}: {what}", why, do)


def _item(entry: object, name: str | None) -> Item:
    if isinstance(entry, Item):
        return entry if name is None else replace(entry, name=name)
    if not isinstance(entry, str):
        raise _not_a_source(entry)
    url = entry.strip()
    return Item(url, name if name is not None else _name_from(url))


def _name_from(url: str) -> str:
    name = clean((path_segments(url) or [""])[-1])
    if name:
        return name
    _checked_url(url)
    raise SourceInvalid(
        f"{shown(url)} has no file name.",
        "The last part of the address is empty, too long, or made of dots only.",
        "Give a name: `-o NAME`, name=… or Item(url, name).",
    )


def _checked_url(url: str) -> str:
    """Return a URL without its fragment, or raise `SourceInvalid`."""
    if _SPACE.search(url):
        raise SourceInvalid(
            "There is white space inside a URL.", "An address has none.", "Give several URLs as a list, or write %20."
        )
    if _SURROGATE.search(url):
        raise SourceInvalid(
            f"{shown(url)} has half a character in it.", "No server could be asked for it.", "Copy the address anew."
        )
    if is_secure(url):
        return url.partition("#")[0]
    scheme, separator, _ = url.partition("://")
    if not separator or not scheme.isalnum():
        raise SourceInvalid(
            f"{_excerpt(url)} is not a URL.", "A URL begins with https://.", "Give the whole address of the file."
        )
    if scheme.lower() not in ("https", "http"):
        raise SourceInvalid(
            f"{quoted(scheme, 20)}:// cannot be downloaded from.",
            "Only https is spoken here.",
            "Find its https address.",
        )
    if origin_of(url) is None:
        raise SourceInvalid(
            f"The host in {_excerpt(url)} cannot be read.",
            "User information, unusual characters or a bad port could send your sign-in to the wrong place.",
            "Write https://host/path.",
        )
    raise SourceInvalid(
        f"{shown(url)} is not encrypted.", "Plain http is spoken only on loopback.", "Use its https address."
    )


def _excerpt(text: str) -> str:
    """Quote what was taken for a URL, unless it may hold a password or a signature, or be a token."""
    may_be_secret = "@" in text or "?" in text or text.lstrip().startswith("eyJ")
    return "What you gave" if may_be_secret else repr(quoted(text, 80))


def _not_a_source(thing: object) -> SourceInvalid:
    return SourceInvalid(
        f"A {type(thing).__name__} cannot be downloaded.",
        "A source is a URL, an Item, or several of them.",
        "Give the URL as a string.",
    )
