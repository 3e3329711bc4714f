"""How an account comes to a login: by what lies ready, or by what a person starts, one at a time (floor 3).

All network calls of a login run on threads of their own: the caller never holds a secret in a frame that could end up
in a traceback, and an interrupt loses nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import cast

from ..errors import FlowUnavailable, TerrascopeError
from ..protocol.oauth import OAuthClient
from ..threads import before_exit
from ..threads.forks import renew_in_child
from ..values.connection import Connection
from ..values.providers import LoginMethod, Provider, SilentName
from ..values.secret import Secret
from ..values.states import CANCELLED, LoginState, Source
from .attempts import ELSEWHERE, Attempt, Attempts
from .chain import Chain, Offer, PassedOver, SilentSource, StoredOffer, WhyNot
from .credentials import Login
from .farewell import RENEWAL_WAIT_S
from .keeper import Keeper, Taken
from .login_store import LoginStore
from .machine import Machine
from .present_login import PresentLogin
from .renewers import ByRefreshToken
from .revocation import revoke
from .stored import ByStore
from .ways import by_offer


class SigningIn:
    """The part of an account that leads to a login, which `PresentLogin` then holds. Parameters as of `Account`."""

    def __init__(
        self,
        provider: Provider,
        *,
        connection: Connection | None = None,
        sources: Sequence[SilentSource] = (),
        methods: tuple[LoginMethod, ...] | None = None,
        store: LoginStore | WhyNot | None = None,
        keep_alive_s: float = 0.0,
    ) -> None:
        self.provider = provider
        self.connection = connection or Connection()
        self.methods = provider.methods if methods is None else methods
        self._client = OAuthClient(provider, self.connection)
        self._machine = Machine(LoginState(methods=self.methods))
        refresh = ByRefreshToken(self._client.refresh)
        self._present = PresentLogin(
            self._client, self._machine, refresh, keep_alive_s=keep_alive_s, on_ended=self._on_ended
        )
        self._vault, self._idle = self._present.vault, self._present.idle
        self._keeper = Keeper(self._client, refresh, on_lost=self._present.end_keeping)
        self._keeper.store = store or self._keeper.store
        self._chain = Chain(sources)
        self._silent = threading.Lock()
        self._lent_secret: Secret | None = None
        self._attempts = Attempts(self._machine, on_end=self._on_attempt_ended, on_late=self._discard_late)
        renew_in_child(self)

    @property
    def why_not(self) -> Mapping[SilentName, WhyNot]:
        """For each silent source that did not serve, one sentence why."""
        return dict(self._chain.why_not)

    def survey(self) -> Mapping[SilentName, WhyNot | None]:
        """Look what each silent source has now, and use nothing: why it has nothing, or None where it has."""
        return self._chain.survey(self.provider)

    def lies_ready(self) -> list[str]:
        """Return what lies ready and signs in where nobody has signed out, such as "TERRASCOPE_TOKEN"."""
        found = (source.find(self.provider) for source in self._chain.sources if not source.may_ask)
        return [offer.came_from for offer in found if not isinstance(offer, (WhyNot, StoredOffer))]

    @property
    def sources(self) -> tuple[SilentName, ...]:
        """The silent sources, in the order in which they are asked."""
        return tuple(source.name for source in self._chain.sources)

    @property
    def why_not_kept(self) -> str:
        """One sentence why no login can be kept here for other kernels and later days; empty where one can be."""
        return self._keeper.why_not()

    def try_keeping(self) -> str:
        """Return the same once it was tried, which makes the folder."""
        return self._keeper.try_keeping()

    @property
    def kept_in(self) -> str:
        """Where a login is kept here for other kernels and later days; empty where none can be."""
        return self._keeper.where()

    @property
    def has_kept_login(self) -> bool:
        """True when one is kept there, readable or not."""
        return self._keeper.has_login()

    def change_wish(self, remember: bool, *, on_asking: Callable[[], None] = lambda: None) -> None:
        """Say of a device login that waits whether it is to be kept. A code that is shown stays good.

        A login that stays has to be asked for as one, so that the other answer has a code of its own, which is shown
        from then on; what is approved first is the login. `on_asking` is called before that code is asked for; what it
        raises leaves all as it is.
        """
        self._attempts.change_wish(remember, on_asking)

    def _start(
        self,
        work: Callable[[Attempt], Login],
        method: LoginMethod,
        remember: bool,
        client_secret: Secret | None = None,
        *,
        is_switch: bool = False,
    ) -> None:
        def kept(attempt: Attempt) -> Login:
            login = work(attempt)
            if not self._attempts.wins(attempt):
                return login
            # as is wished by now
            if self._attempts.remember:
                return self._kept(login, attempt)
            return self._keeper.leave(login) if attempt.remember else login

        self._attempts.start(kept, method, remember=remember, client_secret=client_secret, is_switch=is_switch)

    def _kept(self, login: Login, attempt: Attempt) -> Login:
        former = self._present.login
        renewer = former.renewer if former is not None and attempt.is_switch else None
        if isinstance(renewer, ByStore):
            # in the store its place is taken a moment earlier than here
            renewer.looks_away = True
        kept = self._keeper.keep(
            login,
            is_asked_to_last=attempt.remember,
            is_wanted=lambda: not attempt.is_cancelled,
            settles=lambda: self._attempts.settle(attempt),
            on_replaced=lambda before: self._end_former(
                lambda: Taken(not_ended=revoke(self._client, before, besides=login.tokens)), attempt
            ),
        )
        if isinstance(renewer, ByStore) and not attempt.is_settled:
            renewer.looks_away = False
        return kept

    def _end_former(self, end: Callable[[], Taken], attempt: Attempt) -> None:
        """End a login whose place that of `attempt` takes, beside the caller, and tell what is left of it then."""

        def work() -> None:
            taken = end()
            self._machine.wait_for(lambda _: self._attempts.newest is not attempt)
            self._present.tell_left(taken)

        before_exit.begin(work, "replaced")

    def sign_in_silently(self, method: LoginMethod | None = None, source: Source | None = None) -> bool:
        """Sign in from a source that asks nobody; return whether one served. `why_not` says why others did not.

        Parameters
        ----------
        method : {"password", "basic"}, optional
            How to use a user name and password that are found: for the password grant, unless "basic" is said.
        source : str, optional
            The only one to ask. A login from another one is replaced.

        Raises
        ------
        LoginError, ProviderError
            A source had a credential, and the provider refused it or did not answer.
        """
        with self._silent:
            login = self._present.login
            if login is not None and method is None and source in (None, login.source):
                return True
            is_asked_for = method is not None or source is not None
            attempt = self._attempts.newest
            if attempt is not None and (attempt.has_won or (attempt.is_switch and not is_asked_for)):
                # what a person has begun is not thrown away; if the code is approved already, it takes a moment only
                if attempt.has_won:
                    self._machine.wait_for(lambda _: self._attempts.newest is not attempt)
                return self._present.login is not None and self._present.login is not login
            for name, found in self._chain.offers(self.provider, method, source):
                if not self._is_passed_over(name, found, method):
                    break
            # a login that was there before does not count
            return self._present.login is not None and self._present.login is not login

    def allow_sources(self) -> None:
        """Let silent sources serve again after a logout or a refusal, and whoever's login is stored."""
        self._chain.wake()
        self._keeper.user = ""

    def cancel(self) -> None:
        """Cancel a sign-in under way, or forget why the one that was to replace this login failed."""
        with self._machine.lock:
            attempt = self._attempts.newest
            if attempt is not None and attempt.is_settled:
                return  # a moment too late
            if self._attempts.abandon():
                # who had been signed out for this one is told so still
                before = "" if attempt is None else attempt.before.notice.removeprefix(CANCELLED)
                self._present.show(notice=f"{CANCELLED} {before.strip()}".strip())
            else:
                self._forget_failed_switch()

    def _forget_failed_switch(self) -> None:
        """Say no more why no other login took the place of the one that goes on."""
        if self._machine.state.phase == "signed_in" and self._machine.state.error is not None:
            self._machine.show(error=None)

    def poll_now(self) -> None:
        """Ask at once whether a device login was approved, if an interval has passed since the last time."""
        self._attempts.look_again()

    def after_fork(self) -> None:
        """Go on in the child of a fork with the token alone: what was under way belongs to the parent."""
        self._silent = threading.Lock()
        self._machine.after_fork()
        self._present.after_fork()
        if self._attempts.abandon() or self._present.login is not None:
            self._present.show()

    def _is_passed_over(self, source: SilentName, found: Offer, method: LoginMethod | None) -> bool:
        def work(attempt: Attempt) -> Login:
            return by_offer(self._client, attempt, self._keeper, source, found, method)

        attempt = self._attempts.start(work)
        try:
            # for this attempt only: a person may replace it by one of their own, which takes its time
            state = self._machine.wait_for(lambda _: self._attempts.newest is not attempt)
        except KeyboardInterrupt:
            self.cancel()
            raise
        if attempt.is_cancelled:
            return False
        failure = attempt.passed_over or state.error
        if failure is None:
            return False
        self._chain.refused(source, failure)
        if attempt.passed_over is None:
            raise copy(failure)
        return True

    def _on_attempt_ended(self, attempt: Attempt, outcome: Login | TerrascopeError) -> None:
        if isinstance(outcome, Login):
            former = self._present.login if attempt.is_switch else None
            self._present.take(outcome if former is None else _after(former, outcome))
            self._chain.end_rest()
            if former is not None and former.kept_as:
                # one that is not kept was ended by its successor
                kept_as = former.kept_as
                self._end_former(lambda: self._keeper.take(RENEWAL_WAIT_S, self._present.discard, kept_as), attempt)
            return
        if isinstance(outcome, PassedOver):
            attempt.passed_over = outcome
            was = attempt.before
            is_failed = was.phase == "failed" and self._present.login is None
            again: dict[str, object] = {"phase": "failed", "error": was.error} if is_failed else {}
            self._present.show(notice=was.notice, **again)
            return
        methods = self._machine.state.methods
        if isinstance(outcome, FlowUnavailable) and attempt.method in methods:
            methods = tuple(method for method in methods if method != attempt.method) or methods
        # a login that is there already goes on
        self._present.show(phase="signed_in" if self._present.login else "failed", error=outcome, methods=methods)

    def _on_ended(self, login: Login, reason: TerrascopeError) -> None:
        if login.came_from and login.tokens and login.tokens.refresh_token is None and login.tokens.lifetime_s == 0:
            # it had ended when it came: its source would be asked again at each use
            self._chain.refused(cast("SilentName", login.source), reason)
        if self._attempts.newest is None:
            self._present.show(phase="failed", error=reason)
        else:
            # who signs in meanwhile goes on with that
            self._machine.show(user="", source="", expires_at=None, session_ends_at=None, renewable=False)

    def _discard_late(self, login: Login) -> None:
        if login.source == "stored" or login.is_borrowed or login.tokens is None:
            return
        # one that was to be kept is nobody's either
        end = self._present.discard
        if not (login.kept_as and self._keeper.take(RENEWAL_WAIT_S, end, login.kept_as).was_there):
            end(login.tokens)


def _after(former: Login, login: Login) -> Login:
    """Let a login say so where it is the same person's as the one that it takes the place of."""
    if not login.user or login.user != former.user:
        return login
    return replace(login, notice=f"You are {login.user} as before. {ELSEWHERE} {login.notice}".rstrip())
