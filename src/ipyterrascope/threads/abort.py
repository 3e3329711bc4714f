"""The wish to end what is under way, told from one thread to others (below floor 1)."""

from __future__ import annotations

from queue import SimpleQueue


class AbortSignal:
    """Is handed to calls that may take their time, and ends all of them when `abort` is called, once and for good.

    Attributes
    ----------
    is_aborted : bool
    """

    def __init__(self) -> None:
        self.is_aborted = False
        self._waiting: list[SimpleQueue[None]] = []

    def abort(self) -> None:
        """Let every call that was handed this end now, and every later one at once."""
        self.is_aborted = True
        for news in tuple(self._waiting):
            news.put(None)

    def tell(self, news: SimpleQueue[None]) -> None:
        """Put something into `news` when it is aborted, also where that has happened already."""
        self._waiting.append(news)
        if self.is_aborted:
            news.put(None)

    def forget(self, news: SimpleQueue[None]) -> None:
        """Tell `news` nothing any more."""
        self._waiting.remove(news)
