"""What a worker has of its kernel's login: the token that came last, and the way to ask for another (floor 5)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..errors import LoginRequired, ProviderUnreachable, TerrascopeError
from ..threads.forks import renew_in_child
from ..values.secret import Secret
from ..values.tokens import TokenSet
from .dask_parcel import Parcel, Refusal

# an ask can get lost while a connection is made anew
_ASK_AGAIN_S = 2.0
_PATIENCE_S = 10.0


class Holder:
    """Lends the token that a kernel sent, and asks the kernel where it has none that serves. Safe from any thread.

    Parameters
    ----------
    ask : callable
        Tells the kernel which token is here, by its serial number (0 for none), and whether a service refused it. What
        comes of it is `put` here.
    patience_s : float
        Seconds to wait for that.
    clock, monotonic : callable
        POSIX seconds, and a clock that never jumps.
    """

    def __init__(
        self,
        ask: Callable[[int, bool], object],
        *,
        patience_s: float = _PATIENCE_S,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._patience_s = ask, patience_s
        self._clock, self._monotonic = clock, monotonic
        self._serial = self._lent = self._arrivals = 0
        self._tokens: TokenSet | None = None
        self._refusal: Refusal | None = None
        self._came_at = 0.0
        self._is_inherited = False
        self._news = threading.Condition()
        renew_in_child(self)

    def after_fork(self) -> None:
        """Go on in a child with the token alone: what the kernel sends comes to the parent."""
        self._news, self._is_inherited = threading.Condition(), True

    @property
    def serial(self) -> int:
        """The number of what came last; 0 before anything came."""
        return self._serial

    def has_news(self) -> bool:
        """Tell whether something else came than what was lent last."""
        return self._serial != self._lent

    def put(self, sent: Parcel | Refusal) -> bool:
        """Take what the kernel sent; return whether it is anything new."""
        with self._news:
            is_new = sent.serial > self._serial
            if is_new:
                self._serial, self._came_at = sent.serial, self._monotonic()
                self._tokens = sent.tokens(self._clock()) if isinstance(sent, Parcel) else None
                self._refusal = sent if isinstance(sent, Refusal) else None
            self._arrivals += 1
            self._news.notify_all()
            return is_new

    def lend(self, refused: Secret | None) -> TokenSet:
        """Return the token, as a `LentToken` does: the same one again where the kernel has no other."""
        with self._news:
            tokens, serial, seen = self._tokens, self._serial, self._arrivals
            is_refused = tokens is not None and tokens.access_token == refused
            if tokens is not None and self._lives() and self.has_news() and not is_refused:
                return self._lend(tokens)
            is_to_wait = self._refusal is None and not self._is_inherited
        if is_to_wait:
            self._wait(serial, is_refused, seen)
        else:
            # the kernel tells by itself when it has a token again; what it told may be lost
            self._ask(serial, False)
        with self._news:
            if self._tokens is not None and self._lives():
                return self._lend(self._tokens)
            self._lent = self._serial
            failure = self._failure(is_answered=self._arrivals != seen)
        raise failure

    def _wait(self, serial: int, is_refused: bool, seen: int) -> None:
        gives_up_at = self._monotonic() + self._patience_s
        while (left_s := gives_up_at - self._monotonic()) > 0:
            self._ask(serial, is_refused)
            with self._news:
                if self._news.wait_for(lambda: self._arrivals != seen, min(left_s, _ASK_AGAIN_S)):
                    return

    def _lend(self, tokens: TokenSet) -> TokenSet:
        self._lent = self._serial
        return tokens

    def _lives(self) -> bool:
        tokens = self._tokens
        if tokens is None or tokens.expires_at is None:
            return tokens is not None
        # the clock of the day may have been set since
        left_s = tokens.expires_at - self._clock()
        return min(left_s, (tokens.lifetime_s or 0.0) - (self._monotonic() - self._came_at)) > 0

    def _failure(self, *, is_answered: bool) -> TerrascopeError:
        if self._is_inherited:
            return LoginRequired(
                "The token of this process has ended.",
                "It was forked from a worker, and gets no other one.",
                "Start a process in another way, or read in the task itself.",
            )
        if self._refusal is not None:
            return LoginRequired(self._refusal.what, self._refusal.why, self._refusal.do)
        if is_answered:
            return ProviderUnreachable("The notebook has no live token now.", "", "Try again in a moment.")
        return ProviderUnreachable(
            "The notebook that attached this worker sent no token.",
            f"It did not answer within {self._patience_s:.0f} s: it was closed, or is cut off from the cluster.",
            "Attach the cluster anew, by ipyterrascope.dask.attach(client).",
        )
