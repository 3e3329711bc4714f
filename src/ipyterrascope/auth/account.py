"""An account: the state machine of one provider's login, which every front shows and obeys (floor 3).

    signed_out ──start──▶ signing_in ──code──▶ awaiting_user ──approved──▶ signed_in
        ▲                     │ └────────────password or source──────────────▲ │
        └──cancel, logout─────┴──────▶ failed ◀──refused, expired, ended───────┘

All network calls of a login run on threads of their own: the caller never holds a secret in a frame that could end up
in a traceback, and an interrupt loses nothing. Every method is safe from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from typing import Literal, NoReturn, TypedDict, cast

from ..errors import FlowUnavailable, LoginRefused, LoginRequired, SecretExposed, TerrascopeError
from ..protocol.claims import user_of
from ..protocol.code import CodeRequest, request_code
from ..protocol.oauth import OAuthClient
from ..threads.errand import Errand
from ..threads.forks import renew_in_child
from ..values.connection import Connection
from ..values.providers import LoginMethod, Provider, SilentName
from ..values.secret import Secret
from ..values.states import LoginState, Source
from ..values.tokens import TokenSet
from .attempts import Attempt, Attempts
from .chain import Chain, Offer, PassedOver, SilentSource, WhyNot
from .credentials import Login
from .farewell import RENEWAL_WAIT_S, farewell
from .idle import IdleWatch
from .keeper import Keeper
from .login_store import LoginStore
from .machine import Machine
from .renewal import Released
from .renewers import ByRefreshToken
from .revocation import revoke
from .vault import Vault
from .ways import by_code, by_device, by_offer, by_password, by_refresh_token


class Settings(TypedDict):
    """What is configured of an account, and may change while it is signed in."""

    connection: Connection
    keep_alive_s: float
    sources: Sequence[SilentSource]
    methods: tuple[LoginMethod, ...]
    store: LoginStore | WhyNot


class Account:
    """Who is signed in at one provider, and the way to sign in and out.

    It is an `Authorizer`: a session or a download engine asks it for headers. Make it by `ipyterrascope.account()`.

    Parameters
    ----------
    provider : Provider
    connection : Connection
        CA bundle and time-outs.
    sources : sequence of SilentSource
        Where a credential may lie ready, the first to be asked first.
    methods : tuple of {"device", "password", "basic"}, optional
        The ways that ask a person; those of the provider unless given.
    store : LoginStore or WhyNot, optional
        Where a login is kept that shall outlive this process, or why none can be.
    keep_alive_s : float
        Seconds since the last use for which an idle session is renewed; 0 lets it end when the provider ends it.

    Attributes
    ----------
    shown_by : object
        The widget that shows it, where that stands in for it as the result of a cell (marimo); None elsewhere.
    """

    shown_by: object = None

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
        self._client = OAuthClient(provider, self.connection)
        self._by_refresh_token = ByRefreshToken(self._client.refresh)
        self._keeper = Keeper(self._client, self._by_refresh_token, on_lost=self._on_lost)
        self._keeper.store = store or self._keeper.store
        self._vault = Vault(on_renewed=self._on_renewed, on_ended=self._on_ended, on_orphaned=self._discard)
        self._idle = IdleWatch(self._vault, keep_alive_s)
        self._login: Login | None = None
        self._chain = Chain(sources)
        self._silent = threading.Lock()
        self.methods = provider.methods if methods is None else methods
        self._machine = Machine(LoginState(methods=self.methods))
        self._attempts = Attempts(self._machine, on_end=self._on_attempt_ended, on_late=self._discard_late)
        renew_in_child(self)

    # ── what it shows ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> LoginState:
        """The present state."""
        return self._machine.state

    @property
    def is_signed_in(self) -> bool:
        """True when there is a login to send requests with."""
        return self._login is not None

    @property
    def why_not(self) -> Mapping[SilentName, WhyNot]:
        """For each silent source that did not serve, one sentence why."""
        return dict(self._chain.why_not)

    @property
    def sources(self) -> tuple[SilentName, ...]:
        """The silent sources, in the order in which they are asked."""
        return tuple(source.name for source in self._chain.sources)

    @property
    def came_from(self) -> str:
        """The variables that the login was found in; empty where a person signed in."""
        login = self._login
        return login.came_from if login else ""

    @property
    def why_not_kept(self) -> str:
        """One sentence why no login can be kept here for other kernels and later days; empty where one can be."""
        return self._keeper.why_not()

    @property
    def is_unchecked(self) -> bool:
        """True for a login that the provider was not asked about: a token that was given, or a Basic login."""
        login = self._login
        return login is not None and (login.is_borrowed or login.basic is not None)

    def configure(
        self,
        connection: Connection,
        keep_alive_s: float,
        sources: Sequence[SilentSource],
        methods: tuple[LoginMethod, ...],
        store: LoginStore | WhyNot,
    ) -> None:
        """Use another connection, keep-alive, store, and other ways to sign in from now on; the login goes on."""
        self._chain.sources, self._keeper.store = sources, store
        if methods != self.methods:
            self.methods = methods
            self._machine.show(methods=methods)
        if connection != self.connection:
            self.connection = connection
            self._client.connect_by(connection)
        if self._idle.keep_alive_s != keep_alive_s:
            self._idle.keep_alive_s = keep_alive_s
            self._idle.watch()

    def observe(self, callback: Callable[[LoginState], None]) -> Callable[[], None]:
        """Call `callback` with each new state, in order, from a thread of its own; return what ends this."""
        return self._machine.observe(callback)

    def wait(self, timeout_s: float | None = None) -> LoginState:
        """Wait until a sign-in under way has ended, and return the state then (or after `timeout_s` seconds)."""
        return self._machine.wait_for(lambda state: state.phase not in ("signing_in", "awaiting_user"), timeout_s)

    def __repr__(self) -> str:
        user = f" as {self.state.user}" if self.state.user else ""
        return f"<Account {self.provider.name}: {self.state.phase}{user}>"

    def _display_(self) -> object:
        """Return what marimo shows where a cell ends with it, in place of all that the cell has displayed."""
        return repr(self) if self.shown_by is None else self.shown_by

    def __reduce__(self) -> NoReturn:
        raise SecretExposed(
            "An account cannot be pickled, stored or copied.",
            "A login belongs to the kernel that it was made in.",
            "Sign in where it is needed, by ipyterrascope.login().",
        )

    # ── signing in ─────────────────────────────────────────────────────────────────────────────────────────────────

    def start_device_login(self, *, remember: bool = False) -> None:
        """Start a device login (RFC 8628) and return at once; `state` tells how it goes.

        With `remember` it is kept in the store, for other kernels and later days; a notice tells where it cannot be.
        """

        def work(attempt: Attempt) -> Login:
            return by_device(
                self._client,
                attempt,
                remember=remember,
                on_code=lambda code: self._attempts.show(attempt, phase="awaiting_user", device=code),
                on_trouble=lambda trouble: self._attempts.show(attempt, error=trouble),
            )

        self._start(work, "device", remember)

    def start_password_login(
        self,
        username: str,
        password: Secret,
        *,
        one_time_code: Secret | None = None,
        method: Literal["password", "basic"] = "password",
        remember: bool = False,
    ) -> None:
        """Start a login by user name and password and return at once; `state` tells how it goes.

        With method "basic" the two are kept in memory and sent to the data service as they are (RFC 7617). `remember`
        is as for `start_device_login`.
        """

        def work(attempt: Attempt) -> Login:
            return by_password(self._client, attempt, username, password, one_time_code, method, remember=remember)

        self._start(work, method, remember)

    def request_code(self, *, remember: bool = False) -> CodeRequest:
        """Return the page at which a person signs in by authorization code (RFC 6749 section 4.1).

        Raises
        ------
        FlowUnavailable, ProviderError
            There is no such page, or the provider did not answer.
        """
        return request_code(self._client, remember=remember)

    def start_code_login(self, request: CodeRequest, redirected: Secret, *, remember: bool = False) -> None:
        """Start a login by the address that a browser was led to from `request_code`, and return at once."""

        def work(attempt: Attempt) -> Login:
            return by_code(self._client, attempt, request, redirected)

        self._start(work, "code", remember)

    def start_renewal_login(self, refresh_token: Secret, *, remember: bool = False) -> None:
        """Start a login by a refresh token that somebody gave up for it (RFC 6749 section 6) and return at once.

        `remember` is as for `start_device_login`.
        """

        def work(attempt: Attempt) -> Login:
            return by_refresh_token(self._client, refresh_token)

        self._start(work, "device", remember)

    def _start(self, work: Callable[[Attempt], Login], method: LoginMethod, remember: bool) -> None:
        def kept(attempt: Attempt) -> Login:
            login = work(attempt)
            return login if attempt.is_cancelled else self._keeper.keep(login)

        self._attempts.start(kept if remember else work, method, remember=remember)

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
            login = self._login
            if login is not None and method is None and source in (None, login.source):
                return True
            for name, found in self._chain.offers(self.provider, method, source):
                if not self._is_passed_over(name, found, method):
                    break
            # a login that was there before does not count
            return self._login is not None and self._login is not login

    def allow_sources(self) -> None:
        """Let silent sources serve again after a logout or a refusal, and whoever's login is stored."""
        self._chain.wake()
        self._keeper.user = ""

    def cancel(self) -> None:
        """Cancel a sign-in under way."""
        with self._machine.lock:
            if self._attempts.abandon():
                self._rest(notice="Cancelled.")

    def poll_now(self) -> None:
        """Ask at once whether a device login was approved, if an interval has passed since the last time."""
        attempt = self._attempts.newest
        if attempt is not None:
            attempt.look_again()

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
            self._take(outcome)
            return
        if isinstance(outcome, PassedOver):
            attempt.passed_over = outcome
            was = attempt.before
            is_failed = was.phase == "failed" and self._login is None
            again: dict[str, object] = {"phase": "failed", "error": was.error} if is_failed else {}
            self._rest(notice=was.notice, **again)
            return
        methods = self.state.methods
        if isinstance(outcome, FlowUnavailable) and attempt.method in methods:
            methods = tuple(method for method in methods if method != attempt.method) or methods
        # a login that is there already goes on
        self._rest(phase="signed_in" if self._login else "failed", error=outcome, methods=methods)

    def _take(self, login: Login) -> None:
        renewer = login.renewer
        if renewer is None and login.tokens is not None and login.tokens.refresh_token is not None:
            renewer = self._by_refresh_token
        before, released = self._login, self._vault.release(login.tokens, renewer)
        self._login = login
        self._chain.end_rest()
        self._rest(notice=login.notice)
        self._idle.used()
        self._idle.watch()
        if before is not None and before.tokens is not None and not before.is_borrowed and not before.kept_as:
            # nobody could sign out of it any more
            threading.Thread(target=self._discard_released, args=(released,), daemon=True, name="replaced").start()

    def _discard_late(self, login: Login) -> None:
        if login.source == "stored" or login.is_borrowed or login.tokens is None:
            return
        # one that was to be kept is nobody's either
        stored = self._keeper.take(RENEWAL_WAIT_S, login.kept_as) if login.kept_as else None
        self._discard(stored.tokens if stored and stored.tokens else login.tokens)

    def _discard_released(self, released: Released) -> None:
        with suppress(TimeoutError):
            tokens = released.newest(RENEWAL_WAIT_S)
            if tokens is not None:
                self._discard(tokens)

    def _discard(self, tokens: TokenSet) -> None:
        # in the thread that got them: nobody waits for it, and what is still in use goes on
        revoke(self._client, tokens, besides=self._vault.peek())

    # ── being signed in ────────────────────────────────────────────────────────────────────────────────────────────

    def headers(self, url: str) -> Mapping[str, str]:
        """Return the headers for a request to `url`; empty for a host that must not see the credential.

        Raises
        ------
        LoginRequired
            Nobody is signed in, or the session is over.
        ProviderError
            The token has ended, and the provider cannot renew it right now.
        """
        if not self.provider.may_carry(url):
            return {}
        login = self._login
        if login is not None and login.basic is not None:
            return {"Authorization": f"Basic {login.basic.reveal()}"}
        return {"Authorization": f"Bearer {self.provider.bearer_prefix}{self.tokens().access_token.reveal()}"}

    def headers_at_once(self, url: str) -> Mapping[str, str] | None:
        """Return the headers for a request to `url`, or None where `headers` may take a while for them, or raise."""
        login = self._login
        if not self.provider.may_carry(url) or (login is not None and login.basic is not None):
            return self.headers(url)
        tokens = self._vault.live_token()
        if tokens is None:
            return None
        self._idle.used()
        return {"Authorization": f"Bearer {tokens.access_token.reveal()}"}

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        """Say that a server answered 401 to `headers`; return whether a second try can help."""
        kind, _, credential = headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            self._end_basic(Secret(credential))
        token = Secret(credential.removeprefix(self.provider.bearer_prefix))
        return kind == "Bearer" and self.provider.may_carry(url) and self._vault.refused(token)

    def _end_basic(self, refused: Secret) -> None:
        # sent again with every file, a wrong password would lock the account
        with self._machine.lock:
            if self._login is not None and self._login.basic == refused:
                self._login = None
                what = f"{self.provider.label} did not accept the user name and password."
                error = LoginRefused(what, "A request with them was answered by 401.", "Sign in again.", status=401)
                self._rest(phase="failed", error=error)

    def tokens(self, min_valid_s: float = 0.0) -> TokenSet:
        """Return live tokens, with at least `min_valid_s` seconds left where that can be had.

        Raises
        ------
        LoginRequired, ProviderError
            As for `headers`.
        """
        self._idle.used()
        try:
            return self._vault.token(min_valid_s)
        except LoginRequired as exc:
            ended = exc
        if self._login is None and self.sign_in_silently():
            return self._vault.token(min_valid_s)
        if self._login is not None and self._login.basic is not None:
            raise LoginRequired(
                f"This login at {self.provider.label} has no token.",
                "It is a Basic login.",
                "Use the session or auth().",
            )
        raise self.login_required(ended)

    def login_required(self, ended: LoginRequired | None = None) -> LoginRequired:
        """Make the error that says why nobody is signed in here, and what to do."""
        label, state = self.provider.label, self.state
        if state.phase in ("signing_in", "awaiting_user"):
            return LoginRequired(
                f"You are not signed in to {label} yet.",
                "A sign-in is under way.",
                "Finish the sign-in above, then run this cell again.",
            )
        reason = state.error or ended
        if reason is not None and (state.phase == "failed" or reason.error):
            do = reason.do if isinstance(reason, LoginRequired) else "Sign in again."
            return LoginRequired(reason.what, reason.why, do, error=reason.error)
        return LoginRequired(
            f"You are not signed in to {label}.",
            "You signed out." if self._chain.is_resting else "",
            _how_to_sign_in(self.provider),
        )

    # ── signing out ────────────────────────────────────────────────────────────────────────────────────────────────

    def logout(self) -> str:
        """End the session at the provider and wipe it here, whatever the provider says. Returns what happened.

        A borrowed token (from the environment, say) is not revoked; its source stays off until the next login. An
        interrupt (Ctrl-C) ends the waiting, not the signing out.
        """
        errand = Errand(self._logout, "logout")
        errand.start()
        notice = errand.wait()
        if isinstance(notice, BaseException):
            raise notice
        return notice or ""

    def _logout(self) -> str:
        with self._machine.lock:
            was_under_way = self._attempts.abandon()
            login, self._login = self._login, None
            self._chain.rest()
            is_nobody = login is None and not was_under_way and self.state.phase == "signed_out"
            # in the same breath: a login that ends just now keeps its tokens
            released = self._vault.release()
            if not is_nobody:
                self._idle.stop()
                self._rest()
        notice = farewell(self._client, login, released, self._keeper) or "Nobody was signed in."
        with self._machine.lock:
            if self.state.phase == "signed_out" and not is_nobody:
                self._machine.show(notice=notice)
        return notice

    # ── the state ──────────────────────────────────────────────────────────────────────────────────────────────────

    def after_fork(self) -> None:
        """Go on in the child of a fork with the token alone: what was under way belongs to the parent."""
        self._silent = threading.Lock()
        for part in (self._machine, self._vault, self._idle):
            part.after_fork()
        if self._attempts.abandon() or self._login is not None:
            self._rest()

    def _on_renewed(self, tokens: TokenSet) -> None:
        with self._machine.lock:
            if self._login is not None and self._vault.peek() is tokens:
                # who lends a token may lend another person's
                self._login = replace(self._login, user=user_of(tokens.access_token) or self._login.user)
                self._machine.show(
                    user=self._login.user, expires_at=tokens.expires_at, session_ends_at=tokens.refresh_expires_at
                )
                self._idle.watch()

    def _on_lost(self, why: str) -> None:
        with self._machine.lock:
            if self._login is not None:
                self._login = replace(self._login, kept_as="")
                self._machine.show(remember=False, notice=why)

    def _on_ended(self, reason: TerrascopeError) -> None:
        with self._machine.lock:
            login = self._login
            if login is None or login.tokens is None or self._vault.peek() is not None:
                return  # they signed out, or in anew, in the meantime
            self._login = None
            self._idle.stop()
            if login.came_from and login.tokens.refresh_token is None and login.tokens.lifetime_s == 0:
                # it had ended when it came: its source would be asked again at each use
                self._chain.refused(cast("SilentName", login.source), reason)
            if self._attempts.newest is None:
                self._rest(phase="failed", error=reason)

    def _rest(self, **changes: object) -> None:
        """Show what is so when nothing is under way."""
        login, tokens = self._login, self._vault.peek() if self._login else None
        self._machine.show(
            **{
                "phase": "signed_in" if login else "signed_out",
                "device": None,
                "error": None,
                "notice": "",
                "user": login.user if login else "",
                "source": login.source if login else "",
                "expires_at": tokens.expires_at if tokens else None,
                "session_ends_at": tokens.refresh_expires_at if tokens else None,
                "renewable": self._vault.is_renewable,
                "remember": login is not None and login.kept_as != "",
                **changes,
            }
        )


def _how_to_sign_in(provider: Provider) -> str:
    name = provider.name if provider.backend_url else ""
    line, call = f"%terrascope login {name}".strip(), f'"{name}"' if name else ""
    return f"Run {line} (in Python: ipyterrascope.login({call})) first."
