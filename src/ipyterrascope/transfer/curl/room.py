"""Room on the disk, which a file without an end would take from all others (floor 4)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ...errors import TargetInvalid
from ..names import size_text
from .host import Host
from .job import Job

_MOST_RESERVED_BYTES, _RESERVED_SHARE = 1 << 30, 0.05
"""So much of a disk, and at most so many bytes, are left to others than a file of which nobody tells the size."""
_COUNTED_EACH = 10
"""What the others need is counted anew at so many looks at least: it takes long where thousands wait."""


class Room:
    """Watches files of which no catalogue tells the size: one that never ends, or is too long, would fill the disk.

    Parameters
    ----------
    usage : callable
        Tells of the disk of a folder how large it is, and how much of that is used and free, in bytes.
    """

    def __init__(self, usage: Callable[[Path], tuple[int, int, int]]) -> None:
        self._usage = usage
        self._most_needed, self._looks = sys.maxsize, 0

    def outgrown(self, hosts: Sequence[Host]) -> tuple[Job, TargetInvalid] | None:
        """Return the file that has to stop so that the disk is not filled and the rest has room, and the error for it;
        None where there is none."""
        unknown = [job for host in hosts for job in host.jobs if job.is_open and job.item.size_bytes is None]
        unsized = [job for job in unknown if job.size_bytes is None]
        longest = max(unknown, key=_left, default=None)
        if longest is None or not (unsized or _left(longest)):
            return None
        # what cannot be looked at cannot be full, as far as is known
        with suppress(OSError):
            total, _, free = self._usage(longest.action.path.parent)
            if _left(longest) > free:
                return longest, _too_long(longest, free)
            if unsized:
                return self._without_end(max(unsized, key=lambda each: each.pieces.done_bytes), hosts, total, free)
        return None

    def _without_end(self, job: Job, hosts: Sequence[Host], total: int, free: int) -> tuple[Job, TargetInvalid] | None:
        done, reserve = job.pieces.done_bytes, min(_MOST_RESERVED_BYTES, total * _RESERVED_SHARE)
        self._looks += 1
        if free - self._most_needed >= reserve and self._looks % _COUNTED_EACH:
            return None
        needed = self._most_needed = sum(map(_needed, hosts))
        if needed >= free + done:
            needed = 0  # for that there was no room before
        # one that took little is not what fills it
        return (job, _endless(job, free, needed)) if free - needed < min(reserve, done) else None


def _left(job: Job) -> int:
    return 0 if job.size_bytes is None else job.size_bytes - job.pieces.done_bytes


def _needed(host: Host) -> int:
    """Return what is still to come to the disk of files whose size is known."""
    waiting = (
        action.item.size_bytes - action.part_bytes for action in (*host.waiting, *host.held) if action.item.size_bytes
    )
    return max(0, sum(waiting)) + max(0, sum(map(_left, host.jobs)))


def _endless(job: Job, free: int, needed: int) -> TargetInvalid:
    others = f", of which the other files need {size_text(needed)}" if needed else ""
    return TargetInvalid(
        f"{job.item.name} was stopped before it filled the disk.",
        f"The server does not tell how long it is: {size_text(job.pieces.done_bytes)} came, and {size_text(free)} are "
        f"free{others}.",
        "Make room if it is that long, then try again; if it has no end, tell the provider.",
    )


def _too_long(job: Job, free: int) -> TargetInvalid:
    return TargetInvalid(
        f"{job.item.name} has no room on the disk.",
        f"The server says that it has {size_text(job.size_bytes or 0)}, and {size_text(free)} are free.",
        "Make room, then try again: it goes on where it was, if the server allows.",
    )
