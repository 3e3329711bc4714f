"""Files that lie on this machine already: linked or copied instead of fetched (floor 4).

On Terrascope's own machines the products are mounted, and its catalogue tells where. A catalogue is not trusted with
more than that: what it names is used only where it is a regular file of the size that the catalogue tells, and lies,
all symbolic links followed, under one of the folders that were configured for it. It is opened by the way that the
links led, without following any more of them, so that nobody can put another file there meanwhile; what is looked at
is the open file, and a copy is made of that. A link is made to the place that the links led to. What is written is
written in the folder that was opened for it, as the engine does it.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from typing import Literal, get_args

from ..errors import ContentInvalid, TransferError, UsageError, quoted
from .directory import Directory, Folders
from .failures import detached
from .folder import writing_to
from .names import PART
from .partial import Partial
from .plan import Action, Here
from .progress import Progress
from .report import Outcome
from .rivals import InUse, Overtaken
from .sources import Item

LocalUse = Literal["link", "copy", "off"]
_NO_LINK: int = getattr(os, "O_NOFOLLOW", 0)
_FILE: int = os.O_RDONLY | _NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_FOLDER: int = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | _NO_LINK
_CHUNK_BYTES = 4 << 20


@dataclass(frozen=True)
class _Found:
    """An open file, and its path without a symbolic link below the configured folder."""

    fd: int
    size_bytes: int
    path: str


class LocalFiles:
    """What may be used of this machine.

    Parameters
    ----------
    roots : iterable of str
        The folders under which a catalogue may name files; ``~`` is the person's home.
    use : {"link", "copy", "off"}
        What is done with such files.
    symlink : callable
        Makes a symbolic link, as `os.symlink` does. Where it cannot, the file is copied.

    Raises
    ------
    UsageError
        `use` is something else.
    """

    def __init__(
        self, roots: Iterable[str], use: LocalUse = "link", *, symlink: Callable[..., None] = os.symlink
    ) -> None:
        if use not in get_args(LocalUse):
            raise UsageError(
                "What lies on this machine cannot be used like that.",
                "It is linked or copied, or not used at all.",
                "Write link, copy or off (`--local`, local=…).",
            )
        self._do: Literal["link", "copy"] = "copy" if use == "copy" else "link"
        self._symlink = symlink
        absolute = [os.path.abspath(os.path.expanduser(root)) for root in roots if use != "off"]
        self._roots = [(root, os.path.realpath(root)) for root in absolute if os.path.isdir(root)]

    @property
    def here(self) -> Here | None:
        """What a plan asks; None where there is nothing to be had."""
        return Here(self._do, self.size_of) if self._roots else None

    def size_of(self, item: Item) -> int | None:
        """Tell the size of an item's file on this machine; None where there is none that may be used."""
        with self._opened(item) as found:
            return found and found.size_bytes

    def placed(
        self, actions: Iterable[Action], progress: Progress, gone: list[Action]
    ) -> Generator[Outcome, None, None]:
        """Link or copy what is here; yield what became of each, and add those to `gone` that are not here any more, or
        that another download is fetching: who fetches can wait for it."""
        with closing(Folders()) as folders:
            for action in actions:
                began = time.monotonic()
                with self._opened(action.item) as found:
                    if found is None:
                        gone.append(action)
                        continue
                    progress.item_started(action.item)
                    try:
                        outcome = self._placed(action, found, progress, folders.of(action.folder, action.trail))
                    except InUse:
                        gone.append(action)
                        continue
                yield replace(outcome, seconds=time.monotonic() - began)

    def _placed(self, action: Action, found: _Found, progress: Progress, folder: Directory) -> Outcome:
        item, path = action.item, action.path
        try:
            # who has the unfinished file has the target
            with Partial(path, item.url, overwrite=action.overwrite, folder=folder) as part:
                status = self._linked(action, found, folder)
                if status is None:
                    _copy(found, part, item, progress)
                    status = "copied"
                else:
                    part.discard()
        except InUse:
            raise
        except TransferError as error:
            if isinstance(error, Overtaken) and error.same_bytes is not None:
                return Outcome(item=item, path=path, status="skipped", size_bytes=error.same_bytes)
            return Outcome(item=item, path=path, status="failed", error=detached(error))
        return Outcome(item=item, path=path, status=status, size_bytes=found.size_bytes)

    def _linked(self, action: Action, found: _Found, folder: Directory) -> Literal["linked", "skipped"] | None:
        """Link a file; None where it has to be copied, which also finds out what is in the way."""
        if action.do == "copy":
            return None
        with writing_to(action.path):
            folder.make()
        name = folder.at(action.name)
        # a link in the place of the very file that it leads to would be all that is left of it
        with suppress(OSError):
            if os.path.samestat(os.fstat(found.fd), os.stat(name, dir_fd=folder.fd, follow_symlinks=False)):
                return "skipped"
        new = f"{name}.{token_hex(4)}{PART}" if action.overwrite else name
        try:
            self._symlink(found.path, new, dir_fd=folder.fd)
            if new != name:
                os.replace(new, name, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
        except (OSError, NotImplementedError):
            if new != name:
                with suppress(OSError):
                    os.unlink(new, dir_fd=folder.fd)
            return None
        return "linked"

    @contextmanager
    def _opened(self, item: Item) -> Generator[_Found | None, None, None]:
        found = None if item.local_path is None else self._found(item.local_path, item.size_bytes)
        try:
            yield found
        finally:
            if found:
                os.close(found.fd)

    def _found(self, path: str | Path, size_bytes: int | None) -> _Found | None:
        # what cannot be opened is as good as not there, and a path may have a zero byte in it
        with suppress(OSError, ValueError):
            real = os.path.realpath(path, strict=True)
            for root, real_root in self._roots:
                below = os.path.relpath(real, real_root)
                if below.partition(os.sep)[0] in (os.pardir, os.curdir):
                    continue
                fd = _open_below(real_root, below)
                status = os.fstat(fd)
                if stat.S_ISREG(status.st_mode) and size_bytes in (None, status.st_size):
                    return _Found(fd, status.st_size, os.path.join(root, below))
                os.close(fd)
        return None


def _open_below(folder: str, below: str) -> int:
    """Open a file through the folders that lead to it, and through no symbolic link: also not one that is put there
    meanwhile."""
    if os.open not in os.supports_dir_fd:
        return os.open(os.path.join(folder, below), _FILE)
    *folders, name = below.split(os.sep)
    fd = os.open(folder, _FOLDER & ~_NO_LINK)
    try:
        for inner in folders:
            outer, fd = fd, os.open(inner, _FOLDER, dir_fd=fd)
            os.close(outer)
        return os.open(name, _FILE, dir_fd=fd)
    finally:
        os.close(fd)


def _copy(found: _Found, part: Partial, item: Item, progress: Progress) -> None:
    done, reason = 0, "It has another length than a moment ago."
    part.begin(None, found.size_bytes)
    while done < found.size_bytes:
        try:
            chunk = os.read(found.fd, min(_CHUNK_BYTES, found.size_bytes - done))
        except OSError as error:
            chunk, reason = b"", f"The system says: {error.strerror}."
        if not chunk:
            raise ContentInvalid(
                f"{item.name} could not be copied from {quoted(found.path)}.",
                reason,
                'Try again, or fetch it (`--local off`, local="off").',
            )
        part.write_at(done, [chunk])
        done += len(chunk)
        progress.advanced(item, done, found.size_bytes)
    part.finish(found.size_bytes, item.checksum)
