"""A file that one process at a time writes (floor 4).

The lock is `flock` on the file itself: it leaves no lock file behind in the user's folder, cannot be mistaken about
which file it guards, holds between machines on NFS, and ends with its process, however that ends, and those that it has
forked. On a file system without locks, and on Windows, a file that was written lately counts as another's, unless
it was left in peace (`leave`); and there remains the comparison at the end: the file that gets its name is the one that
was written here.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Sequence
from typing import BinaryIO

from ..errors import TargetInvalid
from .directory import Directory
from .rivals import in_use

if sys.platform != "win32":
    import fcntl

_WRITE: int = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_MOST_AT_ONCE = 512
_LATELY_S = 60.0
"""What was written since then may be written still, where no lock tells."""
_NEW = _WRITE | os.O_CREAT | os.O_EXCL


class LockedFile:
    """A file that is open here and nowhere else, as soon as it is opened.

    Parameters
    ----------
    folder : Directory
        Opened before the file is.
    name : str

    Raises
    ------
    InUse
        From `open_there` and `open_new`: another process, or another thread, writes it.
    OSError
        From every method.
    """

    is_ours = True
    """Of one that is open: it is locked, or was made here. Else another process may write it too."""

    def __init__(self, folder: Directory, name: str) -> None:
        self.name = name
        self._folder = folder
        self._fd: int | None = None

    @property
    def is_open(self) -> bool:
        """True between opening and `close`."""
        return self._fd is not None

    def open_there(self) -> bool:
        """Open the file that is there; False where there is none. A link of any kind or a device is refused."""
        if not self._folder.had(self.name):
            return False
        try:
            return self._open_there()
        except FileNotFoundError:
            # it went a moment ago
            return False

    def _open_there(self) -> bool:
        status = self._status()
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise TargetInvalid(
                f"{self.name} is there and is not a regular file of its own.",
                "It cannot be written safely.",
                "Remove it.",
            )
        self._open(_WRITE)
        if not self.is_ours and abs(time.time() - status.st_mtime) < _LATELY_S:
            self.close()
            raise in_use(self.name, self._trace())
        return True

    def open_new(self) -> None:
        """Make the file; one that is there already is another's."""
        self._open(_NEW)

    def _open(self, flags: int) -> None:
        try:
            self._fd = os.open(self._folder.at(self.name), flags, 0o666, dir_fd=self._folder.fd)
            lock = _lock(self._fd)
            self.is_ours = lock is True or flags == _NEW
            locked = lock is not False and self.is_in_place()
        except FileExistsError:
            locked = False
        if not locked:
            self.close()
            raise in_use(self.name, self._trace())

    def _trace(self) -> tuple[int, ...] | None:
        with contextlib.suppress(OSError):
            status = self._status()
            return status.st_ino, status.st_size, status.st_mtime_ns
        return None

    @property
    def fd(self) -> int:
        """The descriptor."""
        if self._fd is None:
            raise ValueError("it is not open")
        return self._fd

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return os.fstat(self.fd).st_size

    @property
    def is_removed(self) -> bool:
        """True when it has no name any more, as far as its system tells."""
        return os.fstat(self.fd).st_nlink == 0

    def is_in_place(self) -> bool:
        """Tell whether the file that is open here is the one that has the name."""
        try:
            return self._fd is not None and os.path.samestat(os.fstat(self._fd), self._status())
        except FileNotFoundError:
            return False

    def _status(self) -> os.stat_result:
        return os.stat(self._folder.at(self.name), dir_fd=self._folder.fd, follow_symlinks=False)

    def rename(self, name: str) -> None:
        """Give it another name, at once, in the place of whatever bears that."""
        self._close_on_windows()
        fd = self._folder.fd
        os.replace(self._folder.at(self.name), self._folder.at(name), src_dir_fd=fd, dst_dir_fd=fd)

    def remove(self) -> None:
        """Remove it; only where `is_in_place`."""
        self._close_on_windows()
        os.unlink(self._folder.at(self.name), dir_fd=self._folder.fd)

    def write_at(self, position: int, chunks: Sequence[bytes]) -> None:
        """Write bytes at a position, in one call of the system where that is possible."""
        if sys.platform == "linux" and len(chunks) <= _MOST_AT_ONCE:
            written = os.pwritev(self.fd, chunks, position)
            if written == sum(map(len, chunks)):
                return
            # not all of it: the disk is full, or nearly
        rest = memoryview(b"".join(chunks))
        while rest:
            written = _pwrite(self.fd, rest, position)
            position += written
            rest = rest[written:]

    def reading(self) -> BinaryIO:
        """Return it as a file to read from, which leaves it open here when it is closed."""
        return open(self.fd, "rb", closefd=False)

    def leave(self) -> None:
        """Say that it is not written any more, so that a later process needs not wait to see that; before `close`."""
        if _lock(self.fd) is None:
            os.utime(self._folder.at(self.name), (0, 0), dir_fd=self._folder.fd)

    def _close_on_windows(self) -> None:
        # where no open file can be renamed or removed
        if sys.platform == "win32":
            self.close()

    def close(self) -> None:
        """Let others have it."""
        fd, self._fd = self._fd, None
        if fd is not None:
            _unlock(fd)
            os.close(fd)


def _pwrite(fd: int, data: memoryview, position: int) -> int:
    if sys.platform == "win32":
        os.lseek(fd, position, os.SEEK_SET)
        return os.write(fd, data)
    return os.pwrite(fd, data, position)


def _lock(fd: int) -> bool | None:
    """Lock a file for this process alone; return False when another has it, None where there are no locks."""
    if sys.platform != "win32":
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # this file system has none
            return None
        return True
    return None


def _unlock(fd: int) -> None:
    """Let go of a file although a process forked meanwhile (as those of multiprocessing are) has it open too."""
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_UN)
