"""A folder that is held open: what is done to a name in it stays in it, wherever its path leads meanwhile (floor 4).

Whoever may write to the folders above can put a link in the place of one of ours at any moment, also between a look and
a write; a descriptor goes on naming the folder that it was opened for. Where a system has none (Windows), folders are
looked at before each use of their path, which is as much as can be done there.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import TargetInvalid

_HAS_DESCRIPTORS = {os.open, os.mkdir, os.stat, os.access, os.unlink, os.rename} <= os.supports_dir_fd
# O_PATH takes no right to list the folder
_OPEN: int = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_PATH", os.O_RDONLY)
_OPEN_BELOW: int = _OPEN | getattr(os, "O_NOFOLLOW", 0)
_NO_FOLDER = (errno.ENOTDIR, errno.ELOOP)
_FRESH_S, _MOST_LISTING_S = 0.5, 0.05


class Directory:
    """A folder, opened at its first use and until `close`.

    Parameters
    ----------
    path : str
        Where it is. What is done to it is said to be done there.
    parent : Directory, optional
        The target folder, which it is below. Without one it is a target folder itself, and its path may lead over
        links: a person has named it.
    below : sequence of str
        The folders from `parent` to it, itself included. No link among them is followed: addresses have named them.

    Attributes
    ----------
    fd : int or None
        Its descriptor, for `dir_fd`; None before the first use, and where the system has none.
    """

    _names: frozenset[str] | None = None
    _looks, _names_until = 0, 0.0
    _worth_listing = 32

    def __init__(self, path: str, parent: Directory | None = None, below: Sequence[str] = ()) -> None:
        self.path = path or os.curdir
        self.fd: int | None = None
        self._parent, self._below = parent, below

    @property
    def is_target(self) -> bool:
        """True for a target folder, which many files share."""
        return self._parent is None

    def is_there(self) -> bool:
        """Open it; False where there is none.

        Raises
        ------
        TargetInvalid
            What is there is no folder, or a link to one.
        OSError
            It cannot be opened.
        """
        if self.fd is not None:
            return True
        try:
            self._open(makes=False)
        except FileNotFoundError:
            return False
        return True

    def make(self) -> None:
        """Open it, and make it first where it is missing; it raises what `is_there` does."""
        if self.fd is None:
            self._open(makes=True)

    def close(self) -> None:
        """Let go of it."""
        fd, self.fd = self.fd, None
        if fd is not None:
            os.close(fd)

    def at(self, name: str) -> str:
        """Return what a file in it is called where `dir_fd` is `fd`."""
        return name if self.fd is not None else os.path.join(self.path, name)

    def has(self, name: str) -> bool:
        """Tell whether anything in it has that name, be it a link that leads nowhere."""
        if self.fd is None:
            return os.path.lexists(self.at(name))
        return os.access(name, os.F_OK, dir_fd=self.fd, follow_symlinks=False)

    def look_around(self, now: float) -> None:
        """Learn what is in it, for a moment, once so much is asked of it that this is quicker than to ask for names.

        Parameters
        ----------
        now : float
            Seconds that never go back.
        """
        self._looks += 1
        if now < self._names_until:
            return
        self._names = None
        if self._looks < self._worth_listing or self.fd is None:
            return
        self._looks, self._names_until, began = 0, now + _FRESH_S, time.perf_counter()
        with suppress(OSError):
            # a descriptor that takes no right to list cannot be listed itself
            listing = os.open(os.curdir, os.O_RDONLY, dir_fd=self.fd)
            try:
                self._names = frozenset(os.listdir(listing))
            finally:
                os.close(listing)
        if time.perf_counter() - began > _MOST_LISTING_S:
            # nothing flows meanwhile
            self._worth_listing = sys.maxsize

    def had(self, name: str) -> bool:
        """Tell whether anything in it has that name, as far as was known a moment ago."""
        return self.has(name) if self._names is None else name in self._names

    def _open(self, *, makes: bool) -> None:
        if self._parent is not None:
            if self._parent.fd is None:
                self._parent._open(makes=makes)
            self.fd = _opened_below(self._parent, self._below, makes=makes)
            return
        if makes:
            os.makedirs(self.path, exist_ok=True)
        if _HAS_DESCRIPTORS:
            self.fd = os.open(self.path, _OPEN)
        elif not os.path.isdir(self.path):
            raise FileNotFoundError


def parted(path: Path) -> tuple[str, str]:
    """Return the folder of a file, with its last separator, and the file's name."""
    text, name = str(path), path.name
    return text[: len(text) - len(name)], name


class Folders:
    """The folders of one run. Target folders stay what they are from their first use until `close`."""

    def __init__(self) -> None:
        self._targets: dict[str, Directory] = {}

    def of(self, target: Path, trail: Sequence[str]) -> Directory:
        """Return the folder of a file that lies at a trail below a target folder: folders, and its name."""
        path, below = os.fspath(target), trail[:-1]
        return Directory(os.path.join(path, *below), self._target(path), below) if below else self._target(path)

    def _target(self, path: str) -> Directory:
        target = self._targets.get(path)
        if target is None:
            target = self._targets[path] = Directory(path)
        return target

    def close(self) -> None:
        """Let go of the target folders."""
        for target in self._targets.values():
            target.close()


def _opened_below(parent: Directory, names: Sequence[str], *, makes: bool) -> int | None:
    """Go from folder to folder; return the descriptor of the last, where there are descriptors."""
    path, here = parent.path, parent.fd
    for name in names:
        path = os.path.join(path, name)
        try:
            there = _opened_one(here, name, path, makes=makes)
        finally:
            if here is not None and here != parent.fd:
                os.close(here)
        here = there
    return here


def _opened_one(parent_fd: int | None, name: str, path: str, *, makes: bool) -> int | None:
    at = path if parent_fd is None else name
    if makes:
        with suppress(FileExistsError):
            os.mkdir(at, dir_fd=parent_fd)
    if parent_fd is not None:
        try:
            return os.open(at, _OPEN_BELOW, dir_fd=parent_fd)
        except OSError as error:
            if error.errno not in _NO_FOLDER:
                raise
    else:
        status = os.lstat(at)
        if stat.S_ISDIR(status.st_mode) and not getattr(status, "st_reparse_tag", 0):
            return None
    raise TargetInvalid(
        f"{path} is not a folder of its own.",
        "It is a file or a link, perhaps since a moment ago; nothing is written through a link.",
        "Move it away, or choose another folder.",
    )
