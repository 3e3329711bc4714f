"""A small file on its way: it has no name until it is whole, so that a kill leaves nothing behind (floor 4).

Only where it is stopped on its way by us, `Partial` writes down what came.

It is in memory until all of it is there, and then in a file without a name, where the system has such, until it gets
its own.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from operator import itemgetter

from .directory import Directory

SMALL_BYTES = 1 << 20
"""What is not longer is kept in memory until it is whole."""

_CAN = hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd")
_MOST_AT_ONCE = 512
_TOLD = (errno.ENOSPC, errno.EDQUOT)


class SmallFile:
    """A small file of a known size.

    Parameters
    ----------
    folder : Directory
        Where it is going to be.
    size_bytes : int

    Raises
    ------
    TargetInvalid, OSError
        From `write_at` and `give_name`: the folder cannot be written, or the disk is full.
    """

    __slots__ = ("_fd", "_folder", "_written", "size_bytes")

    def __init__(self, folder: Directory, size_bytes: int) -> None:
        self._folder, self.size_bytes = folder, size_bytes
        self._written: list[tuple[int, Sequence[bytes]]] = []
        self._fd: int | None = None

    @property
    def is_down(self) -> bool:
        """True when all of it is in a file, and nothing of it needed any more."""
        return self._fd is not None

    def write_at(self, position: int, chunks: Sequence[bytes]) -> None:
        """Take bytes for a position."""
        self._written.append((position, chunks))
        if sum(map(len, chunks)) == self.size_bytes:
            # at once, while the processor still has them at hand
            self._put_down()

    def unfinished(self) -> list[tuple[int, Sequence[bytes]]]:
        """Return what came, each with its position; nothing once it was put down whole."""
        return list(self._written)

    def content(self) -> Sequence[bytes]:
        """Return what came, in order."""
        if self._fd is not None:
            return [os.pread(self._fd, self.size_bytes, 0)]
        return [chunk for _, chunks in sorted(self._written, key=itemgetter(0)) for chunk in chunks]

    def give_name(self, name: str) -> bool:
        """Put it into the folder, whole; False, with nothing done, where the system or the file system cannot, or
        something bears the name already: it is never replaced.
        """
        if self._fd is None:
            self._put_down()
        if self._fd is None:
            return False
        try:
            os.link(f"/proc/self/fd/{self._fd}", name, dst_dir_fd=self._folder.fd, follow_symlinks=True)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno in _TOLD:
                raise
            return False
        return True

    def close(self) -> None:
        """Let go of it; without a name it is gone."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _put_down(self) -> None:
        self._folder.make()
        if not _CAN or self._folder.fd is None:
            return
        chunks = self.content() if len(self._written) != 1 else self._written[0][1]
        if len(chunks) > _MOST_AT_ONCE:
            chunks = [b"".join(chunks)]
        try:
            self._fd = os.open(os.curdir, os.O_RDWR | os.O_TMPFILE, 0o666, dir_fd=self._folder.fd)
            if chunks and os.writev(self._fd, chunks) != self.size_bytes:
                self.close()
        except OSError as error:
            self.close()
            if error.errno in _TOLD:
                raise
        if self._fd is not None:
            self._written.clear()
