"""How far a download, and each of its files, is: what a view of it shows (floor 4). Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .names import size_text
from .report import Status

Phase = Literal["running", "paused", "done", "failed", "cancelled"]
Which = Literal["all", "active", "failed"]


@dataclass(frozen=True, kw_only=True)
class FileState:
    """How far one file is.

    Attributes
    ----------
    name : str
        Its path in the target folder.
    status : {"waiting", "active"} or that of an `Outcome`
        "waiting" for its turn, also while paused.
    bytes_done : int
        How many bytes of it are there.
    bytes_total : int, optional
        Its size, once it is known.
    note : str
        Why it failed, or what it waits for; or empty.
    advice : str
        What to do about it; or empty.
    """

    name: str
    status: Literal["waiting", "active"] | Status
    bytes_done: int = 0
    bytes_total: int | None = None
    note: str = ""
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class DownloadState:
    """How a download stood at one moment.

    Attributes
    ----------
    phase : {"running", "paused", "done", "failed", "cancelled"}
        The last three are ends; "failed" means that at least one file did.
    files_done, files_failed, files_total : int
        Files that are there, that failed, and all.
    bytes_done : int
        Bytes that are there, those of earlier runs and of unfinished files included.
    bytes_total : int, optional
        Size of all files, once it is known of each.
    bytes_per_s : float
        What came from the network in the last seconds; 0 where nothing does.
    eta_s : float, optional
        Seconds to the end at that speed; an estimate where not every size is known.
    fraction : float
        How much is done, from 0 to 1: of the bytes, or of the files while not every size is known.
    active : tuple of FileState
        The files that are being fetched.
    """

    phase: Phase
    files_done: int = 0
    files_failed: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int | None = None
    bytes_per_s: float = 0.0
    eta_s: float | None = None
    fraction: float = 0.0
    active: tuple[FileState, ...] = ()

    @property
    def is_ended(self) -> bool:
        """True when nothing more happens by itself."""
        return self.phase not in ("running", "paused")

    def __str__(self) -> str:
        of_all = "" if self.bytes_total is None else f" of {size_text(self.bytes_total)}"
        kept = " kept" if self.phase in ("paused", "failed", "cancelled") else ""
        parts = [
            f"{self.files_done} of {self.files_total} files",
            f"{self.files_failed} failed" if self.files_failed else "",
            f"{size_text(self.bytes_done)}{of_all}{kept}" if self.bytes_done or self.bytes_total else "",
            f"{size_text(int(self.bytes_per_s))}/s" if self.bytes_per_s >= 1 else "",
            "" if self.eta_s is None else f"{self.eta_s:.0f} s left",
        ]
        return ", ".join(filter(None, parts))
