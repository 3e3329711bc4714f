"""A renewal under way, and what becomes of its answer when the vault was released meanwhile (floor 3)."""

from __future__ import annotations

import threading

from ..errors import LoginRequired
from ..threads.errand import Errand
from ..values.tokens import TokenSet
from .held import Held


class Renewal(Errand["TokenSet | BaseException"]):
    """A renewal under way. `is_awaited` while somebody who released the vault will take what it brings."""

    is_awaited = False


class Released:
    """What a vault held when it was released.

    Parameters
    ----------
    held : Held, optional
    renewal : Renewal, optional
        Under way at that moment.
    lock : threading.Lock
        The vault's, which is held now: from here on `renewal` is awaited.
    """

    def __init__(self, held: Held | None, renewal: Renewal | None, lock: threading.Lock) -> None:
        self._held, self._renewal, self._lock = held, renewal, lock
        if renewal is not None:
            renewal.is_awaited = True

    def newest(self, wait_s: float) -> TokenSet | None:
        """Return the tokens, or None when they turned out dead.

        Waits for a renewal under way, `wait_s` seconds at most: it voids an older refresh token.

        Raises
        ------
        TimeoutError
            The renewal goes on; what it brings goes to the vault's `on_orphaned`.
        """
        renewal, held = self._renewal, self._held
        if held is None or renewal is None:
            return held.tokens if held else None
        renewal.wait(wait_s)
        with self._lock:
            renewal.is_awaited = False
            answer = renewal.answer
        if answer is None:
            raise TimeoutError
        return settled(held, answer)


def settled(held: Held, answer: TokenSet | BaseException) -> TokenSet | None:
    """Return the tokens that live after a renewal of `held` was answered so."""
    if isinstance(answer, TokenSet):
        return answer
    return None if isinstance(answer, LoginRequired) else held.tokens
