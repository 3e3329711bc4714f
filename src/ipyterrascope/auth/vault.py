"""The vault: one live set of tokens, renewed by one request however many threads ask (floor 3; RFC 6749 section 6).

The request runs on a thread of its own, so that an interrupt of the caller cannot lose an answer: with rotation the
refresh token that was sent is void, and the new one must be kept. A refused refresh token is never sent again.
"""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError  # not the built-in before Python 3.11
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace

from ..errors import LoginRefused, LoginRequired, TerrascopeError
from ..values.secret import Secret
from ..values.tokens import TokenSet

# A refused token that is younger than this is not the fault: without the rule, refusals cause a storm of renewals.
_TOO_YOUNG_S = 10.0
_RETRY_AFTER_S = 5.0


@dataclass(frozen=True)
class _Held:
    tokens: TokenSet
    since: float


class Vault:
    """Holds tokens and keeps them live.

    Parameters
    ----------
    renew : callable
        Exchanges a refresh token; raises `LoginRefused` when it is dead, any other `TerrascopeError` when the answer
        says nothing about it.
    on_renewed : callable
        Told of each new set, from the renewing thread.
    on_ended : callable
        Told once when the session is over.
    clock, monotonic : callable
        POSIX seconds, and a clock that never jumps: whichever says earlier that a token ends is believed.
    """

    def __init__(
        self,
        renew: Callable[[TokenSet], TokenSet],
        *,
        on_renewed: Callable[[TokenSet], None] = lambda _: None,
        on_ended: Callable[[TerrascopeError], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._renew, self._on_renewed, self._on_ended = renew, on_renewed, on_ended
        self._clock, self._monotonic = clock, monotonic
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._flight: Future[TokenSet] | None = None
        self._dead: set[Secret] = set()
        self._retry_at = -math.inf
        _vaults.add(self)

    def put(self, tokens: TokenSet) -> None:
        """Keep the tokens of a fresh login."""
        with self._lock:
            self._held, self._flight, self._retry_at = _Held(tokens, self._monotonic()), None, -math.inf

    def release(self) -> Callable[[float], TokenSet | None]:
        """Keep nothing from this moment on.

        Returns
        -------
        callable
            Gives the tokens that were held, or None when they turn out dead. It waits for a renewal under way, that
            many seconds at most, so that the newest are given; an older refresh token may be void.
        """
        with self._lock:
            held, flight = self._held, self._flight
            self._held = self._flight = None

        def newest(wait_s: float) -> TokenSet | None:
            trouble: BaseException | None = None
            with suppress(FutureTimeoutError, CancelledError):
                if flight is not None and (trouble := flight.exception(wait_s)) is None:
                    return flight.result()
            return held.tokens if held and not isinstance(trouble, LoginRequired) else None

        return newest

    def peek(self) -> TokenSet | None:
        """Return what is held, live or not, without waiting."""
        held = self._held
        return held.tokens if held else None

    def token(self, min_valid_s: float = 0.0) -> TokenSet:
        """Return tokens whose access token is live.

        Parameters
        ----------
        min_valid_s : float
            Seconds that it should at least have left: half of its life at most; its leeway counts when that is more.

        Raises
        ------
        LoginRequired
            Nobody is signed in, or the session is over.
        ProviderError
            The token has ended, and it cannot be renewed right now.
        """
        held = self._held
        if held is None:
            raise _nobody()
        if self._remaining_s(held) > self._needed_s(held, min_valid_s):
            return held.tokens
        if held.tokens.refresh_token is None:
            return self._unrenewable(held)
        if self._monotonic() < self._retry_at and self._remaining_s(held) > 0:
            return held.tokens
        return self._renewed(held)

    def refused(self, access_token: Secret) -> bool:
        """Say that a server refused `access_token`; return whether there is another one now.

        Raises
        ------
        LoginRequired
            The session is over.
        """
        held = self._held
        if held is None:
            return False
        if held.tokens.access_token != access_token:
            return True
        now, youth = self._monotonic(), min(_TOO_YOUNG_S, 0.1 * (held.tokens.lifetime_s or math.inf))
        if held.tokens.refresh_token is None or now - held.since < youth or now < self._retry_at:
            return False
        try:
            return self._renewed(held).access_token != access_token
        except LoginRequired:
            raise
        except TerrascopeError:
            return False

    def renew(self) -> None:
        """Renew now, live or not, so that an idle session goes on. Raises as `token` does."""
        held = self._held
        if held is not None and held.tokens.refresh_token is not None:
            self._renewed(held)

    def end_if_over(self, reason: TerrascopeError) -> None:
        """Keep nothing any more, because of `reason`, if the idle session has no time left."""
        held = self._held
        if held is not None and self._session_remaining_s(held) <= 0:
            self._end(held, reason)

    def session_remaining_s(self) -> float:
        """Return the seconds an idle session has left; infinite when it does not end or that is not known."""
        held = self._held
        return math.inf if held is None else self._session_remaining_s(held)

    def _session_remaining_s(self, held: _Held) -> float:
        ends_at = held.tokens.refresh_expires_at
        if ends_at is None:
            return math.inf
        return ends_at - held.tokens.issued_at - (self._monotonic() - held.since)

    def _remaining_s(self, held: _Held) -> float:
        expires_at = held.tokens.expires_at
        if expires_at is None:
            return math.inf
        by_wall = expires_at - self._clock()
        return min(by_wall, (held.tokens.lifetime_s or 0.0) - (self._monotonic() - held.since))

    def _needed_s(self, held: _Held, min_valid_s: float) -> float:
        wanted = min(min_valid_s, 0.5 * (held.tokens.lifetime_s or 0.0))
        return max(held.tokens.leeway_s, wanted) if held.tokens.refresh_token else 0.0

    def _unrenewable(self, held: _Held) -> TokenSet:
        if self._remaining_s(held) > 0:
            return held.tokens
        reason = LoginRequired("The token has ended.", "It cannot be renewed.", "Sign in, or supply a new one.")
        self._end(held, reason)
        raise reason

    def _renewed(self, held: _Held) -> TokenSet:
        with self._lock:
            if self._held is held and self._flight is None:
                self._launch(held)
            flight = self._flight if self._held is held else None
        trouble = flight.exception() if flight else None
        now = self._held
        if isinstance(trouble, LoginRequired):
            raise copy(trouble)  # each thread its own, for a traceback is kept in the exception
        if now is None:
            raise _nobody()
        if trouble is not None and now is held and self._remaining_s(now) <= 0:
            raise copy(trouble)
        return now.tokens

    def _launch(self, held: _Held) -> None:
        self._flight = flight = Future[TokenSet]()
        try:
            threading.Thread(target=self._fly, args=(held, flight), daemon=True, name="renewal").start()
        except BaseException:
            # where it cannot be cancelled it has begun, and a second one would be one too many
            if flight.cancel():
                self._flight = None
            raise

    def _fly(self, held: _Held, flight: Future[TokenSet]) -> None:
        if not flight.set_running_or_notify_cancel():
            return
        answer = self._asked(held.tokens)
        try:
            self._land(held, answer)
        finally:
            if isinstance(answer, TokenSet):
                flight.set_result(answer)
            else:
                flight.set_exception(answer)

    def _asked(self, tokens: TokenSet) -> TokenSet | BaseException:
        refresh_token = tokens.refresh_token
        if refresh_token is None or refresh_token in self._dead:
            return LoginRequired("The session is over.", "It was refused before.", "Sign in again.")
        try:
            return self._renew(tokens)
        except LoginRefused as exc:
            self._dead.add(refresh_token)
            return LoginRequired(exc.what, exc.why, "Sign in again.", error=exc.error, status=exc.status)
        except BaseException as exc:  # noqa: BLE001 - it is handed to whoever waits for this flight
            return exc

    def _land(self, held: _Held, answer: TokenSet | BaseException) -> None:
        if isinstance(answer, LoginRequired):
            self._end(held, answer)
            return
        with self._lock:
            if self._held is not held:
                return  # somebody signed in anew or out meanwhile
            self._flight = None
            if isinstance(answer, TokenSet):
                self._held = _Held(answer, self._monotonic())
            else:
                self._retry_at = self._monotonic() + _RETRY_AFTER_S
        if isinstance(answer, TokenSet):
            self._on_renewed(answer)

    def _end(self, held: _Held, reason: TerrascopeError) -> None:
        with self._lock:
            is_current = self._held is held
            if is_current:
                self._held = self._flight = None
        if is_current:
            self._on_ended(reason)

    def _forget_after_fork(self) -> None:
        # two processes that own one rotating refresh token would end the session of both
        self._lock, self._flight = threading.Lock(), None
        if self._held is not None:
            self._held = replace(self._held, tokens=replace(self._held.tokens, refresh_token=None))


def _nobody() -> LoginRequired:
    return LoginRequired("Nobody is signed in.", "", "Sign in first.")


_vaults: weakref.WeakSet[Vault] = weakref.WeakSet()


def _after_fork() -> None:
    for vault in _vaults:
        vault._forget_after_fork()  # pyright: ignore[reportPrivateUsage]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
