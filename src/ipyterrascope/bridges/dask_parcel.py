"""What a kernel sends to its workers: an access token and the time that it has left, or why there is none (floor 5).

Seconds that are left rather than instants, for the clocks of two machines differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeGuard, cast

from ..values.secret import Secret
from ..values.tokens import TokenSet, is_fit_for_header

MOST_SERIAL = 1 << 31
"""What numbers itself so high comes from no kernel: one makes a few hundred tokens a day."""


@dataclass(frozen=True)
class Parcel:
    """An access token on its way. It pickles, for that is how it travels; nobody keeps one.

    Attributes
    ----------
    serial : int
        Grows with every other token, so that an older one never replaces a newer one.
    token : Secret
    left_s, lifetime_s : float or None
        Seconds until it ends, and from its issue to its end; None where that is not known.
    login : int
        Of which of the kernel's logins it is: where that is another one, nothing of the former is left.
    """

    serial: int
    token: Secret
    left_s: float | None
    lifetime_s: float | None
    login: int = 1

    def __reduce__(self) -> tuple[Callable[..., Parcel], tuple[int, str, float | None, float | None, int]]:
        return _unpacked, (self.serial, self.token.reveal(), self.left_s, self.lifetime_s, self.login)

    def tokens(self, now: float) -> TokenSet:
        """Return it as a set that came at `now`, in POSIX seconds of the clock here."""
        if self.left_s is None:
            return TokenSet(access_token=self.token, issued_at=now)
        ends_at = now + self.left_s
        return TokenSet(access_token=self.token, issued_at=ends_at - (self.lifetime_s or 0.0), expires_at=ends_at)


@dataclass(frozen=True)
class Refusal:
    """Why there is no token: the three sentences of an error, and a serial number as for a `Parcel`."""

    serial: int
    what: str
    why: str = ""
    do: str = ""


def is_sound(sent: object) -> TypeGuard[Parcel | Refusal]:
    """Tell whether what came is what a kernel sends: whoever is on the cluster can send anything."""
    if not isinstance(sent, (Parcel, Refusal)):
        return False
    serial, *fields = cast("tuple[object, ...]", tuple(vars(sent).values()))
    if type(serial) is not int or not 0 < serial <= MOST_SERIAL:
        return False
    if isinstance(sent, Refusal):
        return all(isinstance(text, str) for text in fields)
    token, *times, login = fields
    has_times = all(time is None or (isinstance(time, (int, float)) and math.isfinite(time)) for time in times)
    return has_times and type(login) is int and isinstance(token, Secret) and is_fit_for_header(token.reveal())


def parcel_of(tokens: TokenSet, serial: int, now: float, login: int = 1) -> Parcel:
    """Make a parcel of the access token alone, at `now` in POSIX seconds."""
    left_s = None if tokens.expires_at is None else tokens.expires_at - now
    return Parcel(serial, tokens.access_token, left_s, tokens.lifetime_s, login)


def _unpacked(serial: int, token: str, left_s: float | None, lifetime_s: float | None, login: int) -> Parcel:
    return Parcel(serial, Secret(token), left_s, lifetime_s, login)
