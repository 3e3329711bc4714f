"""The unfinished file beside its target, which a later run can go on with (floor 4).

``<name>.part`` holds what came so far, ``<name>.part.json`` what it is a part of. A part with bytes in it is described
by the journal beside it, at any moment, also that of a `kill -9`, or it is not ours; a part that is not ours is left
alone. What is not known to be one content (the server gave no strong validator) is removed as soon as the transfer
stops.

Who writes a part holds a lock on it, so that of several notebooks, threads or machines only one does; the others fail
and touch nothing. The lock is `flock` on the part itself: it leaves no lock file behind in the user's folder, cannot be
mistaken about which file it guards, holds between machines on NFS, and ends with its process however that ends. On a
file system without locks, and on Windows, there remains the comparison at the end: the file that gets its name is the
one that was written here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path

from ..errors import ContentInvalid, TargetInvalid
from .checksums import matches
from .folder import writing_to
from .journal import Journal, read_journal
from .names import JOURNAL, PART

if sys.platform != "win32":
    import fcntl

_WRITE: int = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_NEW = _WRITE | os.O_CREAT | os.O_EXCL
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Partial:
    """The unfinished file of one target, and its journal. Use it in a `with` block, from one thread.

    Parameters
    ----------
    target : pathlib.Path
        Where the whole file goes.
    url : str
        What is fetched; a part of anything else is started anew.
    overwrite : bool
        Whether a file at `target` may be replaced. Without it, also one that came there meanwhile stays.

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

    def __init__(self, target: Path, url: str, *, overwrite: bool = False) -> None:
        self.offset = 0
        self.journal: Journal | None = None
        self._target = target
        self._part = target.with_name(target.name + PART)
        self._journal_path = target.with_name(target.name + JOURNAL)
        self._url = url
        self._overwrite = overwrite
        self._fd: int | None = None
        self._began = False

    def __enter__(self) -> Partial:
        try:
            with writing_to(self._part):
                self._take_what_is_there()
        except BaseException:
            self._close()
            raise
        return self

    def _take_what_is_there(self) -> None:
        try:
            is_regular = stat.S_ISREG(self._part.lstat().st_mode)
        except FileNotFoundError:
            return
        if not is_regular:
            raise TargetInvalid(
                f"{self._part.name} is there and is not a regular file.", "It cannot be written safely.", "Remove it."
            )
        self._open(_WRITE)
        part_bytes, journal = self._part_bytes(), read_journal(self._journal_path)
        if part_bytes and journal is None and not self._journal_path.exists():
            raise TargetInvalid(
                f"{self._part.name} is there and was not made by this program.",
                "It may be another program's download in progress.",
                "Remove it, or choose another folder.",
            )
        if part_bytes and journal and journal.is_of(self._url):
            self.offset, self.journal = journal.usable_bytes(part_bytes), journal

    def __exit__(self, *_: object) -> None:
        usable = self.offset and self.journal and self.journal.validator
        # what brought us here matters more than a part that cannot be removed
        with contextlib.suppress(OSError, TargetInvalid):
            if self._began and not usable:
                self.discard()
            self._close()

    def begin(self, validator: str | None, size_bytes: int | None) -> None:
        """Start anew with a content that `validator` names; what was there is dropped."""
        self._check_target()
        with writing_to(self._part):
            if self._fd is None:
                self._part.parent.mkdir(parents=True, exist_ok=True)
            fd = self._fd if self._fd is not None else self._open(_NEW)
            self._began = True
            # empty before its journal tells of another content
            os.ftruncate(fd, 0)
            os.lseek(fd, 0, os.SEEK_SET)
            self.offset, self.journal = 0, Journal.of(self._url, validator, size_bytes)
            self.journal.write(self._journal_path)

    def resume(self) -> None:
        """Go on at `offset`, which is above 0."""
        self._check_target()
        with writing_to(self._part):
            os.lseek(self._opened(), self.offset, os.SEEK_SET)

    def write(self, chunk: bytes) -> None:
        """Add bytes at `offset`. Only after `begin` or `resume`."""
        fd, rest = self._opened(), memoryview(chunk)
        with writing_to(self._part):
            try:
                while rest:
                    written = os.write(fd, rest)
                    self.offset += written
                    rest = rest[written:]
            except OSError as error:
                if error.errno in _FULL and (self.journal is None or self.journal.size_bytes is None):
                    # nobody knows how much room it needs, and it keeps what room there was from all others
                    self.discard()
                raise

    def finish(self, checksum: str | None) -> None:
        """Check what is there and give it its name at once.

        Raises
        ------
        ContentInvalid
            When the checksum is another, or somebody else wrote to the part.
        """
        with writing_to(self._target):
            if not self._is_in_place() or self._part_bytes() != self.offset:
                self.discard()
                raise ContentInvalid(
                    f"{self._part.name} changed while it was written.",
                    "Something else wrote to it, or put another file in its place.",
                    "Run one download at a time, and try again.",
                )
            if checksum is not None and not self._matches(checksum):
                self.discard()
                raise ContentInvalid(
                    f"{self._target.name} has another checksum than the catalogue says.",
                    "It was damaged on the way, or the catalogue is out of date.",
                    "Try again; if it stays so, tell the provider.",
                )
            self._check_target()
            self._close_for_windows()
            os.replace(self._part, self._target)
            self._journal_path.unlink(missing_ok=True)
            # what may lie there from now on is another process's
            self._began = False
            self._close()

    def discard(self) -> None:
        """Remove part and journal, where they are ours."""
        with writing_to(self._part):
            if self._is_in_place():
                self._close_for_windows()
                self._part.unlink(missing_ok=True)
                self._journal_path.unlink(missing_ok=True)
            self._close()
        self.offset, self.journal = 0, None

    def _open(self, flags: int) -> int:
        """Open the part and lock it."""
        try:
            self._fd = os.open(self._part, flags, 0o666)
            locked = _lock(self._fd) and self._is_in_place()
        except FileExistsError:
            locked = False
        if not locked:
            self._close()
            raise TargetInvalid(
                f"{self._part.name} is in use: another download is writing it.",
                "It may be that of another notebook, or of another person.",
                "Wait until it has ended, or choose another folder.",
            )
        return self._opened()

    def _opened(self) -> int:
        if self._fd is None:
            raise ValueError("only after begin() or resume()")
        return self._fd

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            _unlock(fd)
            os.close(fd)

    def _close_for_windows(self) -> None:
        """Let go of the part where no open file can be renamed or removed."""
        if sys.platform == "win32":
            self._close()

    def _part_bytes(self) -> int:
        return os.fstat(self._opened()).st_size

    def _matches(self, checksum: str) -> bool:
        with open(self._opened(), "rb", closefd=False) as file:
            return matches(file, checksum)

    def _is_in_place(self) -> bool:
        """Tell whether the file that is open here is the one that has the part's name."""
        try:
            return self._fd is not None and os.path.samestat(os.fstat(self._fd), self._part.lstat())
        except FileNotFoundError:
            return False

    def _check_target(self) -> None:
        if not self._overwrite and os.path.lexists(self._target):
            raise TargetInvalid(
                f"Another file {self._target.name} came there meanwhile.",
                "Perhaps another notebook fetched it.",
                "Run this again to compare them, or allow overwriting (`--overwrite`, overwrite=True).",
            )


def _lock(fd: int) -> bool:
    """Lock a file for this process alone; return False when another has it. Where there are no locks, return True."""
    if sys.platform != "win32":
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # this file system has none
            return True
    return True


def _unlock(fd: int) -> None:
    """Let go of a file although a process forked meanwhile (as those of multiprocessing are) has it open too."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_UN)
