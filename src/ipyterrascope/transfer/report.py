"""What became of a download: one outcome for each item, and the report of all (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import Literal, overload

from ..errors import DownloadFailed, TerrascopeError, UsageError
from .checksums import read_multihash
from .folder import from_here
from .names import shown, size_text
from .sources import Item
from .tables import MOST_ROWS, NOTHING, Row, html_table, text_table

Status = Literal["saved", "linked", "copied", "skipped", "failed", "cancelled"]
UNFETCHED: tuple[Status, ...] = ("failed", "cancelled")
"""What a file is that is not there."""
_WORDS: dict[Status, str] = {
    "saved": "saved",
    "linked": "linked",
    "copied": "copied",
    "skipped": "already there",
    "failed": "failed",
    "cancelled": "cancelled",
}
_MOST_ADVICES = 3
_REST = "What was saved stays: the same call again fetches only the rest."
_GOES_ON = "The same call goes on where it was."
_ANEW = "The same call fetches them."


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one item.

    Attributes
    ----------
    item : Item
    path : pathlib.Path
        Where the file is, or would have been.
    status : {"saved", "linked", "copied", "skipped", "failed", "cancelled"}
        "linked" and "copied" mean that it lay on this machine, "skipped" that it was in its place already, "cancelled"
        that the download was ended before its turn, or in it.
    size_bytes : int, optional
        The size of the whole file, where it is there.
    error : TerrascopeError, optional
        Why it failed.
    seconds : float
        How long it took.
    kept_bytes : int
        How much of a file that was not fetched is kept, for another try to go on with.
    """

    item: Item
    path: Path
    status: Status
    size_bytes: int | None = None
    error: TerrascopeError | None = None
    seconds: float = 0.0
    kept_bytes: int = 0

    @property
    def checksum(self) -> Literal["matched", "not checked"] | None:
        """What became of the checksum, if there was one: "not checked" where its function is not known here.

        None for what was not read now: it was there already, or is only linked.
        """
        if self.status not in ("saved", "copied") or self.item.checksum is None:
            return None
        return "matched" if read_multihash(self.item.checksum) else "not checked"

    @property
    def note(self) -> str:
        """What to know beside the status: why it failed, what is kept of it, or that the checksum was not checked."""
        kept = f"{size_text(self.kept_bytes)} of it are kept." if self.kept_bytes else ""
        if self.error is not None or kept:
            return " ".join(filter(None, (self.error.what if self.error else "", kept)))
        return "its checksum is of an unknown kind and was not checked" if self.checksum == "not checked" else ""


