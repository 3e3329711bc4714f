"""The part of one file and its journal, as they lie on the disk (floor 4).

A part with bytes in it is described by the journal beside it, at any moment, also that of a `kill -9`, or it is not
ours; a part that is not ours is left alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO

from ..errors import TargetInvalid
from .directory import Directory
from .journal import Journal, JournalFile, boot_id, is_journal, is_of_another_file, may_be_torn, read_journal
from .locked import LockedFile
from .names import JOURNAL, PART
from .pieces import Range


class Part:
    """The part of one file, and its journal. From one thread.

    Parameters
    ----------
    folder : Directory
    name : str
        What the whole file is called.
    url : str
        What is fetched; a part of anything else is started anew.

    Attributes
    ----------
    done : sequence of Range
        Which bytes of the file were there when it was opened.
    journal : Journal or None
        What the part is a part of; None where there is none that can be gone on with.

    Raises
    ------
    TargetInvalid
        The part is not ours; `InUse` where another download is writing it.
    OSError
    """

    # of the class, as long as they are so: thousands are made in a second
    done: Sequence[Range] = ()
    journal: Journal | None = None
    _log: JournalFile | None = None
    _has_bytes = False

    def __init__(self, folder: Directory, name: str, url: str) -> None:
        self._folder, self._url = folder, url
        self._file, self._journal_name = LockedFile(folder, name + PART), name + JOURNAL

    @property
    def name(self) -> str:
        """What the part is called."""
        return self._file.name

    @property
    def is_open(self) -> bool:
        """True when others are kept from it."""
        return self._file.is_open

    def open(self) -> None:
        """Look at what is there, and keep others from it."""
        if self._file.open_there():
            self._take_what_is_there()
        elif self._folder.had(self._journal_name):
            self._remove_journal_left_alone()

    def is_anothers(self) -> bool:
        """Tell whether who writes it fetches another address."""
        return is_of_another_file(*self._journal_place, self._url)

    def _take_what_is_there(self) -> None:
        part_bytes, journal = self._file.size_bytes, read_journal(*self._journal_place)
        if part_bytes and journal is None and not may_be_torn(*self._journal_place):
            raise TargetInvalid(
                f"{self.name} is there and was not made by this program.",
                "It may be another program's download in progress.",
                "Remove it, or choose another folder.",
            )
        if journal and journal.is_of(self._url) and (usable := journal.usable(part_bytes)):
            self.done, self.journal = usable, journal

    def _remove_journal_left_alone(self) -> None:
        """Remove a journal whose part got its name, or was removed, right before a kill."""
        if is_journal(*self._journal_place):
            # who has the part has the journal
            self._file.open_new()
            self.discard()

    @property
    def _journal_place(self) -> tuple[str, int | None]:
        return self._folder.at(self._journal_name), self._folder.fd

    def begin(self, validator: str | None, size_bytes: int | None) -> None:
        """Start anew, empty, with a content that `validator` names."""
        if self._file.is_open and not self._file.is_ours:
            # whoever may write it still goes on in a file without a name
            if self._file.is_in_place():
                self._file.remove()
            self._file.close()
        if not self._file.is_open:
            self._file.open_new()
        # empty before its journal tells of another content
        os.ftruncate(self._file.fd, 0)
        self.journal = Journal.of(self._url, validator, size_bytes)
        self._write_journal(self.journal)

    def resume(self) -> None:
        """Go on with what is `done`."""
        if self.journal is None:
            raise ValueError("there is nothing to go on with")
        self._write_journal(replace(self.journal, boot=boot_id(), done=tuple(self.done)))
        self._has_bytes = True

    def _write_journal(self, journal: Journal) -> None:
        self._close_log()
        path, dir_fd = self._journal_place
        self._log = JournalFile(path, journal, dir_fd)

    def write_at(self, position: int, chunks: Sequence[bytes]) -> None:
        """Write bytes at a position. Only after `begin` or `resume`."""
        self._file.write_at(position, chunks)

    def note(self, start: int, end: int) -> None:
        """Write down that these bytes are there, so that a later run need not fetch them again."""
        if self._log is not None and start < end:
            self._log.add(start, end)
            self._has_bytes = True

    @property
    def is_removed(self) -> bool:
        """True when it is written and no name leads to it any more."""
        return self._log is not None and self._file.is_open and self._file.is_removed

    def reading(self) -> BinaryIO:
        """Return it as a file to read from; in any thread, while nothing else is done with it."""
        return self._file.reading()

    def is_whole(self, size_bytes: int) -> bool:
        """Tell whether it is still in its place, and so long."""
        return self._file.is_in_place() and self._file.size_bytes == size_bytes

    def give_name(self, name: str) -> None:
        """Make it the file of that name, which may be there already, and remove the journal."""
        self._file.rename(name)
        # who fetches the same anew, to replace it, may have begun already
        if self._log is not None and self._log.is_at(*self._journal_place):
            self._unlink_journal()
        # what may lie there from now on is another process's
        self.let_go()

    def keep(self, *, is_wanted: bool = True, is_synced: bool = True) -> None:
        """Leave it to a later run, if one can go on with it, or remove it.

        Parameters
        ----------
        is_wanted : bool
            False to remove it anyway.
        is_synced : bool
            Whether to wait for the disk, so that it is there after a power cut too.
        """
        if self._log is None or not self._file.is_open:
            return
        if not (is_wanted and self._has_bytes and self.journal and self.journal.validator):
            self.discard()
            return
        if is_synced:
            os.fsync(self._file.fd)
            self._log.synced()
        self._file.leave()

    def discard(self) -> None:
        """Remove part and journal, where they are ours."""
        if self._file.is_in_place():
            # an empty part without a journal keeps nobody out, should this end in the middle
            os.ftruncate(self._file.fd, 0)
            self._unlink_journal()
            self._file.remove()
        self.let_go()
        self.forget()

    def _unlink_journal(self) -> None:
        path, dir_fd = self._journal_place
        with suppress(FileNotFoundError):
            os.unlink(path, dir_fd=dir_fd)

    def forget(self) -> None:
        """Be as if nothing were there."""
        self.done, self.journal, self._has_bytes = (), None, False

    def let_go(self) -> None:
        """Keep nobody from it any more."""
        self._close_log()
        self._file.close()

    def _close_log(self) -> None:
        log, self._log = self._log, None
        if log is not None:
            log.close()
