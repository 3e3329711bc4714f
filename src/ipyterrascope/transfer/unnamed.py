"""A small file that has no name until it is whole, so that a kill leaves nothing behind (floor 4)."""

from __future__ import annotations

import errno
import os
from pathlib import Path

_CAN = hasattr(os, "O_TMPFILE") and os.path.isdir("/proc/self/fd")
_TOLD = (errno.ENOSPC, errno.EDQUOT, errno.EEXIST)


def place(target: Path, content: bytes | bytearray) -> bool:
    """Write a file at once; return False, with nothing done, where the system or the file system cannot.

    Raises
    ------
    OSError
        The disk is full, or something bears the name already (`FileExistsError`): it is never replaced.
    """
    if not _CAN:
        return False
    try:
        fd = _opened(target.parent)
    except OSError:
        return False
    try:
        if os.write(fd, content) != len(content):
            return False
        _name(fd, target)
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


def _name(fd: int, target: Path) -> None:
    folder_fd = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # only with a folder's descriptor does Python follow the link to the file that is open
        os.link(f"/proc/self/fd/{fd}", target.name, dst_dir_fd=folder_fd, follow_symlinks=True)
    finally:
        os.close(folder_fd)
