"""A small file that has no name until it is whole, so that a kill leaves nothing behind (floor 4)."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

_CAN = hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd")
_MOST_AT_ONCE = 512
_TOLD = (errno.ENOSPC, errno.EDQUOT, errno.EEXIST)


def place(target: Path, chunks: Sequence[bytes]) -> bool:
    """Write a file at once; return False, with nothing done, where the system or the file system cannot.

    Raises
    ------
    OSError
        The disk is full, or something bears the name already (`FileExistsError`): it is never replaced.
    """
    if not _CAN:
        return False
    if not 0 < len(chunks) <= _MOST_AT_ONCE:
        chunks = [b"".join(chunks)]
    try:
        fd = _opened(target.parent)
    except OSError:
        return False
    try:
        if os.writev(fd, chunks) != sum(map(len, chunks)):
            return False
        # Python follows the link to the open file only with a descriptor beside it, which such a path makes no use of
        os.link(f"/proc/self/fd/{fd}", target, src_dir_fd=fd, follow_symlinks=True)
    except OSError as error:
        if error.errno in _TOLD:
            raise
        return False
    finally:
        os.close(fd)
    return True


def _opened(folder: Path) -> int:
    try:
        return os.open(folder, os.O_WRONLY | os.O_TMPFILE, 0o666)
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder, os.O_WRONLY | os.O_TMPFILE, 0o666)
