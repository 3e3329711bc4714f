"""When to try again: exponential back-off with jitter, and what the server asks for (floor 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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
        What is waited at most when the server asks for a time (`Retry-After`): nobody's cell shall hang for a day.
    """

    max_tries: int = 6
    first_s: float = 1.0
    most_s: float = 30.0
    most_asked_s: float = 120.0

    def wait_s(self, tries: int, asked_s: float | None, random: Callable[[], float]) -> float:
        """Return the wait after so many tries: never less than asked (up to the cap), and never two clients alike.

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
        return ours if asked_s is None else min(asked_s, self.most_asked_s) + random()
