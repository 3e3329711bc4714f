"""The unfinished file beside its target, and the journal that makes it usable later (floor 4).

``<name>.part`` holds what came so far, ``<name>.part.json`` what it is a part of. The journal is written before the
part is made and removed after it, so at any moment, also that of a `kill -9`, a part is described by the journal beside
it or is not ours. A part that is not ours is left alone. What is not known to be one content (the server gave no strong
validator) is removed as soon as the transfer stops.

Nothing locks a part yet: of two processes that fetch the same file at once, the check at the end fails one or both.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from ..errors import ContentInvalid, TargetInvalid
from .checksums import matches
from .folder import writing_to
from .names import JOURNAL, PART, shown

_SAFELY: int = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_READ = os.O_RDONLY | _SAFELY
_WRITE = os.O_WRONLY | _SAFELY
_NEW = _WRITE | os.O_CREAT | os.O_EXCL
_MAX_JOURNAL_BYTES = 65536


@dataclass(frozen=True)
class Journal:
    """What a part is a part of. The hash is of the whole URL, whose query may be a secret and is not stored."""

    url: str
    url_sha256: str
    validator: str | None
    size_bytes: int | None


class Partial:
    """The unfinished file of one target, and its journal. Use it in a `with` block, from one thread.

    Parameters
    ----------
    target : pathlib.Path
        Where the whole file goes.
    url : str
        What is fetched; a part of anything else is started anew.

    Attributes
    ----------
    offset : int
        How many bytes of the file are there.
    journal : Journal or None
        None before the first byte of a transfer that cannot be resumed.

    Raises
    ------
    TargetInvalid
        From every method: when the folder or the part cannot be written, or the part is not ours.
    """

    def __init__(self, target: Path, url: str) -> None:
        self.offset = 0
        self.journal: Journal | None = None
        self._target = target
        self._part = target.with_name(target.name + PART)
        self._journal_path = target.with_name(target.name + JOURNAL)
        self._url = url
        self._fd: int | None = None
        self._began = False

    def __enter__(self) -> Partial:
        with writing_to(self._part):
            part_bytes = self._part_bytes()
        journal = _read_journal(self._journal_path)
        if part_bytes is not None and journal is None and not self._journal_path.exists():
            raise TargetInvalid(
                f"{self._part.name} is there and was not made by this program.",
                "It may be another program's download in progress.",
                "Remove it, or choose another folder.",
            )
        if part_bytes and journal and journal.url_sha256 == _sha256(self._url):
            self.offset, self.journal = _usable_bytes(part_bytes, journal.size_bytes), journal
        return self

    def __exit__(self, *_: object) -> None:
        usable = self.offset and self.journal and self.journal.validator
        # what brought us here matters more than a part that cannot be removed
        with contextlib.suppress(OSError, TargetInvalid):
            self._close()
            if self._began and not usable:
                self.discard()

    def begin(self, validator: str | None, size_bytes: int | None) -> None:
        """Start anew with a content that `validator` names; what was there is dropped."""
        with writing_to(self._part):
            self.discard()
            self._part.parent.mkdir(parents=True, exist_ok=True)
            self._began = True
            self.journal = Journal(shown(self._url), _sha256(self._url), validator, size_bytes)
            with os.fdopen(os.open(self._journal_path, _NEW, 0o666), "w", encoding="utf-8") as file:
                json.dump(asdict(self.journal), file)
            self._fd = os.open(self._part, _NEW, 0o666)

    def resume(self) -> None:
        """Go on at `offset`."""
        with writing_to(self._part):
            if self._fd is None:
                self._fd = os.open(self._part, _WRITE)
            os.lseek(self._fd, self.offset, os.SEEK_SET)

    def write(self, chunk: bytes) -> None:
        """Add bytes at `offset`. Only after `begin` or `resume`."""
        if self._fd is None:
            raise ValueError("write() before begin() or resume()")
        rest = memoryview(chunk)
        with writing_to(self._part):
            while rest:
                written = os.write(self._fd, rest)
                self.offset += written
                rest = rest[written:]

    def finish(self, checksum: str | None) -> None:
        """Check what is there and give it its name at once; a file of that name is replaced.

        Raises
        ------
        ContentInvalid
            When the checksum is another, or somebody else wrote to the part.
        """
        with writing_to(self._target):
            self._close()
            if self._part_bytes() != self.offset:
                self.discard()
                raise ContentInvalid(
                    f"{self._part.name} changed while it was written.",
                    "Perhaps another download writes the same file.",
                    "Run one at a time, and try again.",
                )
            if checksum is not None and not matches(self._part, checksum):
                self.discard()
                raise ContentInvalid(
                    f"{self._target.name} has another checksum than the catalogue says.",
                    "It was damaged on the way, or the catalogue is out of date.",
                    "Try again; if it stays so, tell the provider.",
                )
            os.replace(self._part, self._target)
            self._journal_path.unlink(missing_ok=True)
            # what may lie there from now on is another process's
            self._began = False

    def discard(self) -> None:
        """Remove part and journal."""
        with writing_to(self._part):
            self._close()
            self._part.unlink(missing_ok=True)
            self._journal_path.unlink(missing_ok=True)
        self.offset, self.journal = 0, None

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _part_bytes(self) -> int | None:
        """Return the size of the part, or None where there is none."""
        try:
            status = self._part.lstat()
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(status.st_mode):
            raise TargetInvalid(
                f"{self._part.name} is there and is not a regular file.", "It cannot be written safely.", "Remove it."
            )
        return status.st_size


def _usable_bytes(part_bytes: int, size_bytes: int | None) -> int:
    """Return where to go on; one byte at least is asked for, so that the answer proves the content to be the same."""
    if size_bytes is None or part_bytes < size_bytes:
        return part_bytes
    return size_bytes - 1 if part_bytes == size_bytes else 0


def _read_journal(path: Path) -> Journal | None:
    """Read a journal; None where there is none, or it cannot be read (a kill may have cut it)."""
    try:
        with os.fdopen(os.open(path, _READ), "rb") as file:
            fields: object = json.loads(file.read(_MAX_JOURNAL_BYTES))
    except (OSError, ValueError):
        return None
    if not isinstance(fields, dict):
        return None
    read = cast("dict[str, object]", fields)
    url, url_sha256, validator, size_bytes = (read.get(key) for key in ("url", "url_sha256", "validator", "size_bytes"))
    if not isinstance(url, str) or not isinstance(url_sha256, str):
        return None
    if not isinstance(validator, str) or not isinstance(size_bytes, int | None):
        return None
    return Journal(url, url_sha256, validator, size_bytes)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
