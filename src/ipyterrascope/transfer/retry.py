"""When to try again, and when no more: back-off with jitter, what the server asks for, hosts given up (floor 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import ServerUnreachable, TargetInvalid, TerrascopeError, TransferError


@dataclass(frozen=True)
class Backoff:
    """How often and after how long a transfer is tried again.

    Parameters
    ----------
    max_tries : int
        Tries in a row that bring the file no further, the first included.
    first_s, most_s : float
        The longest wait after the first try, in seconds, and after any. It doubles from one to the other.
    most_asked_s : float
        A server that asks for more (`Retry-After`) is not waited for: nobody's cell shall hang for a day.
    """

    max_tries: int = 6
    first_s: float = 1.0
    most_s: float = 30.0
    most_asked_s: float = 120.0

    def ends(self, tries: int, asked_s: float | None) -> bool:
        """Tell whether there is to be no other try after so many, or because the server asks for too long a wait."""
        return tries >= self.max_tries or (asked_s or 0.0) > self.most_asked_s

    def wait_s(self, tries: int, asked_s: float | None, random: Callable[[], float]) -> float:
        """Return the wait after so many tries: never less than asked, and never two clients alike.

        Parameters
        ----------
        tries : int
            1 or more.
        asked_s : float or None
            What the server asked for.
        random : callable
            Gives a number from 0 to 1.
        """
        ours = min(self.most_s, self.first_s * 2.0 ** min(tries - 1, 30)) * (0.5 + 0.5 * random())
        return ours if asked_s is None else asked_s + random()


class GivenUp:
    """The hosts that were not reached, or delivered none of the last few files, though they were tried again, and the
    disk to which none of these could be written: the rest is not tried.

    Parameters
    ----------
    most_files : int
        Files in a row.
    """

    def __init__(self, most_files: int = 3) -> None:
        self._most_files = most_files
        self._in_a_row: Counter[str] = Counter()
        self._last: dict[str, TerrascopeError] = {}
        self._unreached: set[str] = set()
        self._unwritten: list[TargetInvalid] = []

    def note(self, host: str, error: TerrascopeError | None) -> None:
        """Say how a file of a host ended. Any answer that is no passing failure shows that the host is there."""
        if isinstance(error, TargetInvalid) and error.concerns_all:
            self._unwritten.append(error)
        else:
            self._unwritten.clear()
        if error is None or not error.retryable:
            self._in_a_row[host] = 0
        else:
            self._in_a_row[host] += 1
            self._last[host] = error

    def unreached(self, host: str, error: TerrascopeError) -> None:
        """Say that a host cannot be reached, however often it is tried."""
        self._unreached.add(host)
        self._last[host] = error

    def error_for(self, host: str) -> TransferError | None:
        """Return why no other file of a host is tried; None when it is to be."""
        if len(self._unwritten) >= self._most_files:
            last = self._unwritten[-1]
            return TargetInvalid(f"Not tried: {last.what}", last.why, last.do)
        files = self._in_a_row[host]
        if host in self._unreached:
            last = self._last[host]
            return ServerUnreachable(f"Not tried: {last.what}", last.why, last.do)
        if files < self._most_files:
            return None
        last = self._last[host]
        return ServerUnreachable(
            f"Not tried: {host} did not deliver {files} files in a row.",
            f"The last time: {last.what} {last.why}".strip(),
            last.do,
            status=last.status,
        )
