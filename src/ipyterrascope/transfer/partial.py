"""One file on its way (floor 4).

``<name>.part`` holds what came so far, ``<name>.part.json`` what it is a part of (see `part`). What is not known to be
one content (the server gave no strong validator) is removed as soon as the transfer stops. A small file is kept in
memory, and gets its name with all its bytes in it (see `small`): it has part and journal only where it is stopped on
its way.

Who writes a part holds a lock on it (see `locked`), so that of several notebooks, threads or machines only one does;
the others touch nothing, and wait (see `rivals`).
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn

from ..errors import ContentInvalid, TargetInvalid
from .checksums import are_same, matches
from .directory import Directory, parted
from .folder import writing_to
from .journal import Journal
from .part import Part
from .pieces import Range
from .rivals import overtaken
from .small import SMALL_BYTES, SmallFile

# on Windows all else is text; and what is no file any more is not waited for
_READ: int = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


class Partial:
    """The unfinished file of one target, and its journal. Use it in a `with` block, or from `open` to `close`, from one
    thread.

    Parameters
    ----------
    target : pathlib.Path
        Where the whole file goes.
    url : str
        What is fetched; a part of anything else is started anew.
    overwrite : bool
        Whether a file at `target` may be replaced. Without it, also one that came there meanwhile stays.
    folder : Directory, optional
        The folder of `target`; a target folder stays open. By default its path is followed, wherever that leads.

    Attributes
    ----------
    folder : Directory

    Raises
    ------
    TargetInvalid
        From every method: when the folder or the part cannot be written, or the part is not ours. `InUse` where another
        download is writing it, `Overtaken` where another file has got the name meanwhile.
    """

    # of the class, as long as they are so: thousands are made in a second
    _small: SmallFile | None = None
    _validator: str | None = None

    def __init__(self, target: Path, url: str, *, overwrite: bool = False, folder: Directory | None = None) -> None:
        self._target, self._overwrite = target, overwrite
        path, self._name = parted(target)
        self._owns_folder = folder is None or not folder.is_target
        self.folder = folder or Directory(path)
        self._part = Part(self.folder, self._name, url)

    def __enter__(self) -> Partial:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_small(self) -> bool:
        """True when nothing of it goes to the disk before all of it does."""
        return self._small is not None

    @property
    def done(self) -> Sequence[Range]:
        """Which bytes of the file were there when it was opened."""
        return self._part.done

    @property
    def journal(self) -> Journal | None:
        """What the part is a part of; None where there is none that can be gone on with."""
        return self._part.journal

    def open(self) -> None:
        """Look at what is there, and keep others from it."""
        try:
            with writing_to(self._target):
                if self.folder.is_there():
                    self._part.open()
        except BaseException:
            self._let_go()
            raise

    def is_anothers(self) -> bool:
        """Tell whether who writes the part fetches another address: that is not waited for, it will be another file."""
        return self._part.is_anothers()

    def present_bytes(self) -> int | None:
        """Tell the size of the file that bears the name now; None where there is none. Only after `open`."""
        return self._size_there() if self.folder.had(self._name) else None

    def _size_there(self) -> int | None:
        with writing_to(self._target), contextlib.suppress(FileNotFoundError):
            if self.folder.is_there():
                status = os.stat(self.folder.at(self._name), dir_fd=self.folder.fd)
                return status.st_size if stat.S_ISREG(status.st_mode) else None
        return None

    def close(self) -> None:
        """Keep what can be gone on with, and nothing else."""
        if self._small is None and not (self._part.is_open or self._owns_folder):
            return
        # what brought us here matters more than a part that cannot be kept, or removed
        with contextlib.suppress(OSError, TargetInvalid):
            if self._small is not None:
                self._keep_small(self._small)
            else:
                self._part.keep(is_wanted=not self._is_taken())
        self._let_go()

    def _keep_small(self, small: SmallFile) -> None:
        """Write down what came of a small file. It is not waited for the disk: a power cut may cost so little."""
        unfinished = small.unfinished()
        if not unfinished or self._validator is None:
            return
        self.folder.make()
        if self._is_taken():
            return
        try:
            self._part.begin(self._validator, small.size_bytes)
            for position, chunks in unfinished:
                self._part.write_at(position, chunks)
                self._part.note(position, position + sum(map(len, chunks)))
            self._part.keep(is_synced=False)
        except (OSError, TargetInvalid):
            self._part.discard()
            raise

    def begin(self, validator: str | None, size_bytes: int | None) -> None:
        """Start anew with a content that `validator` names; what was there is dropped."""
        self._forget()
        if size_bytes is not None and size_bytes <= SMALL_BYTES and not self._part.is_open:
            self._small, self._validator = SmallFile(self.folder, size_bytes), validator
            return
        with writing_to(self._target):
            self.folder.make()
            self._check_target(size_bytes)
            try:
                self._part.begin(validator, size_bytes)
            except OSError:
                self._part.discard()
                raise

    def resume(self) -> None:
        """Go on with what is `done`."""
        self._check_target(None if self.journal is None else self.journal.size_bytes)
        with writing_to(self._target):
            self._part.resume()

    def write_at(self, position: int, chunks: Sequence[bytes]) -> None:
        """Write bytes at a position. Only after `begin` or `resume`."""
        with writing_to(self._target):
            (self._small or self._part).write_at(position, chunks)

    def note(self, start: int, end: int) -> None:
        """Write down that these bytes are there, so that a later run need not fetch them again."""
        with writing_to(self._target):
            self._part.note(start, end)
            if self._part.is_removed:
                # what comes to a file without a name is lost
                self._refuse_changed()

    def is_quickly_finished(self, checksum: str | None) -> bool:
        """Tell whether `finish` has next to nothing to read, as far as can be told a moment before."""
        return self.is_small or (checksum is None and not self._is_taken())

    def finish(self, size_bytes: int, checksum: str | None, is_over: Callable[[], bool] = bool) -> None:
        """Check what is there and give it its name. From any thread, while nothing else is done with it.

        Parameters
        ----------
        size_bytes : int
        checksum : str or None
        is_over : callable
            Tells that nobody wants to know any more: then it stays as it is.

        Raises
        ------
        ContentInvalid
            When the checksum is another, or somebody else wrote to the part.
        """
        with writing_to(self._target):
            was_small = self._small is not None
            if self._small is not None and self._is_small_one_named(self._small, checksum):
                return
            self._check_part(size_bytes)
            if not was_small and checksum is not None:
                with self._part.reading() as content:
                    is_right = matches(content, checksum, is_over)
                self._refuse_where(not is_right)
            if self._is_taken():
                with self._part.reading() as content:
                    self._refuse_taken(size_bytes, content, is_over)
            self._part.give_name(self._name)
            self._let_go()

    def _is_small_one_named(self, small: SmallFile, checksum: str | None) -> bool:
        """Give a small file its name; where that takes a part, write it and return False."""
        if checksum is not None:
            self._refuse_where(not matches(io.BytesIO(b"".join(small.content())), checksum))
        if not self._overwrite and small.give_name(self._name):
            self._drop_small()
            return True
        self.folder.make()
        content = small.content()
        if self._is_taken():
            self._refuse_taken(small.size_bytes, io.BytesIO(b"".join(content)))
        self._part.begin(None, sum(map(len, content)))
        self._part.write_at(0, content)
        return False

    def _check_part(self, size_bytes: int) -> None:
        if not self._part.is_whole(size_bytes):
            self._refuse_changed()

    def _refuse_changed(self) -> NoReturn:
        self.discard()
        raise ContentInvalid(
            f"{self._part.name} changed while it was written.",
            "Something else wrote to it, removed it or its folder, or put another file in its place.",
            "Leave the folder alone until the download has ended, and try again.",
        )

    def _refuse_where(self, is_wrong: bool) -> None:
        if is_wrong:
            self.discard()
            raise ContentInvalid(
                f"{self._target.name} has another checksum than the catalogue says.",
                "It was damaged on the way, or the catalogue is out of date.",
                "Try again; if it stays so, tell the provider.",
            )

    def discard(self) -> None:
        """Remove part and journal, where they are ours."""
        with writing_to(self._target):
            self._part.discard()
            self._let_go()
        self._forget()

    def _forget(self) -> None:
        self._part.forget()
        self._drop_small()

    def _let_go(self) -> None:
        self._drop_small()
        self._part.let_go()
        if self._owns_folder:
            self.folder.close()

    def _drop_small(self) -> None:
        small, self._small = self._small, None
        if small is not None:
            small.close()

    def _is_taken(self) -> bool:
        return not self._overwrite and self.folder.has(self._name)

    def _check_target(self, size_bytes: int | None) -> None:
        """Refuse to fetch what another file has taken the name of; one that may be the same is compared in the end."""
        if size_bytes is not None and self._is_taken() and self._size_there() != size_bytes:
            raise overtaken(self._target.name)

    def _refuse_taken(self, size_bytes: int, content: BinaryIO, is_over: Callable[[], bool] = bool) -> None:
        """Say by what the name was taken meanwhile: the same file, or another."""
        same = False
        # what cannot be read is not the same
        with contextlib.suppress(OSError, TargetInvalid):
            if self._size_there() == size_bytes:
                fd = os.open(self.folder.at(self._name), _READ, dir_fd=self.folder.fd)
                with open(fd, "rb") as there:
                    same = are_same(content, there, is_over)
        raise overtaken(self._target.name, size_bytes if same else None)
