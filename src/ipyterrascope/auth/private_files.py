"""Files that hold a secret are read only where they are this user's alone, and so is the folder of ours (floor 3)."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ..values.secret import Secret

_MOST_BYTES = 1 << 16
_SAFELY: int = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)
_NEW: int = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_LINK | getattr(os, "O_BINARY", 0)

Signature = tuple[int, ...]


class UnfitFileError(Exception):
    """A file that must not be used; the text is one sentence for people, about "it"."""


class MissingFileError(UnfitFileError):
    """A file that is not there."""


class OpenFileError(UnfitFileError):
    """A file of this user that others can read or change."""


@dataclass(frozen=True)
class PrivateText:
    """What a file holds, when it was written (POSIX seconds), and what changes whenever it is written again."""

    text: str = field(repr=False)
    written_at: float
    signature: Signature


def read_private(
    path: Path, *, may_be_shared: bool = False, may_be_link: bool = False, user_id: int | None = None
) -> PrivateText:
    """Read a small text file that belongs to this user, and that nobody else can read or change.

    Parameters
    ----------
    path : pathlib.Path
    may_be_shared : bool
        Read it also where it is another's, or others can read it.
    may_be_link : bool
        Follow a symbolic link; what it leads to is checked.
    user_id : int, optional
        Whose it must be; who runs this process, unless given.

    Raises
    ------
    MissingFileError
        It is not there.
    UnfitFileError
        It is no regular file, too large, no text, another's, or open to others.
    """
    try:
        # a device that is opened may do something
        _check(path.stat() if may_be_link else path.lstat(), may_be_shared, user_id)
        fd = os.open(path, os.O_RDONLY | _SAFELY | (0 if may_be_link else _NO_LINK))
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            _check(status, may_be_shared, user_id)
            data = file.read(_MOST_BYTES + 1)
        if len(data) <= _MOST_BYTES:
            return PrivateText(data.decode(), status.st_mtime, signature_of(status))
        failure = UnfitFileError("It is too large.")
    except (FileNotFoundError, NotADirectoryError):
        failure = MissingFileError("It is not there.")
    except OSError as exc:
        failure = UnfitFileError(f"It cannot be read ({reason_of(exc)}).")
    except UnicodeDecodeError:
        failure = UnfitFileError("It is not text.")
    raise failure  # here, where no exception is at hand that holds what was read


def new_beside(path: Path) -> Path:
    """Return where `write_private` writes what is to take the place of `path`; a process that is killed leaves it."""
    return path.with_suffix(".new")


def write_private(path: Path, text: Secret) -> None:
    """Write a file of mode 0600 beside `path`, and let that take its place once it is on the disk.

    Raises
    ------
    OSError
        It cannot be written; what was there is there still.
    """
    new = new_beside(path)
    new.unlink(missing_ok=True)  # of a process that was killed
    try:
        with os.fdopen(os.open(new, _NEW, 0o600), "wb") as file:
            file.write(text.reveal().encode())
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


def private_folder(folder: Path) -> None:
    """Make a folder that is this user's alone, unless it is there. One that is there is never changed.

    Raises
    ------
    UnfitFileError
        It cannot be made, or is not this user's alone.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        status = folder.lstat()
        reason = why_not_private(status) if stat.S_ISDIR(status.st_mode) else "It is no folder."
    except OSError as exc:
        reason = f"It cannot be made ({reason_of(exc)})."
    if reason:
        raise UnfitFileError(reason)


def reason_of(exc: OSError) -> str:
    """Return the system's words for an error, without the path."""
    return exc.strerror or type(exc).__name__


def signature_of(status: os.stat_result) -> Signature:
    """Return what is another one whenever a file was replaced or written."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _check(status: os.stat_result, may_be_shared: bool, user_id: int | None) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise UnfitFileError("It is a symbolic link.")
    if not stat.S_ISREG(status.st_mode):
        raise UnfitFileError("It is no regular file.")
    if may_be_shared:
        return
    reason = why_not_private(status, user_id)
    if reason:
        is_ours = hasattr(os, "geteuid") and status.st_uid == os.geteuid()
        raise (OpenFileError if is_ours else UnfitFileError)(reason)


def why_not_private(status: os.stat_result, user_id: int | None = None) -> str:
    """Return one sentence why a file or folder is not this user's alone, or nothing. Windows does not tell."""
    if not hasattr(os, "geteuid"):
        return ""
    if status.st_uid != (os.geteuid() if user_id is None else user_id):
        return "It belongs to another user."
    if status.st_mode & 0o077:
        return f"Others can read or change it (its mode is {stat.S_IMODE(status.st_mode):04o})."
    return ""
