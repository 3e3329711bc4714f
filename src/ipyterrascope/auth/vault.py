"""The vault: one live set of tokens, renewed by one request however many threads ask (floor 3; RFC 6749 section 6).

How they are renewed is the login's own matter (`renewers`). It is done on a thread of its own, so that an interrupt of
the caller cannot lose an answer: with rotation the refresh token that was sent is void, and the new one must be kept.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from copy import copy
from dataclasses import replace

from ..errors import LoginRefused, LoginRequired, ProviderAnswerInvalid, TerrascopeError
from ..values.secret import Secret, frameless
from ..values.tokens import TokenSet
from .held import Held
from .renewal import Released, Renewal, settled
from .renewers import Renewer

# A refused token that is younger than this is not the fault: without the rule, refusals cause a storm of renewals.
_TOO_YOUNG_S = 10.0
# how long a provider in trouble is left alone: with a token that lives there is time
_RETRY_AFTER_S = 5.0
_RETRY_ENDED_AFTER_S = 1.0


class Vault:
    """Holds tokens and keeps them live.

    Parameters
    ----------
    on_renewed : callable
        Told of each new set, from the renewing thread.
    on_ended : callable
        Told once when the session is over.
    on_orphaned : callable
        Given tokens that a renewal brought after the vault was released: they live, and nobody else knows them.
    clock, monotonic : callable
        POSIX seconds, and a clock that never jumps: whichever says earlier that a token ends is believed.
    """

    def __init__(
        self,
        *,
        on_renewed: Callable[[TokenSet], None] = lambda _: None,
        on_ended: Callable[[TerrascopeError], None] = lambda _: None,
        on_orphaned: Callable[[TokenSet], object] = lambda _: None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_renewed, self._on_ended, self._on_orphaned = on_renewed, on_ended, on_orphaned
        self._clock, self._monotonic = clock, monotonic
        self._lock = threading.Lock()
        self._held: Held | None = None
        self._renewal: Renewal | None = None
        self._retry_at = -math.inf
        self._trouble: TerrascopeError | None = None

    def release(self, successor: TokenSet | None = None, renewer: Renewer | None = None) -> Released:
        """Keep nothing from this moment on, or `successor` instead, and give away what was held."""
        with self._lock:
            released = Released(self._held, self._renewal, self._lock)
            self._held = self._holding(successor, renewer) if successor else None
            self._renewal, self._retry_at = None, -math.inf
        return released

    def _holding(self, tokens: TokenSet, renewer: Renewer | None) -> Held:
        return Held(tokens, renewer, self._clock, self._monotonic)

    def peek(self) -> TokenSet | None:
        """Return what is held, live or not, without waiting."""
        held = self._held
        return held.tokens if held else None

    @property
    def is_renewable(self) -> bool:
        """True where what is held can be renewed."""
        held = self._held
        return held is not None and held.renewer is not None

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
        has_news = held.has_news
        if held.lasts(min_valid_s) and not has_news:
            return held.tokens
        if held.renewer is None:
            return self._unrenewable(held)
        if self._is_resting(has_news):
            if held.remaining_s() > 0:
                return held.tokens
            if self._trouble is not None:
                raise copy(self._trouble)  # asking again for every file would be a storm on a provider in trouble
        return self._renewed(held)

    def live_token(self) -> TokenSet | None:
        """Return tokens as `token` does, or None where it would do more than look."""
        held = self._held
        return held.tokens if held is not None and held.lasts(0.0) and not held.has_news else None

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
        has_news = held.has_news
        if held.renewer is None or self._is_resting(has_news) or (held.is_young(_TOO_YOUNG_S) and not has_news):
            return False
        try:
            return self._renewed(held, is_refused=True).access_token != access_token
        except LoginRequired:
            raise
        except TerrascopeError:
            return False

    def renew(self) -> None:
        """Renew now, live or not, so that an idle session goes on. Raises as `token` does."""
        held = self._held
        if held is not None and held.renewer is not None:
            self._renewed(held)

    def catch_up(self) -> None:
        """Take another token that lies ready, where one does. What goes wrong shows at the next use."""
        held = self._held
        if held is not None and held.has_news:
            with suppress(TerrascopeError):
                self._renewed(held)

    def end_if_over(self, reason: TerrascopeError) -> None:
        """Keep nothing any more, because of `reason`, if the idle session has no time left."""
        held = self._held
        if held is not None and held.session_remaining_s() <= 0:
            self._end(held, reason)

    def session_remaining_s(self) -> float:
        """Return the seconds an idle session has left; infinite when it does not end or that is not known."""
        held = self._held
        return math.inf if held is None else held.session_remaining_s()

    def _is_resting(self, has_news: bool) -> bool:
        return self._monotonic() < self._retry_at and (self._trouble is not None or not has_news)

    def _unrenewable(self, held: Held) -> TokenSet:
        if held.remaining_s() > 0:
            return held.tokens
        reason = _ended()
        self._end(held, reason)
        raise reason

    def _renewed(self, held: Held, *, is_refused: bool = False) -> TokenSet:
        with self._lock:
            if self._held is held and self._renewal is None:
                self._launch(held, is_refused)
            renewal = self._renewal if self._held is held else None
        answer = renewal.wait() if renewal else None
        now = self._held
        if isinstance(answer, LoginRequired):
            raise copy(answer)  # each thread its own, for a traceback is kept in the exception
        if now is None:
            raise _nobody()
        reason = answer if now is held else self._trouble if self._monotonic() < self._retry_at else None
        if isinstance(reason, BaseException) and now.remaining_s() <= 0:
            raise copy(reason)
        return now.tokens

    def _launch(self, held: Held, is_refused: bool) -> None:
        self._renewal = renewal = Renewal(lambda: self._fly(held, renewal, is_refused), "renewal")
        try:
            renewal.start()
        except BaseException:
            # where it has begun, a second one would be one too many
            if renewal.recall():
                self._renewal = None
            raise

    def _fly(self, held: Held, renewal: Renewal, is_refused: bool) -> TokenSet | BaseException:
        answer = self._asked(held, is_refused)
        self._land(held, renewal, answer)
        return answer

    def _asked(self, held: Held, is_refused: bool) -> TokenSet | BaseException:
        if held.renewer is None:
            return _ended()
        try:
            tokens = held.renewer.renew(held.tokens, is_refused=is_refused)
        except LoginRefused as exc:
            return LoginRequired(exc.what, exc.why, exc.do, error=exc.error, status=exc.status)
        except BaseException as exc:  # noqa: BLE001 - it is handed to whoever waits for this flight
            return frameless(exc)  # and kept, while its frames would keep the tokens
        is_over = held.is_of(tokens) and self._holding(tokens, None).remaining_s() <= 0
        return _ended() if is_over else tokens

    def _land(self, held: Held, renewal: Renewal, answer: TokenSet | BaseException) -> None:
        if isinstance(answer, LoginRequired):
            self._end(held, answer)
            return
        with self._lock:
            is_current = self._held is held
            if is_current:
                self._renewal = None
                self._keep(answer, held)
            else:
                renewal.answer = answer
            is_orphaned = not is_current and not renewal.is_awaited and held.renewer is not None and held.renewer.is_own
        if is_orphaned and (newest := settled(held, answer)):
            self._on_orphaned(newest)
        elif is_current and isinstance(answer, TokenSet):
            self._on_renewed(answer)

    def _keep(self, answer: TokenSet | BaseException, held: Held) -> None:
        if isinstance(answer, TokenSet):
            # kept also where it has ended: the refresh token that was sent may be void
            self._held = fresh = self._holding(answer, held.renewer)
            if fresh.remaining_s() <= 0:
                answer, held = _dead_on_arrival(), fresh
            elif not held.is_of(answer):
                return
        # in trouble, or without a newer token: who would renew it is left alone for a while
        self._trouble = answer if isinstance(answer, TerrascopeError) else None
        ours = _RETRY_AFTER_S if held.remaining_s() > 0 else _RETRY_ENDED_AFTER_S
        theirs = self._trouble and self._trouble.retry_after_s
        self._retry_at = self._monotonic() + max(ours, theirs or 0.0)

    def _end(self, held: Held, reason: TerrascopeError) -> None:
        with self._lock:
            is_current = self._held is held
            if is_current:
                self._held = self._renewal = None
        if is_current:
            self._on_ended(reason)

    def after_fork(self) -> None:
        """Go on without the refresh token: two processes that own a rotating one would end the session of both."""
        self._lock, self._renewal, held = threading.Lock(), None, self._held
        if held is not None and held.renewer is not None and held.renewer.is_own:
            held.tokens, held.renewer = replace(held.tokens, refresh_token=None), None


def _ended() -> LoginRequired:
    return LoginRequired("The token has ended.", "It cannot be renewed.", "Sign in, or supply a new one.")


def _nobody() -> LoginRequired:
    return LoginRequired("Nobody is signed in.", "", "Sign in first.")


def _dead_on_arrival() -> ProviderAnswerInvalid:
    return ProviderAnswerInvalid(
        "The provider renewed the session with a token that has ended already.",
        "Either it gives tokens no time, or the clock of this machine is wrong.",
        "Check the clock; if that is right, tell the provider's help desk.",
    )
