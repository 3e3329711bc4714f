"""One set of tokens as it is held here, and how long it lasts (floor 3)."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..values.tokens import TokenSet


class Held:
    """A set of tokens, and the moment since when it is held.

    Parameters
    ----------
    tokens : TokenSet
    clock, monotonic : callable
        POSIX seconds, and a clock that never jumps: whichever says earlier that a token ends is believed.
    """

    def __init__(self, tokens: TokenSet, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self.tokens = tokens
        self._clock, self._monotonic = clock, monotonic
        self._since = monotonic()

    @property
    def age_s(self) -> float:
        """Seconds for which it has been held."""
        return self._monotonic() - self._since

    def remaining_s(self) -> float:
        """Return the seconds that the access token has left; infinite when its end is not known."""
        if self.tokens.expires_at is None:
            return math.inf
        by_wall = self.tokens.expires_at - self._clock()
        return min(by_wall, (self.tokens.lifetime_s or 0.0) - self.age_s)

    def needed_s(self, min_valid_s: float) -> float:
        """Return the seconds it must have left to be used unrenewed where `min_valid_s` are wished for."""
        wanted = min(min_valid_s, 0.5 * (self.tokens.lifetime_s or 0.0))
        return max(self.tokens.leeway_s, wanted) if self.tokens.refresh_token else 0.0

    def session_remaining_s(self) -> float:
        """Return the seconds an idle session has left; infinite when it does not end or that is not known."""
        ends_at = self.tokens.refresh_expires_at
        return math.inf if ends_at is None else ends_at - self.tokens.issued_at - self.age_s
