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


class Room:
    """Watches files of which nobody tells the size: one that never ends would fill the disk.

    Parameters
    ----------
    usage : callable
        Tells of the disk of a folder how large it is, and how much of that is used and free, in bytes.
    """

    def __init__(self, usage: Callable[[Path], tuple[int, int, int]]) -> None:
        self._usage = usage
        self._most_needed = sys.maxsize

    def outgrown(self, hosts: Sequence[Host]) -> tuple[Job, TargetInvalid] | None:
        """Return the file that has to stop so that the disk is not filled and the rest has room, and the error for it;
        None where there is none."""
        unsized = [job for host in hosts for job in host.jobs if job.is_open and job.size_bytes is None]
        if not unsized:
            return None
        job = max(unsized, key=lambda each: each.pieces.done_bytes)
        # what cannot be looked at cannot be full, as far as is known
        with suppress(OSError):
            total, _, free = self._usage(job.action.path.parent)
            done, reserve = job.pieces.done_bytes, min(_MOST_RESERVED_BYTES, total * _RESERVED_SHARE)
            if free - self._most_needed >= reserve:
                return None  # it only becomes less
            needed = self._most_needed = sum(map(_needed, hosts))
            if needed >= free + done:
                needed = 0  # for that there was no room before
            # one that took little is not what fills it
            if free - needed < min(reserve, done):
                return job, _without_end(job, free, needed)
        return None


def _needed(host: Host) -> int:
    """Return what is still to come to the disk of files whose size is known."""
    waiting = (
        action.item.size_bytes - action.part_bytes for action in (*host.waiting, *host.held) if action.item.size_bytes
    )
    begun = (job.size_bytes - job.pieces.done_bytes for job in host.jobs if job.size_bytes)
    return max(0, sum(waiting)) + max(0, sum(begun))


def _without_end(job: Job, free: int, needed: int) -> TargetInvalid:
    others = f", of which the other files need {size_text(needed)}" if needed else ""
    return TargetInvalid(
        f"{job.item.name} was stopped before it filled the disk.",
        f"The server does not tell how long it is: {size_text(job.pieces.done_bytes)} came, and {size_text(free)} are "
        f"free{others}.",
        "Make room if it is that long, then try again; if it has no end, tell the provider.",
    )
