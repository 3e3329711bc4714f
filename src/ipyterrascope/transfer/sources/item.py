"""One thing to fetch (floor 4)."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from operator import index
from pathlib import Path
from typing import SupportsIndex

from ...errors import SourceInvalid, quoted
from ...values.hosts import is_secure, origin_of
from ..checksums import read_multihash
from ..names import MAX_NAME_BYTES, clean, shown

_SPACE = re.compile(r"[\s\x00-\x1f\x7f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT = (str, type(None))
_SPOKEN = ("https", "http")
# what nearly all addresses are, and what the longer look below would let through as it is
_PLAIN = re.compile(r'https://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,3}|:[1-5][0-9]{4})?/[!"$-~]*')


@dataclass(frozen=True, repr=False, slots=True)
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
    local_path : str or pathlib.Path, optional
        Where a catalogue says the same file lies on this machine. Nothing is read from it here.
    checksum : str, optional
        A multihash in hexadecimal, as in STAC's ``file:checksum``. One of a function that is not known here is not
        checked, which the report says.
    folder : str
        Where it belongs below the target folder, with ``/`` between folders; empty for the target folder itself.

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
    local_path: str | Path | None = None
    checksum: str | None = None
    folder: str = ""

    def __post_init__(self) -> None:
        # asked in one go, for there are a hundred thousand of them; texts of other classes are asked for one by one
        texts = type(self.url) is type(self.name) is type(self.folder) is str
        if not texts or type(self.local_path) not in _TEXT or type(self.checksum) not in _TEXT:
            self._check_types()
        if not _PLAIN.fullmatch(self.url):
            object.__setattr__(self, "url", checked_url(self.url))
        _check_name(self.name)
        if type(self.size_bytes) is not int or self.size_bytes < 0:
            object.__setattr__(self, "size_bytes", _checked_size(self.name, self.size_bytes))
        if self.checksum is not None:
            read_multihash(self.checksum)
        if self.folder:
            for segment in self.folder.split("/"):
                _check_name(segment)

    def __hash__(self) -> int:
        # that of a text is kept in it, and items are looked up again and again
        return hash(self.url)

    def _check_types(self) -> None:
        _check_type("url", self.url, str)
        _check_type("name", self.name, str)
        _check_type("local_path", self.local_path, Path, str, type(None))
        _check_type("checksum", self.checksum, str, type(None))
        _check_type("folder", self.folder, str)

    def __repr__(self) -> str:
        return f"Item({shown(self.url)!r}, name={self.name!r}, size_bytes={self.size_bytes})"


@dataclass(frozen=True, repr=False, slots=True)
class Unusable(Item):
    """What a catalogue names without an address: among others it fails alone, by its `error`."""

    error: SourceInvalid = field(kw_only=True, compare=False)

    def __post_init__(self) -> None:
        """Check nothing: that was done."""

    def __hash__(self) -> int:
        # nearly all addresses are empty
        return hash(self.name)


def _check_type(field: str, value: object, *types: type) -> None:
    if not isinstance(value, types):
        raise SourceInvalid(
            f"The {field} of an item is of type {type(value).__name__}.",
            f"It has to be a {types[0].__name__}{' or None' if type(None) in types else ''}.",
            "See help(Item).",
        )


def _check_name(name: str) -> None:
    if not name or clean(name) != name:
        *folders, last = re.split(r"[/\\]", name)
        do = f"Name it {clean(name)!r}, for example." if clean(name) else "Choose another name."
        if folders or name in (".", ".."):
            do = f"Give the folder apart (`-d DIR`, folder=…){clean(last) and f', and name it {clean(last)!r}'}."
        raise SourceInvalid(
            f"{quoted(name)!r} cannot be a file's name.",
            "A name has no folder, no control character, no leading dot, no ending that Python imports, "
            f"and {MAX_NAME_BYTES} bytes at most.",
            do,
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


def checked_url(url: str) -> str:
    """Return a URL without its fragment.

    Raises
    ------
    SourceInvalid
        When nothing can be fetched from it.
    """
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
            f"{_excerpt(url)} is not a URL.",
            "A URL begins with https://.",
            "Give the whole address of the file. A list or a STAC file on this machine is written @FILE.",
        )
    if scheme.lower() not in _SPOKEN:
        is_misspelt = difflib.get_close_matches(scheme.lower(), _SPOKEN, cutoff=0.7)
        raise SourceInvalid(
            f"{quoted(scheme, 20)}:// cannot be downloaded from.",
            "Only https is spoken here.",
            "Did you mean https://?" if is_misspelt else "Find its https address.",
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
