"""One set of tokens as it is held here, and how long it lasts (floor 3)."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..values.tokens import TokenSet
from .renewers import Renewer


class Held:
    """A set of tokens, and the moment since when it is held.

    Parameters
    ----------
    tokens : TokenSet
    renewer : Renewer, optional
        How they are renewed; None where they cannot be.
    clock, monotonic : callable
        POSIX seconds, and a clock that never jumps: whichever says earlier that a token ends is believed.
    """

    def __init__(
        self,
        tokens: TokenSet,
        renewer: Renewer | None,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self.tokens, self.renewer = tokens, renewer
        self._clock, self._monotonic = clock, monotonic
        self._since = monotonic()

    @property
    def age_s(self) -> float:
        """Seconds for which it has been held."""
        return self._monotonic() - self._since

    def is_young(self, youth_s: float) -> bool:
        """Tell whether the token was issued less than `youth_s` ago, or a tenth of its life where that is less."""
        age_s = max(self.age_s, self._clock() - self.tokens.issued_at)  # one that was lent may be older than it is here
        return age_s < min(youth_s, 0.1 * (self.tokens.lifetime_s or math.inf))

    @property
    def has_news(self) -> bool:
        """True where another token lies ready."""
        return self.renewer is not None and self.renewer.has_news()

    def is_of(self, tokens: TokenSet) -> bool:
        """Tell whether the access token of `tokens` is the one that is held, with no more time."""
        mine = self.tokens
        return (mine.access_token, mine.expires_at) == (tokens.access_token, tokens.expires_at)

    def lasts(self, min_valid_s: float) -> bool:
        """Tell whether it can be used unrenewed where `min_valid_s` seconds are wished for."""
        return self.remaining_s() > self._needed_s(min_valid_s)

    def remaining_s(self) -> float:
        """Return the seconds that the access token has left; infinite when its end is not known."""
        if self.tokens.expires_at is None:
            return math.inf
        by_wall = self.tokens.expires_at - self._clock()
        return min(by_wall, (self.tokens.lifetime_s or 0.0) - self.age_s)

    def _needed_s(self, min_valid_s: float) -> float:
        if self.renewer is None:
            return 0.0
        wanted = min(max(min_valid_s, self.renewer.margin_s), 0.5 * (self.tokens.lifetime_s or 0.0))
        return max(self.tokens.leeway_s, wanted)

    def session_remaining_s(self) -> float:
        """Return the seconds an idle session has left; infinite when it does not end or that is not known."""
        ends_at = self.tokens.refresh_expires_at
        return math.inf if ends_at is None else ends_at - self.tokens.issued_at - self.age_s
