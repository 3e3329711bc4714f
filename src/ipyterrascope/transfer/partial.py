"""The unfinished file beside its target, which a later run can go on with (floor 4).

``<name>.part`` holds what came so far, ``<name>.part.json`` what it is a part of. A part with bytes in it is described
by the journal beside it, at any moment, also that of a `kill -9`, or it is not ours; a part that is not ours is left
alone. What is not known to be one content (the server gave no strong validator) is removed as soon as the transfer
stops. A small file is kept in memory, and gets its name with all its bytes in it: it has neither part nor journal.

Who writes a part holds a lock on it (see `locked`), so that of several notebooks, threads or machines only one does;
the others fail and touch nothing.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ..errors import ContentInvalid, TargetInvalid
from .checksums import matches
from .folder import writing_to
from .journal import Journal, JournalFile, boot_id, read_journal
from .locked import LockedFile
from .names import JOURNAL, PART
from .pieces import Range
from .unnamed import place

_FULL = (errno.ENOSPC, errno.EDQUOT)

SMALL_BYTES = 1 << 20
"""What is not longer is kept in memory until it is whole."""


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

    Attributes
    ----------
    done : list of Range
        Which bytes of the file were there when it was opened.
    journal : Journal or None
        What the part is a part of; None where there is none that can be gone on with.

    Raises
    ------
    TargetInvalid
        From every method: when the folder or the part cannot be written, or the part is not ours.
    """

    def __init__(self, target: Path, url: str, *, overwrite: bool = False) -> None:
        self.done: list[Range] = []
        self.journal: Journal | None = None
        self._target = target
        self._part = LockedFile(target.with_name(target.name + PART))
        self._journal_path = target.with_name(target.name + JOURNAL)
        self._url = url
        self._overwrite = overwrite
        self._memory: list[tuple[int, Sequence[bytes]]] | None = None
        self._log: JournalFile | None = None
        self._has_bytes = False

    def __enter__(self) -> Partial:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Look at what is there, and keep others from it."""
        try:
            with writing_to(self._part.path):
                if self._part.open_there():
                    self._take_what_is_there()
        except BaseException:
            self._let_go()
            raise

    def _take_what_is_there(self) -> None:
        part_bytes, journal = self._part.size_bytes, read_journal(self._journal_path)
        if part_bytes and journal is None and not self._journal_path.exists():
            raise TargetInvalid(
                f"{self._part.path.name} is there and was not made by this program.",
                "It may be another program's download in progress.",
                "Remove it, or choose another folder.",
            )
        if journal and journal.is_of(self._url) and (usable := journal.usable(part_bytes)):
            self.done, self.journal = usable, journal

    def close(self) -> None:
        """Keep what can be gone on with, and nothing else."""
        # what brought us here matters more than a part that cannot be kept, or removed
        with contextlib.suppress(OSError, TargetInvalid):
            if self._log is not None and self._part.is_open:
                if self._has_bytes and self.journal and self.journal.validator:
                    os.fsync(self._part.fd)
                    self._log.synced()
                else:
                    self.discard()
        self._let_go()

    def begin(self, validator: str | None, size_bytes: int | None) -> None:
        """Start anew with a content that `validator` names; what was there is dropped."""
        self.done, self._has_bytes, self._memory, self.journal = [], False, None, None
        if size_bytes is not None and size_bytes <= SMALL_BYTES and not self._part.is_open:
            self._memory = []
            return
        self._check_target()
        with writing_to(self._part.path):
            self._begin_on_disk(validator, size_bytes)

    def _begin_on_disk(self, validator: str | None, size_bytes: int | None) -> None:
        if not self._part.is_open:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            self._part.open_new()
        # empty before its journal tells of another content
        os.ftruncate(self._part.fd, 0)
        self.journal = Journal.of(self._url, validator, size_bytes)
        self._write_journal(self.journal)

    def resume(self) -> None:
        """Go on with what is `done`."""
        self._check_target()
        if self.journal is None:
            raise ValueError("there is nothing to go on with")
        with writing_to(self._part.path):
            self._write_journal(replace(self.journal, boot=boot_id(), done=tuple(self.done)))
            self._has_bytes = True

    def _write_journal(self, journal: Journal) -> None:
        self._close_log()
        self._log = JournalFile(self._journal_path, journal)

    def write_at(self, position: int, chunks: Sequence[bytes]) -> None:
        """Write bytes at a position. Only after `begin` or `resume`."""
        if self._memory is not None:
            self._memory.append((position, chunks))
            return
        with writing_to(self._part.path):
            try:
                self._part.write_at(position, chunks)
            except OSError as error:
                if error.errno in _FULL and (self.journal is None or self.journal.size_bytes is None):
                    # nobody knows how much room it needs, and it keeps what room there was from all others
                    self.discard()
                raise

    def note(self, start: int, end: int) -> None:
        """Write down that these bytes are there, so that a later run need not fetch them again."""
        if self._log is not None and start < end:
            with writing_to(self._journal_path):
                self._log.add(start, end)
            self._has_bytes = True

    def finish(self, size_bytes: int, checksum: str | None) -> None:
        """Check what is there and give it its name at once.

        Raises
        ------
        ContentInvalid
            When the checksum is another, or somebody else wrote to the part.
        """
        with writing_to(self._target):
            if self._memory is None:
                self._check_part(size_bytes)
                with self._part.reading() as file:
                    self._check(file, checksum)
            elif self._named_at_once([chunk for _, chunks in sorted(self._memory) for chunk in chunks], checksum):
                return
            self._check_target()
            self._part.close_for_windows()
            os.replace(self._part.path, self._target)
            self._journal_path.unlink(missing_ok=True)
            # what may lie there from now on is another process's
            self._let_go()

    def _named_at_once(self, chunks: Sequence[bytes], checksum: str | None) -> bool:
        """Give a small file its name; where that takes a part, write it and return False."""
        if checksum is not None:
            self._check(io.BytesIO(b"".join(chunks)), checksum)
        with contextlib.suppress(FileExistsError):
            if not self._overwrite and place(self._target, chunks):
                return True
        self._check_target()
        self._begin_on_disk(None, sum(map(len, chunks)))
        self._part.write_at(0, chunks)
        return False

    def _check_part(self, size_bytes: int) -> None:
        if not self._part.is_in_place() or self._part.size_bytes != size_bytes:
            self.discard()
            raise ContentInvalid(
                f"{self._part.path.name} changed while it was written.",
                "Something else wrote to it, or put another file in its place.",
                "Run one download at a time, and try again.",
            )

    def _check(self, file: BinaryIO, checksum: str | None) -> None:
        if checksum is not None and not matches(file, checksum):
            self.discard()
            raise ContentInvalid(
                f"{self._target.name} has another checksum than the catalogue says.",
                "It was damaged on the way, or the catalogue is out of date.",
                "Try again; if it stays so, tell the provider.",
            )

    def discard(self) -> None:
        """Remove part and journal, where they are ours."""
        with writing_to(self._part.path):
            if self._part.is_in_place():
                self._part.close_for_windows()
                self._part.path.unlink(missing_ok=True)
                self._journal_path.unlink(missing_ok=True)
            self._let_go()
        self.done, self.journal, self._memory, self._has_bytes = [], None, None, False

    def _let_go(self) -> None:
        self._close_log()
        self._part.close()

    def _close_log(self) -> None:
        log, self._log = self._log, None
        if log is not None:
            log.close()

    def _check_target(self) -> None:
        if not self._overwrite and os.path.lexists(self._target):
            raise TargetInvalid(
                f"Another file {self._target.name} came there meanwhile.",
                "Perhaps another notebook fetched it.",
                "Run this again to compare them, or allow overwriting (`--overwrite`, overwrite=True).",
            )
