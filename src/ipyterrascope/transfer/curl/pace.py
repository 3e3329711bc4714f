"""How many connections a host is asked for at once, and how fast all may be (floor 4). Pure.

A host is asked for eight connections at first, for sixteen from its first answer on that comes well, so that all parts
of a large file are begun together, and for three more with each further answer, up to the ceiling. A host that says
"too much" (429, 503) or refuses further connections is asked for half as many, and for more again only slowly. Every
second it looks whether the last additions made it faster; where they did not, they are taken back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_FIRST, _THEN = 8, 16
_MORE, _SLOWLY = 3, 1
_LOOK_EVERY_S = 1.0
_WORTH = 1.05
_CALM_S = 30.0
_OFTEN = 20
"""Turns between two looks, below which none is worth a pause."""
_LITTLE_BYTES, _MUCH_BYTES = 64 << 10, 1 << 20
_LONG_BYTES = 512 << 10
"""What a request has to bring on the average for its end to be let wait."""
_PAUSE_S = 0.002


@dataclass
class Pace:
    """The pace of one host.

    Parameters
    ----------
    ceiling : int
        Never more connections than this.

    Attributes
    ----------
    allowed : int
        How many connections may be under way now.
    rests_until : float
        Until then, in the caller's seconds, the host is not asked for anything new.
    """

    ceiling: int
    rests_until: float = field(default=0.0, init=False)
    allowed: int = field(default=0, init=False)
    _is_new: bool = field(default=True, init=False)
    _more: int = field(default=_MORE, init=False)
    _calm_until: float = field(default=0.0, init=False)
    _looked_at: float | None = field(default=None, init=False)
    _bytes_then: int = field(default=0, init=False)
    _before: tuple[int, float] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.allowed = min(_FIRST, self.ceiling)

    def answered(self, now: float) -> None:
        """Say that the host answered a request well."""
        if now >= self._calm_until:
            self.allowed = min(_THEN if self._is_new else self.allowed + self._more, self.ceiling)
            self._is_new = False

    def overloaded(self, now: float, rest_s: float) -> None:
        """Say that the host wants less: half of the connections, and nothing new for `rest_s` seconds."""
        if now >= self.rests_until:
            self.allowed = max(1, self.allowed // 2)
        self.rests_until = max(self.rests_until, now + rest_s)
        self._calm_until = now + _CALM_S
        self._is_new, self._more, self._before = False, _SLOWLY, None

    def unreached(self, now: float, rest_s: float) -> None:
        """Say that the host was not reached: after `rest_s` seconds it is asked for one thing, then slowly for more."""
        self.allowed = 1
        self.rests_until = max(self.rests_until, now + rest_s)
        self._calm_until, self._is_new, self._more, self._before = now, False, _SLOWLY, None

    def received(self, brought_bytes: int, busy: int, now: float) -> None:
        """Say how many bytes came from the host so far, and that `busy` connections bring more."""
        if self._looked_at is None:
            self._looked_at, self._bytes_then = now, brought_bytes
        elapsed = now - self._looked_at
        if elapsed < _LOOK_EVERY_S:
            return
        speed, before = (brought_bytes - self._bytes_then) / elapsed, self._before
        self._looked_at, self._bytes_then, self._before = now, brought_bytes, (busy, speed)
        if before and busy > before[0] and speed < before[1] * _WORTH:
            # never fewer than at first: what one large file makes no use of, many small ones after it may
            self.allowed = max(before[0], min(_FIRST, self.allowed))
            self._calm_until, self._more = now + _CALM_S, _SLOWLY


class Allowance:
    """A speed that is not to be exceeded.

    What was not used is not saved up: a pause of the network is followed by no burst.

    Parameters
    ----------
    rate : float or None
        Bytes a second; None for any.
    now : float
        The caller's seconds.
    """

    def __init__(self, rate: float | None, now: float) -> None:
        self._rate = rate
        self._paid_until = now
        self._bytes_then = 0

    def rest_s(self, brought_bytes: int, now: float) -> float:
        """Return how long to read nothing, when `brought_bytes` came so far."""
        if self._rate is None:
            return 0.0
        self._paid_until = max(now, self._paid_until + (brought_bytes - self._bytes_then) / self._rate)
        self._bytes_then = brought_bytes
        return self._paid_until - now


class Gathering:
    """A pause after each turn in which little comes, so that more comes at the next.

    Over a wide-area network every packet ends the wait for it, and looking at each by itself costs more than its
    content. Where a turn brings much, as on a fast line, and where requests end all the time, there is no pause.

    Attributes
    ----------
    pause_s : float
        How long to let data gather after a turn.
    """

    def __init__(self) -> None:
        self.pause_s = 0.0
        self._bytes_then = 0

    def looked(self, turns: int, ended: int, brought_bytes: int) -> None:
        """Say how many turns there were since the last time, how many requests ended in them, and what came so far."""
        brought, self._bytes_then = brought_bytes - self._bytes_then, brought_bytes
        if turns < _OFTEN or brought > turns * _MUCH_BYTES or ended * _LONG_BYTES > brought:
            self.pause_s = 0.0
        elif brought < turns * _LITTLE_BYTES:
            self.pause_s = _PAUSE_S
