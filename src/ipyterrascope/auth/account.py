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
from copy import copy
from typing import Literal

from ..errors import FlowUnavailable, LoginCancelled, LoginError, LoginRefused, LoginRequired, TerrascopeError
from ..protocol.device import authorize, poll, until_approved
from ..protocol.oauth import OAuthClient
from ..values.connection import Connection
from ..values.providers import LoginMethod, Provider
from ..values.secret import Secret
from ..values.states import LoginState
from ..values.tokens import TokenSet
from .attempt import Attempt
from .chain import GivenPassword, GivenToken, SilentSource, WhyNot
from .credentials import Login, basic_login, given_login, token_login
from .farewell import farewell, revoke
from .idle import IdleWatch
from .machine import Machine
from .vault import Vault

# seconds to wait at logout for a renewal under way, whose answer voids the refresh token that we hold
_RENEWAL_WAIT_S = 10.0


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
    keep_alive_s : float
        Seconds since the last use for which an idle session is renewed; 0 lets it end when the provider ends it.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        connection: Connection | None = None,
        sources: Sequence[SilentSource] = (),
        keep_alive_s: float = 0.0,
    ) -> None:
        self.provider = provider
        self.connection = connection or Connection()
        self.why_not: dict[str, str] = {}
        self._client = OAuthClient(provider, self.connection)
        self._sources = sources
        self._vault = Vault(self._client.refresh, on_renewed=self._on_renewed, on_ended=self._on_ended)
        self._idle = IdleWatch(self._vault, keep_alive_s)
        self._login: Login | None = None
        self._attempt: Attempt | None = None
        self._are_sources_off = False
        self._refused: set[str] = set()
        self._silent = threading.Lock()
        self._machine = Machine(LoginState(methods=provider.methods))

    # ── what it shows ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> LoginState:
        """The present state."""
        return self._machine.state

    @property
    def is_signed_in(self) -> bool:
        """True when there is a login to send requests with."""
        return self._login is not None

    def configure(self, connection: Connection, keep_alive_s: float) -> None:
        """Use another CA bundle and other time-outs from now on, and another keep-alive; the login goes on."""
        if connection != self.connection:
            self.connection = connection
            self._client.connect_by(connection)
        if self._idle.keep_alive_s != keep_alive_s:
            self._idle.keep_alive_s = keep_alive_s
            self._idle.watch()

    def observe(self, callback: Callable[[LoginState], None]) -> Callable[[], None]:
        """Call `callback` with each new state, from any thread; return the function that ends this."""
        return self._machine.observe(callback)

    def wait(self, timeout_s: float | None = None) -> LoginState:
        """Wait until a sign-in under way has ended, and return the state then (or after `timeout_s` seconds)."""
        return self._machine.wait_for(lambda state: state.phase not in ("signing_in", "awaiting_user"), timeout_s)

    def __repr__(self) -> str:
        user = f" as {self.state.user}" if self.state.user else ""
        return f"<Account {self.provider.name}: {self.state.phase}{user}>"

    # ── signing in ─────────────────────────────────────────────────────────────────────────────────────────────────

    def start_device_login(self) -> None:
        """Start a device login (RFC 8628) and return at once; `state` tells how it goes."""
        self._start(self._device, "device")

    def start_password_login(
        self,
        username: str,
        password: Secret,
        *,
        one_time_code: Secret | None = None,
        method: Literal["password", "basic"] = "password",
    ) -> None:
        """Start a login by user name and password and return at once; `state` tells how it goes.

        With method "basic" the two are kept in memory and sent to the data service as they are (RFC 7617).
        """

        def work(_attempt: Attempt) -> Login:
            if method == "basic":
                return basic_login(username, password)
            return token_login(self._client.password(username, password, one_time_code), "password", user=username)

        self._start(work, method)

    def sign_in_silently(self, method: LoginMethod | None = None) -> bool:
        """Sign in from a source that asks nobody; return whether one served. `why_not` says why others did not.

        Parameters
        ----------
        method : {"password", "basic"}, optional
            How to use a user name and password that are found: for the password grant, unless "basic" is said.

        Raises
        ------
        LoginError, ProviderError
            A source had a credential, and the provider refused it or did not answer.
        """
        with self._silent:
            if self._login is not None and method is None:
                return True
            if self._are_sources_off:
                self.why_not = {source.name: "Off since the last logout." for source in self._sources}
                return False
            return any(self._try(source, method) for source in self._sources if source.name not in self._refused)

    def allow_sources(self) -> None:
        """Let silent sources serve again after a logout or a refusal."""
        self._are_sources_off = False
        self._refused.clear()

    def cancel(self) -> None:
        """Cancel a sign-in under way."""
        with self._machine.transaction():
            if self._abandon():
                self._rest(notice="Cancelled.")

    def poll_now(self) -> None:
        """Ask at once whether a device login was approved, if an interval has passed since the last time."""
        attempt = self._attempt
        if attempt is not None:
            attempt.look_again()

    def _try(self, source: SilentSource, method: LoginMethod | None) -> bool:
        found = source.find(self.provider)
        if isinstance(found, WhyNot):
            self.why_not[source.name] = found.reason
            return False
        if method is not None and isinstance(found, GivenToken):
            self.why_not[source.name] = f"{found.came_from} is a token."
            return False
        attempt = self._start(lambda _attempt: self._use(found, method))
        try:
            # for this attempt only: a person may replace it by one of their own, which takes its time
            state = self._machine.wait_for(lambda _: self._attempt is not attempt)
        except KeyboardInterrupt:
            self.cancel()
            raise
        if state.error is None or attempt.is_cancelled:
            self.why_not.pop(source.name, None)
            return self._login is not None
        if not state.error.retryable:
            self._refused.add(source.name)  # asking again and again could lock the person out
        self.why_not[source.name] = state.error.what
        raise copy(state.error)

    def _use(self, found: GivenToken | GivenPassword, method: LoginMethod | None) -> Login:
        if isinstance(found, GivenToken):
            return given_login(found, self._client.clock())
        if method == "basic":
            return basic_login(found.username, found.password, "environment")
        try:
            tokens = self._client.password(found.username, found.password)
        except LoginRefused as exc:
            refused = LoginRefused(exc.what, exc.why, f"Check {found.came_from}.", error=exc.error, status=exc.status)
        else:
            return token_login(tokens, "environment", user=found.username, came_from=found.came_from)
        raise refused

    def _device(self, attempt: Attempt) -> Login:
        authorization = authorize(self._client)
        self._show(attempt, phase="awaiting_user", device=authorization)
        tokens = until_approved(
            lambda: poll(self._client, authorization),
            interval_s=authorization.interval,
            lifetime_s=authorization.expires_at - self._client.clock(),
            wait=attempt.wait,
            on_trouble=lambda trouble: self._show(attempt, error=trouble),
        )
        return token_login(tokens, "device")

    def _start(self, work: Callable[[Attempt], Login], method: LoginMethod | None = None) -> Attempt:
        with self._machine.transaction():
            self._abandon()
            attempt = self._attempt = Attempt(method)
            self._machine.show(phase="signing_in", device=None, error=None, notice="")
        threading.Thread(target=self._run, args=(attempt, work), daemon=True, name="login").start()
        return attempt

    def _run(self, attempt: Attempt, work: Callable[[Attempt], Login]) -> None:
        try:
            login = work(attempt)
        except LoginCancelled:
            return
        except TerrascopeError as exc:
            self._fail(attempt, exc)
        except Exception as exc:  # noqa: BLE001 - a thread has nobody above it: the person must see it
            why = f"There is a fault in this software ({type(exc).__name__})."
            self._fail(attempt, LoginError("Signing in failed.", why, "Please report it."))
        else:
            self._succeed(attempt, login)

    def _succeed(self, attempt: Attempt, login: Login) -> None:
        with self._machine.transaction():
            if attempt is self._attempt:
                if login.tokens is not None:
                    self._vault.put(login.tokens)
                else:
                    self._vault.release()
                self._attempt, self._login, self._are_sources_off = None, login, False
                self._rest()
                self._idle.used()
                self._idle.watch()
                return
        if login.tokens is not None and not login.is_borrowed:
            revoke(self._client, login.tokens)  # cancelled in the meantime: nobody will use these tokens

    def _fail(self, attempt: Attempt, error: TerrascopeError) -> None:
        with self._machine.transaction():
            if attempt is not self._attempt:
                return
            self._attempt = None
            methods = self.state.methods
            if isinstance(error, FlowUnavailable) and attempt.method in methods:
                methods = tuple(method for method in methods if method != attempt.method) or methods
            # a login that is there already goes on
            self._rest(phase="signed_in" if self._login else "failed", error=error, methods=methods)

    def _abandon(self) -> bool:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.cancel()
        return attempt is not None

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
        return {"Authorization": f"Bearer {self.tokens().access_token.reveal()}"}

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        """Say that a server answered 401 to `headers`; return whether a second try can help."""
        kind, _, credential = headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            self._end_basic(Secret(credential))
        return kind == "Bearer" and self.provider.may_carry(url) and self._vault.refused(Secret(credential))

    def _end_basic(self, refused: Secret) -> None:
        # sent again with every file, a wrong password would lock the account
        with self._machine.transaction():
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
        if self._login is None and not self._are_sources_off and self.sign_in_silently():
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
            return LoginRequired(reason.what, reason.why, "Sign in again.", error=reason.error)
        return LoginRequired(
            f"You are not signed in to {label}.",
            " ".join(self.why_not.values()),
            "Run %terrascope login (in Python: ipyterrascope.login()) first.",
        )

    # ── signing out ────────────────────────────────────────────────────────────────────────────────────────────────

    def logout(self) -> str:
        """End the session at the provider and wipe it here, whatever the provider says. Returns what happened.

        A borrowed token (from the environment, say) is not revoked; its source stays off until the next login.
        """
        with self._machine.transaction():
            was_under_way = self._abandon()
            login, self._login, self._are_sources_off = self._login, None, True
            if login is None and not was_under_way and self.state.phase == "signed_out":
                return "Nobody was signed in."
            # in the same breath: a login that ends just now keeps its tokens
            newest = self._vault.release()
            self._idle.stop()
            self._rest()
        notice = farewell(self._client, login, newest(_RENEWAL_WAIT_S))
        with self._machine.transaction():
            if self.state.phase == "signed_out":
                self._machine.show(notice=notice)
        return notice

    # ── the state ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _on_renewed(self, tokens: TokenSet) -> None:
        with self._machine.transaction():
            if self._login is not None and self._vault.peek() is tokens:
                self._machine.show(expires_at=tokens.expires_at, session_ends_at=tokens.refresh_expires_at)
                self._idle.watch()

    def _on_ended(self, reason: TerrascopeError) -> None:
        with self._machine.transaction():
            login = self._login
            if login is None or login.tokens is None or self._vault.peek() is not None:
                return  # they signed out, or in anew, in the meantime
            self._login = None
            self._idle.stop()
            if self._attempt is None:
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
                "renewable": tokens is not None and tokens.refresh_token is not None,
                **changes,
            }
        )

    def _show(self, attempt: Attempt, **changes: object) -> None:
        with self._machine.transaction():
            if attempt is self._attempt:
                self._machine.show(**changes)
