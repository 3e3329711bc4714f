"""One file on its way (floor 4)."""

from __future__ import annotations

from ..partial import Partial
from ..pieces import Piece, Pieces
from ..plan import Action
from ..rivals import Rival
from .host import Host


class Job:
    """One file on its way.

    Parameters
    ----------
    action : Action
    partial : Partial
        Opened: it tells what is there.
    url : str
        The address as it goes on the wire.
    host : Host
        Who is asked for it.
    began_at : float
        When, in the engine's seconds.

    Attributes
    ----------
    place : str
        Where the file was found by redirects; nothing of it is written down.
    validator : str or None
        What names the content of which bytes are there (RFC 9110 section 8.8).
    asks_for_size : bool
        True until the server was asked whether the file that is there already has the right size.
    may_split : bool
        False as soon as the server has shown that it serves no ranges of it.
    is_open : bool
        True from the first bytes that were believed on.
    is_finishing : bool
        True from the moment on when it is to get its name.
    tries : int
        Failures in a row that brought it no further.
    furthest : int
        How many bytes were there at most.
    due : float
        Nothing is asked before that moment, in the engine's seconds.
    rival : Rival or None
        Another download that had it before.
    """

    validator: str | None = None
    rival: Rival | None = None
    is_open = is_finishing = _is_spread = False
    tries, furthest, due = 0, 0, 0.0

    def __init__(self, action: Action, partial: Partial, url: str, host: Host, began_at: float) -> None:
        self.action, self.item, self.partial, self.host = action, action.item, partial, host
        self.url = self.place = url
        self.began_at = began_at
        self.may_split = host.pace.ceiling > 1
        self.asks_for_size = action.present_bytes is not None
        journal = partial.journal
        if journal is None:
            self.pieces = Pieces(None)
        else:
            self.validator = journal.validator
            self.pieces = Pieces(journal.size_bytes, partial.done)
            self.furthest = self.pieces.done_bytes

    @property
    def size_bytes(self) -> int | None:
        """The size, as soon as somebody told it."""
        return self.item.size_bytes if self.pieces.size_bytes is None else self.pieces.size_bytes

    @property
    def can_share(self) -> bool:
        """True when several connections may work on it."""
        return self.is_open and self.may_split and self.validator is not None

    def offer(self) -> None:
        """Have bytes that nobody fetches yet, if there are any, given out by and by."""
        if self.pieces.is_open:
            self.host.open_jobs[self] = None

    def give_back(self, piece: Piece) -> None:
        """Take a piece back from a request that has ended; what it did not bring can be given out again."""
        self.pieces.return_(piece)
        if self.pieces.is_open:
            self.host.open_jobs[self] = None

    def next_piece(self) -> Piece | None:
        """Give out bytes that nobody fetches yet."""
        if self.pieces.under_way and not self.can_share:
            return None
        if self.can_share and not self._is_spread:
            self._is_spread = True
            self.pieces.spread(self.host.pace.ceiling)
        return self.pieces.take()

    def taken_over(self) -> Piece | None:
        """Give out a half of what another connection fetches."""
        return self.pieces.take_over() if self.can_share else None

    def restart(self) -> None:
        """Begin anew, with nothing under way: what is there is of another content, or cannot be gone on with.

        Its bytes stay until the first of the new ones come.
        """
        self.pieces, self.validator, self.is_open, self._is_spread = Pieces(None), None, False, False
        self.offer()
