"""The unfinished file beside its target, which a later run can go on with (floor 4).

``<name>.part`` holds what came so far, ``<name>.part.json`` what it is a part of. A part with bytes in it is described
by the journal beside it, at any moment, also that of a `kill -9`, or it is not ours; a part that is not ours is left
alone. What is not known to be one content (the server gave no strong validator) is removed as soon as the transfer
stops. A small file is kept in memory, and gets its name with all its bytes in it: it has part and journal only where
it is stopped on its way.

Who writes a part holds a lock on it (see `locked`), so that of several notebooks, threads or machines only one does;
the others touch nothing, and wait (see `rivals`).
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import ContentInvalid, TargetInvalid
from .checksums import matches
from .directory import Directory, parted
from .folder import writing_to
from .journal import Journal, JournalFile, boot_id, is_journal, is_of_another_file, may_be_torn, read_journal
from .locked import LockedFile
from .names import JOURNAL, PART
from .pieces import Range
from .rivals import InUse, overtaken
from .small import SMALL_BYTES, SmallFile


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
    done : sequence of Range
        Which bytes of the file were there when it was opened.
    journal : Journal or None
        What the part is a part of; None where there is none that can be gone on with.
    folder : Directory

    Raises
    ------
    TargetInvalid
        From every method: when the folder or the part cannot be written, or the part is not ours. `InUse` where another
        download is writing it, `Overtaken` where another file has got the name meanwhile.
    """

    # of the class, as long as they are so: thousands are made in a second
    done: Sequence[Range] = ()
    journal: Journal | None = None
    _small: SmallFile | None = None
    _validator: str | None = None
    _log: JournalFile | None = None
    _has_bytes = False

    def __init__(self, target: Path, url: str, *, overwrite: bool = False, folder: Directory | None = None) -> None:
        self._target, self._url, self._overwrite = target, url, overwrite
        path, self._name = parted(target)
        self._owns_folder = folder is None or not folder.is_target
        self.folder = folder or Directory(path)
        self._part = LockedFile(self.folder, self._name + PART)

    def __enter__(self) -> Partial:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_small(self) -> bool:
        """True when nothing of it goes to the disk before all of it does."""
        return self._small is not None

    def open(self) -> None:
        """Look at what is there, and keep others from it."""
        try:
            with writing_to(self._target):
                if self.folder.is_there():
                    if self._part.open_there():
                        self._take_what_is_there()
                    elif self.folder.had(self._name + JOURNAL):
                        self._remove_journal_left_alone()
        except InUse:
            self._let_go()
            raise
        except BaseException:
            self._let_go()
            raise

    def is_anothers(self) -> bool:
        """Tell whether who writes the part fetches another address: that is not waited for, it will be another file."""
        return is_of_another_file(*self._journal_place, self._url)

    def present_bytes(self) -> int | None:
        """Tell the size of the file that bears the name now; None where there is none. Only after `open`."""
        if not self.folder.had(self._name):
            return None
        with contextlib.suppress(FileNotFoundError), writing_to(self._target):
            if self.folder.is_there():
                status = os.stat(self.folder.at(self._name), dir_fd=self.folder.fd)
                return status.st_size if stat.S_ISREG(status.st_mode) else None
        return None

    def _take_what_is_there(self) -> None:
        part_bytes, journal = self._part.size_bytes, read_journal(*self._journal_place)
        if part_bytes and journal is None and not may_be_torn(*self._journal_place):
            raise TargetInvalid(
                f"{self._part.name} is there and was not made by this program.",
                "It may be another program's download in progress.",
                "Remove it, or choose another folder.",
            )
        if journal and journal.is_of(self._url) and (usable := journal.usable(part_bytes)):
            self.done, self.journal = usable, journal

    def _remove_journal_left_alone(self) -> None:
        """Remove a journal whose part got its name, or was removed, right before a kill."""
        if is_journal(*self._journal_place):
            # who has the part has the journal
            self._part.open_new()
            self.discard()

    @property
    def _journal_place(self) -> tuple[str, int | None]:
        return self.folder.at(self._name + JOURNAL), self.folder.fd

    def close(self) -> None:
        """Keep what can be gone on with, and nothing else."""
        if self._small is self._log is None and not (self._part.is_open or self._owns_folder):
            return
        # what brought us here matters more than a part that cannot be kept, or removed
        with contextlib.suppress(OSError, TargetInvalid):
            if self._small is not None:
                self._keep_small(self._small)
            elif self._log is not None and self._part.is_open:
                if self._has_bytes and self.journal and self.journal.validator:
                    os.fsync(self._part.fd)
                    self._log.synced()
                    self._part.leave()
                else:
                    self.discard()
        self._let_go()

    def _keep_small(self, small: SmallFile) -> None:
        """Write down what came of a small file. It is not waited for the disk: a power cut may cost so little."""
        unfinished = small.unfinished()
        if not unfinished or self._validator is None:
            return
        self.folder.make()
        self._check_target(small.size_bytes)
        try:
            self._begin_on_disk(self._validator, small.size_bytes)
            for position, chunks in unfinished:
                self._part.write_at(position, chunks)
                self.note(position, position + sum(map(len, chunks)))
            self._part.leave()
        except (OSError, TargetInvalid):
            self.discard()
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
            self._begin_on_disk(validator, size_bytes)

    def _begin_on_disk(self, validator: str | None, size_bytes: int | None) -> None:
        if self._part.is_open and not self._part.is_ours:
            # whoever may write it still goes on in a file without a name
            if self._part.is_in_place():
                self._part.remove()
            self._part.close()
        if not self._part.is_open:
            self._part.open_new()
        # empty before its journal tells of another content
        os.ftruncate(self._part.fd, 0)
        self.journal = Journal.of(self._url, validator, size_bytes)
        self._write_journal(self.journal)

    def resume(self) -> None:
        """Go on with what is `done`."""
        if self.journal is None:
            raise ValueError("there is nothing to go on with")
        self._check_target(self.journal.size_bytes)
        with writing_to(self._target):
            self._write_journal(replace(self.journal, boot=boot_id(), done=tuple(self.done)))
            self._has_bytes = True

    def _write_journal(self, journal: Journal) -> None:
        self._close_log()
        path, dir_fd = self._journal_place
        self._log = JournalFile(path, journal, dir_fd)

    def write_at(self, position: int, chunks: Sequence[bytes]) -> None:
        """Write bytes at a position. Only after `begin` or `resume`."""
        if self._small is not None:
            with writing_to(self._target):
                self._small.write_at(position, chunks)
            return
        with writing_to(self._target):
            self._part.write_at(position, chunks)

    def note(self, start: int, end: int) -> None:
        """Write down that these bytes are there, so that a later run need not fetch them again."""
        if self._log is not None and start < end:
            with writing_to(self._target):
                self._log.add(start, end)
            self._has_bytes = True

    def has(self, checksum: str, is_over: Callable[[], bool]) -> bool:
        """Tell whether what is on the disk has a checksum. From any thread, while nothing else is done with it."""
        with writing_to(self._target), self._part.reading() as file:
            return matches(file, checksum, is_over)

    def finish(self, size_bytes: int, checksum: str | None, *, is_right: bool | None = None) -> None:
        """Check what is there and give it its name at once.

        Parameters
        ----------
        size_bytes : int
        checksum : str or None
        is_right : bool, optional
            What `has` told about `checksum`; without it, it is asked here.

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
            if not was_small:
                if is_right is None and checksum is not None:
                    is_right = self.has(checksum, bool)
                self._refuse_where(is_right is False)
            self._check_target(size_bytes)
            self._part.rename(self._name)
            # who fetches the same anew, to replace it, may have begun already
            if self._log is not None and self._log.is_at(*self._journal_place):
                self._unlink_journal()
            # what may lie there from now on is another process's
            self._let_go()

    def _is_small_one_named(self, small: SmallFile, checksum: str | None) -> bool:
        """Give a small file its name; where that takes a part, write it and return False."""
        if checksum is not None:
            self._refuse_where(not matches(io.BytesIO(b"".join(small.content())), checksum))
        if not self._overwrite and small.give_name(self._name):
            self._drop_small()
            return True
        self.folder.make()
        self._check_target(small.size_bytes)
        content = small.content()
        self._begin_on_disk(None, sum(map(len, content)))
        self._part.write_at(0, content)
        return False

    def _check_part(self, size_bytes: int) -> None:
        if not self._part.is_in_place() or self._part.size_bytes != size_bytes:
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
            if self._part.is_in_place():
                # an empty part without a journal keeps nobody out, should this end in the middle
                os.ftruncate(self._part.fd, 0)
                self._unlink_journal()
                self._part.remove()
            self._let_go()
        self._forget()

    def _unlink_journal(self) -> None:
        path, dir_fd = self._journal_place
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path, dir_fd=dir_fd)

    def _forget(self) -> None:
        """Be as if nothing were there."""
        self.done, self.journal, self._has_bytes = (), None, False
        self._drop_small()

    def _let_go(self) -> None:
        self._drop_small()
        self._close_log()
        self._part.close()
        if self._owns_folder:
            self.folder.close()

    def _drop_small(self) -> None:
        small, self._small = self._small, None
        if small is not None:
            small.close()

    def _close_log(self) -> None:
        log, self._log = self._log, None
        if log is not None:
            log.close()

    def _check_target(self, size_bytes: int | None) -> None:
        if not self._overwrite and self.folder.has(self._name):
            raise overtaken(self._target.name, self.present_bytes(), size_bytes)
