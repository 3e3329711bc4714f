"""The login that an account has at present: its tokens kept live, how it ends, and what is shown of it (floor 3)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ..errors import SIGN_IN_AGAIN, LoginRefused, TerrascopeError
from ..protocol.claims import user_of
from ..protocol.oauth import OAuthClient
from ..threads import before_exit
from ..values.secret import Secret
from ..values.tokens import TokenSet
from .credentials import Login
from .farewell import RENEWAL_WAIT_S, left_of
from .idle import IdleWatch
from .keeper import Taken
from .machine import Machine
from .renewal import Released
from .renewers import ByRefreshToken
from .revocation import revoke
from .vault import Vault


class PresentLogin:
    """Who is signed in, if anybody is.

    Parameters
    ----------
    client : OAuthClient
    machine : Machine
        Shows it. Whoever holds its lock is the only one to change anything here.
    refresh : ByRefreshToken
        Renews the tokens of a login that has no way of its own.
    keep_alive_s : float
        Seconds since the last use for which an idle session is renewed.
    on_ended : callable
        Told, while nothing else can change, of a login that is over without anybody's doing, and why.

    Attributes
    ----------
    login : Login or None
    number : int
        Which login of this account it is, or was the last, counted from 1.
    vault : Vault
        Holds its tokens.
    idle : IdleWatch
        Is told of each use.
    """

    def __init__(
        self,
        client: OAuthClient,
        machine: Machine,
        refresh: ByRefreshToken,
        *,
        keep_alive_s: float,
        on_ended: Callable[[Login, TerrascopeError], None],
    ) -> None:
        self._client, self._machine, self._refresh, self._tell_ended = client, machine, refresh, on_ended
        self.login: Login | None = None
        self.number = 0
        self.vault = Vault(on_renewed=self._on_renewed, on_ended=self._on_ended, on_orphaned=self.discard)
        self.idle = IdleWatch(self.vault, keep_alive_s)

    def take(self, login: Login) -> None:
        """Hold `login` from now on; the one in its place is ended at the provider, where nobody else has it."""
        renewer = login.renewer
        if renewer is None and login.tokens is not None and login.tokens.refresh_token is not None:
            renewer = self._refresh
        before, released = self.login, self.vault.release(login.tokens, renewer)
        self.login, self.number = login, self.number + 1
        self.show(notice=login.notice)
        self.idle.used()
        self.idle.watch()
        if before is not None and before.tokens is not None and not before.is_borrowed and not before.kept_as:
            # nobody could sign out of it any more
            before_exit.begin(lambda: self._discard_released(released), "replaced")

    def let_go(self) -> tuple[Login | None, Released]:
        """Hold nothing any more, and return what was held."""
        login, self.login = self.login, None
        # in the same breath: a login that ends just now keeps its tokens
        return login, self.vault.release()

    def end_basic(self, refused: Secret) -> None:
        """Send user name and password no more that were refused: sent again with every file, they lock an account."""
        with self._machine.lock:
            if self.login is not None and self.login.basic == refused:
                self.login = None
                what = f"{self._client.provider.label} did not accept the user name and password."
                error = LoginRefused(what, "A request with them was answered by 401.", SIGN_IN_AGAIN, status=401)
                self.show(phase="failed", error=error)
            elif self.login is not None and self.login.at_login == refused:
                self.login = replace(self.login, at_login=None)
                what = f"{self._client.provider.label} did not accept the user name and password"
                self._machine.show(notice=f"{what} of {self.login.came_from}, which are not sent again.")

    def end_keeping(self, why: str) -> None:
        """Say that it is not stored any more, and goes on in this process alone."""
        with self._machine.lock:
            if self.login is not None:
                self.login = replace(self.login, kept_as="")
                self._machine.show(remember=False, notice=why)

    def discard(self, tokens: TokenSet) -> str:
        """End the session of tokens that nobody else knows, and say what went wrong. What is still in use goes on.

        It takes its time, on the thread of the caller: the one that got them, for nobody waits for that.
        """
        return revoke(self._client, tokens, besides=self.vault.peek())

    def tell_left(self, former: Taken) -> None:
        """Say what is left of a login whose place another one took, if anything is, for as long as that one is here."""
        with self._machine.lock:
            if self.login is not None and (left := left_of(former)):
                self._machine.show(notice=f"{self._machine.state.notice} {left}".strip())

    def show(self, **changes: object) -> None:
        """Show what is so when nothing is under way."""
        login, tokens = self.login, self.vault.peek() if self.login else None
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
                "renewable": self.vault.is_renewable,
                "remember": login is not None and login.kept_as != "",
                **changes,
            }
        )

    def after_fork(self) -> None:
        """Go on in the child of a fork with the token alone."""
        self.vault.after_fork()
        self.idle.after_fork()

    def _on_renewed(self, tokens: TokenSet) -> None:
        with self._machine.lock:
            if self.login is not None and self.vault.peek() is tokens:
                # who lends a token may lend another person's
                self.login = replace(self.login, user=user_of(tokens.access_token) or self.login.user)
                self._machine.show(
                    user=self.login.user, expires_at=tokens.expires_at, session_ends_at=tokens.refresh_expires_at
                )
                self.idle.watch()

    def _on_ended(self, reason: TerrascopeError) -> None:
        with self._machine.lock:
            login = self.login
            if login is None or login.tokens is None or self.vault.peek() is not None:
                return  # they signed out, or in anew, in the meantime
            self.login = None
            self.idle.stop()
            self._tell_ended(login, reason)

    def _discard_released(self, released: Released) -> None:
        with suppress(TimeoutError):
            tokens = released.newest(RENEWAL_WAIT_S)
            if tokens is not None:
                not_ended = self.discard(tokens)
                # of one that nothing renews, nothing could be ended
                self.tell_left(Taken(not_ended=not_ended if tokens.refresh_token else ""))
