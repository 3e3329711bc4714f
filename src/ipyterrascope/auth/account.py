"""An account: the state machine of one provider's login, which every front shows and obeys (floor 3).

    signed_out ──start──▶ signing_in ──code──▶ awaiting_user ──approved──▶ signed_in
        ▲                     │ └────────────password or source──────────────▲ │
        └──cancel, logout─────┴──────▶ failed ◀──refused, expired, ended───────┘

How one signs in is `SigningIn`, and where a person does it `ByPerson`, which an account is; what is held then is
`PresentLogin`. Here is what makes use of it: requests are signed, until somebody signs out. Every method is safe from
any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, TypedDict

from ..errors import SIGN_IN_AGAIN, LoginRequired, SecretExposed
from ..threads.errand import Errand
from ..values.connection import Connection
from ..values.providers import LoginMethod, Provider
from ..values.secret import Secret
from ..values.states import LoginState
from ..values.tokens import TokenSet
from .by_person import ByPerson
from .chain import SilentSource, WhyNot
from .farewell import RENEWAL_WAIT_S, farewell
from .login_store import LoginStore

NOBODY = "Nobody was signed in."
"""What a logout says that had nothing to do."""


class Settings(TypedDict):
    """What is configured of an account, and may change while it is signed in."""

    connection: Connection
    keep_alive_s: float
    sources: Sequence[SilentSource]
    methods: tuple[LoginMethod, ...]
    store: LoginStore | WhyNot


class Account(ByPerson):
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

    # ── what it shows ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def state(self) -> LoginState:
        """The present state."""
        return self._machine.state

    @property
    def is_signed_in(self) -> bool:
        """True when there is a login to send requests with."""
        return self._present.login is not None

    @property
    def whose(self) -> str:
        """Who is signed in: the name, or where none is known what tells this login from others; empty for nobody."""
        login = self._present.login
        return "" if login is None else login.user or f"login {self._present.number}"

    @property
    def came_from(self) -> str:
        """The variables that the login was found in; empty where a person signed in."""
        login = self._present.login
        return login.came_from if login else ""

    @property
    def is_kept(self) -> bool:
        """True when the login that is there is in the store, whatever is wished of one that is to replace it."""
        login = self._present.login
        return login is not None and login.kept_as != ""

    @property
    def is_unchecked(self) -> bool:
        """True for a login that nobody was asked about: a token that lay ready or was given, or a Basic login."""
        login, provider = self._present.login, self.provider
        if login is None:
            return False
        is_asked_about = login.source == "token" and (provider.is_earthdata or provider.backend_url != "")
        return login.basic is not None or (login.is_borrowed and not is_asked_about)

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
        login = self._present.login
        if login is not None and login.basic is not None:
            return {"Authorization": f"Basic {login.basic.reveal()}"}
        return self._at_login(url) or self._signed_by(self.tokens())

    def headers_at_once(self, url: str) -> Mapping[str, str] | None:
        """Return the headers for a request to `url`, or None where `headers` may take a while for them, or raise."""
        login = self._present.login
        if not self.provider.may_carry(url) or (login is not None and login.basic is not None):
            return self.headers(url)
        tokens = self._vault.live_token()
        if tokens is None:
            return None
        self._idle.used()
        return self._at_login(url) or self._signed_by(tokens)

    def _at_login(self, url: str) -> Mapping[str, str]:
        """Return what the login host is shown where a data centre leads there, if that is not the token."""
        login = self._present.login
        if login is None or login.at_login is None or not self.provider.leads_back(url):
            return {}
        return {"Authorization": f"Basic {login.at_login.reveal()}"}

    def _signed_by(self, tokens: TokenSet) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.provider.bearer_prefix}{tokens.access_token.reveal()}"}

    def look_again(self, *, is_anew: bool = False) -> None:
        """Notice what others did to a login that is shared, such as another kernel that signed out of it; what was said
        of one that goes on is said no more, with `is_anew` nor why no other took its place."""
        self._vault.catch_up()
        with self._machine.lock:
            if self.state.phase == "signed_in" and self.state.was_cancelled:
                self._machine.show(notice="")  # that was news once: the login that was there goes on
            if is_anew:
                self._forget_failed_switch()

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        """Say that a server answered 401 to `headers`; return whether a second try can help."""
        kind, _, credential = headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            self._present.end_basic(Secret(credential))
        token = Secret(credential.removeprefix(self.provider.bearer_prefix))
        return kind == "Bearer" and self.provider.may_carry(url) and self._vault.refused(token)

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
        if self._present.login is None and self.sign_in_silently():
            return self._vault.token(min_valid_s)
        if self._present.login is not None and self._present.login.basic is not None:
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
            is_told = isinstance(reason, LoginRequired) and reason.do != SIGN_IN_AGAIN
            do = reason.do if is_told else f"Sign in again: run {_sign_in_line(self.provider)}."
            return LoginRequired(reason.what, reason.why, do, error=reason.error)
        how = f"Run {_sign_in_line(self.provider)} first."
        if self._chain.is_resting:
            return LoginRequired(f"You signed out of {label}.", "", how)
        halves = " ".join(why.reason for why in self.why_not.values() if why.is_half)
        return LoginRequired(f"You are not signed in to {label}.", halves, how)

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

    def hand_over(self) -> Secret | None:
        """Hold a login no more without ending it, and return its refresh token: it is somebody else's from now on."""
        with self._machine.lock:
            _, released = self._present.let_go()
            self._idle.stop()
            self._present.show()
        tokens = released.newest(RENEWAL_WAIT_S)
        return tokens.refresh_token if tokens else None

    def _logout(self) -> str:
        with self._machine.lock:
            was_under_way = self._attempts.abandon()
            login, released = self._present.let_go()
            secret = self._client.client_secret
            self._chain.rest()
            is_nobody = login is None and not was_under_way and self.state.phase == "signed_out"
            if not is_nobody:
                self._idle.stop()
                self._present.show()
        notice = farewell(self._client, login, released, self._keeper) or NOBODY
        with self._machine.lock:
            if self._client.client_secret is secret:  # else a login that began meanwhile has its own
                self._client.client_secret = self._lent_secret
            if self.state.phase == "signed_out" and not is_nobody:
                self._machine.show(notice=notice)
        return notice


def _sign_in_line(provider: Provider) -> str:
    name = "" if provider.name == "terrascope" else provider.name
    line, call = f"%terrascope login {name}".strip(), f'"{name}"' if name else ""
    return f"{line} (in Python: ipyterrascope.login({call}))"
