"""The target folder: finding it, making it, and what to say when it cannot be written (floor 4)."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from ..errors import TargetInvalid, quoted
from .names import size_text

_REASONS = {
    errno.ENOENT: ("Its folder was removed, or its disk is gone.", "Make it again, or choose another folder"),
    errno.ESTALE: ("Its folder was removed, or its disk is gone.", "Make it again, or choose another folder"),
    errno.ENOSPC: ("The disk is full.", "Make room"),
    errno.EDQUOT: ("Your quota on this disk is used up.", "Make room"),
    errno.EFBIG: ("The file is larger than this place allows.", "Choose another place"),
    errno.EROFS: ("It is mounted read-only.", "Choose another folder"),
    errno.EACCES: ("You may not write there.", "Choose another folder"),
    errno.EPERM: ("You may not write there.", "Choose another folder"),
    errno.ENOTDIR: ("A part of the path is a file, not a folder.", "Choose another folder"),
    errno.EEXIST: ("Something else of that name is there.", "Choose another folder"),
    errno.ENAMETOOLONG: ("The name is too long for this file system.", "Choose a shorter name or another folder"),
    errno.ELOOP: ("A symbolic link is in the way.", "Remove it"),
}

_OF_ALL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""What hinders the next file as much as the one that met it."""


def folder_of(folder: str | os.PathLike[str]) -> Path:
    """Return the folder that a person named, whatever the present one is later; ``~`` is their home.

    Raises
    ------
    TargetInvalid
        When no folder can be called so.
    """
    # no text, a lone surrogate, a user that is not known
    with suppress(TypeError, ValueError, RuntimeError):
        path = Path(folder).expanduser().absolute()
        if b"\0" not in os.fsencode(path):
            return path
    raise TargetInvalid(
        f"{quoted(folder, 80)!r} cannot be a folder.",
        "It is no path, or begins with the home of a user who is not known here.",
        "Give a path, such as 'data' or '~/data'.",
    )


def from_here(path: Path) -> str:
    """Return a path as people are shown it: from the present folder on, where it is in there."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(path)


def make_writable(folder: Path) -> None:
    """Make a folder if it is missing, and prove by a nameless file that it can be written.

    Raises
    ------
    TargetInvalid
        When it cannot.
    """
    with writing_to(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileNotFoundError:
            raise _cannot_make(folder) from None
        with tempfile.TemporaryFile(dir=folder):
            pass


def _cannot_make(folder: Path) -> TargetInvalid:
    above = next((place for place in folder.absolute().parents if place.is_dir()), folder.parent)
    return TargetInvalid(
        f"{from_here(folder)} cannot be made.", f"{above} takes no folders.", "Choose another folder, then try again."
    )


class writing_to:
    """Turn what the operating system refuses inside the block into `TargetInvalid`.

    Only for file operations: the errors of requests are `OSError` too, and hold the request with its headers.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if isinstance(error, OSError):
            raise _cannot_write(self._path, error) from error


def _cannot_write(path: Path, error: OSError) -> TargetInvalid:
    why, do = _REASONS.get(
        error.errno or 0, (f"The system says: {error.strerror or type(error).__name__}.", "Choose another folder")
    )
    reason, beside = f"{why[0].lower()}{why[1:]}", ""
    if error.errno == errno.ENOSPC:
        with suppress(OSError):
            beside = f"{size_text(shutil.disk_usage(path.parent).free)} are free there."
    refused = TargetInvalid(f"{from_here(path)} cannot be written: {reason}", beside, f"{do}, then try again.")
    refused.concerns_all = error.errno in _OF_ALL
    return refused