class Report(Sequence[Path]):
    """The paths of what is there now, in the order of what was asked for, and what became of each item.

    A URL that was asked for twice is fetched once and is in the report twice, so that paths and URLs can be zipped.

    Parameters
    ----------
    outcomes : iterable of Outcome
    seconds : float
        How long all of it took.
    again : callable, optional
        Fetches what a report says was not fetched, for `retry`.
    """

    def __init__(
        self,
        outcomes: Iterable[Outcome],
        seconds: float = 0.0,
        *,
        again: Callable[[Report], Report] | None = None,
    ) -> None:
        self.outcomes = tuple(outcomes)
        self.seconds = seconds
        self._again = again
        self._paths = [outcome.path for outcome in self.outcomes if outcome.status not in UNFETCHED]

    @property
    def saved(self) -> list[Outcome]:
        """What was fetched now."""
        return self._with("saved")

    @property
    def linked(self) -> list[Outcome]:
        """What lay on this machine, and is linked to now."""
        return self._with("linked")

    @property
    def copied(self) -> list[Outcome]:
        """What lay on this machine, and was copied now."""
        return self._with("copied")

    @property
    def skipped(self) -> list[Outcome]:
        """What was there already."""
        return self._with("skipped")

    @property
    def failed(self) -> list[Outcome]:
        """What could not be fetched."""
        return self._with("failed")

    @property
    def cancelled(self) -> list[Outcome]:
        """What was not fetched because the download was cancelled."""
        return self._with("cancelled")

    def retry(self) -> Report:
        """Fetch what failed or was cancelled again, with the same options, and wait for it.

        Returns
        -------
        Report
            That of the whole: what was there before, and what came now.

        Raises
        ------
        UsageError
            It is a report that was made by hand, or read from a file.
        TransferError
            Something failed again; as `download` raises it.
        """
        if not (self.failed or self.cancelled):
            return self
        if self._again is None:
            raise UsageError(
                "This report does not know how it came about.",
                "It was made by hand, or read from a file.",
                "Make the same call of download again: it fetches only the rest.",
            )
        return self._again(self)

    def _with(self, status: Status) -> list[Outcome]:
        return [*self._by_status.get(status, ())]

    @property
    def files_total(self) -> int:
        """How many files were asked for: what was asked for twice is one."""
        return len(self._once)

    @cached_property
    def _once(self) -> list[Outcome]:
        """Each outcome once: to compare a hundred thousand by their fields, time and again, would take seconds."""
        return [*{id(outcome): outcome for outcome in self.outcomes}.values()]

    @cached_property
    def _by_status(self) -> dict[Status, list[Outcome]]:
        found: dict[Status, list[Outcome]] = {}
        for outcome in self._once:
            found.setdefault(outcome.status, []).append(outcome)
        return found

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> list[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | list[Path]:
        return self._paths[index]

    def __len__(self) -> int:
        return len(self._paths)

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON can hold it. URLs are without their query."""
        return {
            **{status: len(self._by_status.get(status, ())) for status in _WORDS},
            "seconds": self.seconds,
            "outcomes": [_as_dict(outcome) for outcome in self.outcomes],
        }

    def __reduce__(self) -> tuple[type[Report], tuple[tuple[Outcome, ...], float]]:
        # without the way to fetch more, which holds who is signed in
        return Report, (self.outcomes, self.seconds)

    def __str__(self) -> str:
        counts = [f"{len(self._with(status)):,} {word}" for status, word in _WORDS.items() if self._with(status)]
        fetched = sum(outcome.size_bytes or 0 for outcome in self.saved)
        size = f" ({size_text(fetched)} in {self.seconds:.1f} s)" if self.saved else ""
        return f"{', '.join(counts) or NOTHING}{size}"

    def __repr__(self) -> str:
        return text_table(f"Report: {self}", self._rows(), self.files_total)

    def _repr_html_(self) -> str:
        return html_table(str(self), self._rows(), self.files_total)

    def _rows(self) -> list[Row]:
        rest = (outcome for outcome in self._once if outcome.status not in UNFETCHED)
        first = islice(chain(self.failed, self.cancelled, rest), MOST_ROWS)
        return [(_WORDS[row.status], size_text(row.size_bytes), from_here(row.path), row.note) for row in first]


def download_failed(report: Report) -> DownloadFailed:
    """Return the error that sums up what failed, a line for each; `retryable` when the same call may mend all of it."""
    cancelled, of_all = len(report.cancelled), f"of {report.files_total}"
    errors = [(outcome.item.name, outcome.error) for outcome in report.failed if outcome.error is not None]
    # two that would be one file say the same
    distinct = {(name, error.what, error.why): f"{name}: {error.what}" for name, error in errors}
    lines = [*distinct.values()][:MOST_ROWS]
    if len(distinct) == 1:
        _, _, why = next(iter(distinct))
        lines = [f"{lines[0]} {why}".rstrip()]
    if len(distinct) > MOST_ROWS:
        lines.append(f"… and {len(distinct) - MOST_ROWS:,} more: in Python, `report.failed` has all of them")
    advices = [*dict.fromkeys(error.do for _, error in errors if error.do)][:_MOST_ADVICES]
    what = [f"{len(report.failed)} {of_all} downloads failed."] if errors or not cancelled else []
    what += [f"Cancelled: {cancelled} {of_all} {'was' if cancelled == 1 else 'were'} not fetched."] if cancelled else []
    kept_bytes = sum(outcome.kept_bytes for outcome in (*report.failed, *report.cancelled))
    what += [f"{size_text(kept_bytes)} are kept."] if kept_bytes else []
    if kept_bytes or len(report) or cancelled:
        advices.append(_GOES_ON if kept_bytes else _REST if len(report) else _ANEW)
    failed = DownloadFailed(" ".join(what), "\n".join(lines), " ".join(advices))
    failed.report = report
    failed.retryable = all(error.retryable for _, error in errors)
    return failed


def _as_dict(outcome: Outcome) -> dict[str, object]:
    error = outcome.error
    return {
        "url": shown(outcome.item.url),
        "name": outcome.item.name,
        "path": str(outcome.path),
        "status": outcome.status,
        "size_bytes": outcome.size_bytes,
        "seconds": outcome.seconds,
        "kept_bytes": outcome.kept_bytes,
        "checksum": outcome.checksum,
        "error": error
        and {
            "type": type(error).__name__,
            "what": error.what,
            "why": error.why,
            "do": error.do,
            "status": error.status,
            "retryable": error.retryable,
        },
    }
