"""The file from which GDAL reads a header before every request, replaced in one step at each renewal (floor 5).

Nobody can guess where it is. A picture from anywhere may be a VRT by its content, and GDAL reads the headers for the
sources of a VRT from whatever file that names: memory without a name, as ``/proc/self/fd/<n>``, is found by counting.

It is in a folder that only this user can enter, in memory where there is a place for that (the user's run-time folder,
shared memory), so that no disk holds it. Children of this process can read it too. What a process left there that was
killed is removed by the next one.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..values.secret import Secret

_PREFIX = "ipyterrascope-gdal-"
_LOCK = "lock"
# the headers, under their own name and the one under which they are written
_HEADERS = re.compile("[0-9a-f]{32}|tmp[a-z0-9_]{8}")
# a folder without a lock may be one that is being made
_YOUNG_S = 60.0


class HeaderFile:
    """A file of headers, empty at first. `path`, which GDAL opens, is the same for as long as it lives.

    Parameters
    ----------
    folders : sequence of str, optional
        Where to try, in order; the user's run-time folder and shared memory unless given, and then the temporary one.
    """

    def __init__(self, folders: Sequence[str] | None = None) -> None:
        made = _private_folder(_places_in_memory() if folders is None else folders)
        # says until this process and all its children have ended that this folder is in use; it is no way to the header
        self._lock = _locked(made / _LOCK)
        # only now by the name by which others look for what nobody uses: several workers begin at the same moment
        self._folder = made.rename(made.with_name(made.name.removeprefix(".")))
        self.path = str(self._folder / secrets.token_hex(16))
        self.write(Secret(""))

    def write(self, headers: Secret) -> None:
        """Let `headers` be its whole content, in one step: who reads meanwhile gets the old or the new."""
        descriptor, name = tempfile.mkstemp(dir=self._folder)
        try:
            os.write(descriptor, headers.reveal().encode())
        finally:
            os.close(descriptor)
        os.replace(name, self.path)

    def close(self) -> None:
        """Leave nothing of it."""
        # out of the sight of who looks for what nobody uses, and would make a lock in it meanwhile
        shutil.rmtree(self._folder.rename(self._folder.with_name(f".{self._folder.name}")))
        if self._lock is not None:
            os.close(self._lock)


def _places_in_memory() -> list[str]:
    return [folder for folder in (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm") if folder]  # noqa: S108 - private there


def _private_folder(folders: Sequence[str]) -> Path:
    for folder in folders:
        with suppress(OSError):
            made = tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=folder)
            _clean(Path(folder))
            return Path(made)
    return Path(tempfile.mkdtemp(prefix=f".{_PREFIX}"))


def _clean(place: Path) -> None:
    """Remove what was left by processes of this user that did not end by themselves, and nothing else."""
    for folder in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            if not (folder / _LOCK).exists():
                if time.time() - folder.stat().st_mtime > _YOUNG_S:
                    folder.rmdir()  # one that has anything in it is not ours
                continue
            lock = _locked(folder / _LOCK)
            if lock is not None:
                _remove(folder)
                os.close(lock)


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        if _HEADERS.fullmatch(file.name):
            file.unlink()
    if [file.name for file in folder.iterdir()] == [_LOCK]:
        shutil.rmtree(folder)


def _locked(path: Path) -> int | None:
    """Lock a file for as long as this process and its children live; None where another has it, or cannot be had."""
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
