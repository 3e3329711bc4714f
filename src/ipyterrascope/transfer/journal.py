"""The journal beside an unfinished file: what it is a part of, and which bytes are there (floor 4).

Its first line says what, each line after it one range that was written. Lines are only added, so that writing one costs
nothing that matters, and a kill can cut the last one at most. What the system has not written to the disk yet survives
a kill, but no power cut: after another start of the machine only the ranges before a line "synced" count.

It is read as what a stranger may have written: what is not exactly what we would have written is not believed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import cast

from .answers import is_validator
from .names import shown
from .pieces import Range, joined

_SAFELY: int = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_MAX_BYTES = 64 << 20
_RANGE = re.compile(r"([0-9]{1,18}) ([0-9]{1,18})")
_SYNCED = "synced"
_BEGINNING = b'{"url": '


@dataclass(frozen=True)
class Journal:
    """What a part is a part of. The hash is of the whole URL, whose query may be a secret and is not stored.

    `boot` names the start of the machine in which it was written; `done` is what is there.
    """

    url: str
    url_sha256: str
    validator: str | None
    size_bytes: int | None
    boot: str = ""
    done: tuple[Range, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, url: str, validator: str | None, size_bytes: int | None) -> Journal:
        """Return the journal of a content of `url` that `validator` names."""
        return cls(shown(url), _sha256(url), validator, size_bytes, boot_id())

    def is_of(self, url: str) -> bool:
        """Tell whether it is the journal of exactly this URL."""
        return self.url_sha256 == _sha256(url)

    def usable(self, part_bytes: int) -> list[Range]:
        """Return what of a part of that size can be gone on with: never all of it, so that the answer proves it, and
        nothing of one that is longer than its file, for something else wrote to it."""
        if self.size_bytes is not None and part_bytes > self.size_bytes:
            return []
        done = [(start, min(end, part_bytes)) for start, end in self.done]
        if self.size_bytes is not None:
            done = [(start, min(end, self.size_bytes - 1)) for start, end in done]
        return joined(done)

    def head(self) -> bytes:
        """Return its first line."""
        fields = asdict(self)
        del fields["done"]
        return json.dumps(fields).encode() + b"\n"


class JournalFile:
    """A journal that is being written, in the place of whatever is at `path`; a link is replaced, not followed.

    Parameters
    ----------
    path : str or path
        Of the file, or its name in the folder of which `dir_fd` is the descriptor.
    journal : Journal
    dir_fd : int, optional
    """

    def __init__(self, path: str | os.PathLike[str], journal: Journal, dir_fd: int | None = None) -> None:
        with suppress(FileNotFoundError):
            os.unlink(path, dir_fd=dir_fd)
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | _SAFELY, 0o666, dir_fd=dir_fd)
        lines = [f"{start} {end}\n".encode() for start, end in journal.done]
        try:
            os.write(self._fd, journal.head() + b"".join(lines))
        except BaseException:
            self.close()
            raise

    def add(self, start: int, end: int) -> None:
        """Say that these bytes were written."""
        os.write(self._fd, f"{start} {end}\n".encode())

    def synced(self) -> None:
        """Say that all that was added so far is on the disk."""
        os.write(self._fd, f"{_SYNCED}\n".encode())

    def is_at(self, path: str | os.PathLike[str], dir_fd: int | None = None) -> bool:
        """Tell whether it is still what lies there."""
        try:
            return os.path.samestat(os.fstat(self._fd), os.stat(path, dir_fd=dir_fd, follow_symlinks=False))
        except OSError:
            return False

    def close(self) -> None:
        """Write no more."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def is_journal(path: str | os.PathLike[str], dir_fd: int | None = None) -> bool:
    """Tell whether a file is a journal of ours, be it one that cannot be gone on with."""
    fields, _ = _read(path, dir_fd)
    return {"url", "url_sha256", "boot"} <= fields.keys()


def is_of_another_file(path: str | os.PathLike[str], dir_fd: int | None, url: str) -> bool:
    """Tell whether a journal says that its part is of another address than this one, however that is signed."""
    there = _read(path, dir_fd)[0].get("url")
    return isinstance(there, str) and there != shown(url)


def may_be_torn(path: str | os.PathLike[str], dir_fd: int | None = None) -> bool:
    """Tell whether a file may be what a kill, a full disk or a power cut left of a journal of ours."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | _SAFELY, dir_fd=dir_fd), "rb") as file:
            # what never came to the disk reads as zeros, or is missing
            head = file.read(len(_BEGINNING)).rstrip(b"\0")
    except OSError:
        return False
    return _BEGINNING.startswith(head)


def read_journal(path: str | os.PathLike[str], dir_fd: int | None = None) -> Journal | None:
    """Read a journal; None where there is none, or it cannot be believed (a kill may have cut it)."""
    read, lines = _read(path, dir_fd)
    url, url_sha256, validator, size_bytes, boot = (
        read.get(key) for key in ("url", "url_sha256", "validator", "size_bytes", "boot")
    )
    if not isinstance(url, str) or not isinstance(url_sha256, str) or not isinstance(boot, str):
        return None
    # a part is only kept with a validator
    if not isinstance(validator, str) or not is_validator(validator):
        return None
    if size_bytes is not None and (type(size_bytes) is not int or size_bytes < 0):
        return None
    done = _ranges(lines, size_bytes, only_synced=boot != boot_id())
    return Journal(url, url_sha256, validator, size_bytes, boot, done)


def _read(path: str | os.PathLike[str], dir_fd: int | None) -> tuple[dict[str, object], bytes]:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | _SAFELY, dir_fd=dir_fd), "rb") as file:
            head, _, lines = file.read(_MAX_BYTES).partition(b"\n")
            fields: object = json.loads(head)
    except (OSError, ValueError, RecursionError):
        return {}, b""
    return (cast("dict[str, object]", fields), lines) if isinstance(fields, dict) else ({}, b"")


def _ranges(lines: bytes, size_bytes: int | None, *, only_synced: bool) -> tuple[Range, ...]:
    done: list[Range] = []
    synced = 0
    # what stands behind the last line's end was cut
    for line in lines.decode("latin-1").split("\n")[:-1]:
        match = _RANGE.fullmatch(line)
        if match is None:
            if line != _SYNCED:
                break
            synced = len(done)
            continue
        start, end = int(match[1]), int(match[2])
        if not start < end or (size_bytes is not None and end > size_bytes):
            break
        done.append((start, end))
    return tuple(joined(done[:synced] if only_synced else done))


@cache
def boot_id() -> str:
    """Return what names this start of the machine; empty where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
