"""Lists of addresses, as aria2 reads them (floor 4; "Input File" in aria2's manual).

A line is an address; mirrors of it may follow on the same line behind tabs, and the first that is spoken here is used.
An indented line below it is an option of that file: ``out=NAME`` says how it is called, ``dir=FOLDER`` where it belongs
below the target folder, ``checksum=sha-256=…`` what it has to match. aria2's other options are not followed, which a
warning says. Lines that are empty or begin with ``#`` are none.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ...errors import SourceInvalid, quoted
from ...values.hosts import is_secure
from ..checksums import multihash_of
from .item import Item

_OPTION = re.compile(r"\s+([a-z][a-z0-9-]*)=(.*)", re.DOTALL)
# as aria2 calls them, and as hashlib does
_FUNCTIONS = {"sha-1": "sha1", "sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512", "md5": "md5"}


@dataclass
class _Line:
    """A line with its mirrors, and the options below it."""

    number: int
    words: list[str]
    options: dict[str, str] = field(default_factory=dict[str, str])
    numbers: dict[str, int] = field(default_factory=dict[str, int])
    at: int = 0
    """The line that is looked at: its own, or that of an option."""

    def __post_init__(self) -> None:
        self.at = self.number

    def _option(self, name: str) -> str:
        self.at = self.numbers.get(name, self.number)
        return self.options.get(name, "")

    @property
    def name(self) -> str | None:
        """How the file shall be called, if that is said."""
        parts = _parts("out", self._option("out"))
        self.at = self.number
        return parts[-1] if parts else None

    def placed(self, item: Item) -> Item:
        """Return an item as the options have it; its name is right already.

        Raises
        ------
        SourceInvalid
            An option cannot be right.
        """
        if not self.options:
            return item
        within = _parts("out", self._option("out"))[:-1]
        folder = "/".join(filter(None, (item.folder, *_parts("dir", self._option("dir")), *within)))
        placed = replace(item, folder=folder)
        if "checksum" in self.options:
            function, _, digest = self._option("checksum").partition("=")
            placed = replace(placed, checksum=multihash_of(_FUNCTIONS.get(function.strip().lower(), function), digest))
        self.at = self.number
        return placed


def _read(texts: Iterable[str]) -> Iterator[_Line]:
    """Read a list; warn of options that are not followed.

    Raises
    ------
    SourceInvalid
        An option has no address above it.
    """
    line: _Line | None = None
    ignored: dict[str, None] = {}
    for number, text in enumerate(texts, start=1):
        option = _OPTION.fullmatch(text.rstrip())
        if option and line is None:
            raise SourceInvalid(f"Line {number} is an option, and there is no address above it.", "", "Write it first.")
        if option and line and option[1] in ("out", "dir", "checksum"):
            line.options[option[1]], line.numbers[option[1]] = option[2].strip(), number
        elif option:
            # its value may be a secret: a header, a password
            ignored[option[1]] = None
        elif (text := text.strip()) and not text.startswith("#"):
            if line:
                yield line
            line = _Line(number, [word for part in text.split("\t") if (word := part.strip())])
    if line:
        yield line
    if ignored:
        warnings.warn(f"aria2's options {', '.join(ignored)} are not followed here.", stacklevel=2)


def _as_it_is(word: str) -> object:
    return word


@dataclass(frozen=True)
class Lines:
    """A list that is still to be read; `resolve` tells what a word in it stands for, if not for itself, and `where` it
    stands."""

    texts: Sequence[str]
    resolve: Callable[[str], object] = _as_it_is
    where: str = ""

    def items(self, items_of: Callable[[object, str | None], Iterable[Item]]) -> Iterator[Item]:
        """Yield what there is to fetch.

        Parameters
        ----------
        items_of : callable
            Makes items of what a word stands for, and of the name they shall have if not their own.

        Raises
        ------
        SourceInvalid
            A line cannot be right. The text says which.
        """
        for line in _read(self.texts):
            try:
                source = _spoken([self.resolve(word) for word in line.words])
                placed = [line.placed(item) for item in items_of(source, line.name)]
            except SourceInvalid as error:
                what, why, do = error.what, error.why, error.do
            else:
                yield from placed
                continue
            raise SourceInvalid(f"Line {line.at}{self.where and f' of {self.where}'}: {what}", why, do)


def _spoken(mirrors: list[object]) -> object:
    return next((mirror for mirror in mirrors if not isinstance(mirror, str) or is_secure(mirror)), mirrors[0])


def _parts(option: str, path: str) -> list[str]:
    """Return the folders and the name of a path that has to stay below the target folder."""
    if path.startswith("/") or ".." in path.split("/"):
        raise SourceInvalid(
            f"`{option}` leads out of the target folder.", f"It is {quoted(path, 80)!r}.", "Write a path below it."
        )
    return [part for part in path.split("/") if part not in ("", ".")]
