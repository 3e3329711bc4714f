"""The stored login as a source, and how the kernels that share it share its renewals (floor 3)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from ..errors import SIGN_IN_AGAIN, LoginRefused, LoginRequired
from ..threads import before_exit
from ..values.providers import Provider
from ..values.tokens import TokenSet
from .chain import Found, SilentSource, StoredOffer, WhyNot
from .login_store import LoginStore, NothingStoredError
from .renewers import Renewer
from .stored_login import StoredLogin, StoreTroubleError

FEWER_HOSTS = "The stored login was made for fewer hosts than are configured: sign in again."

log = logging.getLogger(__name__)


def stored_source(store: LoginStore | WhyNot, clock: Callable[[], float] = time.time) -> SilentSource:
    """Make the source; `store` may say why there is none."""

    def find(provider: Provider) -> Found:
        if isinstance(store, WhyNot):
            return store
        try:
            login = store.look()
        except NothingStoredError as exc:
            return WhyNot(str(exc))
        except StoreTroubleError as exc:
            return WhyNot(f"The stored login cannot be used. {exc}", is_fault=True)
        if not store.covers(login):
            return WhyNot(FEWER_HOSTS, is_fault=True)
        ends_at = login.tokens.refresh_expires_at
        if ends_at is not None and ends_at <= clock():
            return WhyNot("The stored login has ended: nobody used it for too long.", is_fault=True)
        return StoredOffer(login, store)

    # a keyring, which tells of no changes, may have to be unlocked
    return SilentSource("stored", find, may_ask=isinstance(store, LoginStore) and store.shelf.signature() is None)


# the clocks of two machines that share a folder do
_CLOCKS_DIFFER_S = 60.0


class ByStore:
    """By what is stored: another kernel's renewal where there is one, else the refresh grant, stored before it is used.

    Parameters
    ----------
    login : StoredLogin
    store : LoginStore
    refresh : Renewer
        Gets new tokens from the provider.
    on_lost : callable
        Told, in a sentence, that what was renewed could not be stored: the login goes on in this process alone.
    clock : callable
        POSIX seconds.
    """

    margin_s = 0.0

    def __init__(
        self,
        login: StoredLogin,
        store: LoginStore,
        refresh: Renewer,
        *,
        on_lost: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._login, self._store, self._refresh = login, store, refresh
        self._on_lost, self._clock = on_lost, clock
        self._seen = store.shelf.signature()
        self.is_own = False
        # while another login takes its place in the store, to take its place here: that is no news
        self.looks_away = False

    def has_news(self) -> bool:
        """Tell whether something else is stored than what was seen the last time."""
        return not (self.is_own or self.looks_away) and self._store.shelf.signature() != self._seen

    def tokens(self) -> TokenSet:
        """Return tokens to begin with: those that are stored, renewed where need be."""
        return self._login.tokens if self._lives(self._login.tokens) else self.renew(self._login.tokens)

    def renew(self, tokens: TokenSet, *, is_refused: bool = False) -> TokenSet:
        """Return newer tokens than `tokens`; the same ones where only something beside them changed."""
        if self.is_own:
            return self._refresh.renew(tokens, is_refused=is_refused)
        try:
            return self._renewed(tokens, is_refused=is_refused)
        except LoginRequired:
            if self.looks_away:
                return tokens
            raise

    def _renewed(self, tokens: TokenSet, *, is_refused: bool) -> TokenSet:
        has_news = self.has_news()
        stored = self._looked()  # without one's turn: it is written whole
        if self._is_newer(stored, tokens):
            return stored
        if has_news and not is_refused and self._lives(tokens):
            return tokens
        try:
            with self._store.turn():
                stored = self._looked()
                return stored if self._is_newer(stored, tokens) else self._refreshed(stored)
        except StoreTroubleError as exc:
            failure = _unusable(exc)
        raise failure

    def _looked(self) -> TokenSet:
        self._seen = self._store.shelf.signature()
        try:
            login = self._store.look()
        except StoreTroubleError as exc:
            failure = _gone() if isinstance(exc, NothingStoredError) else _unusable(exc)
        else:
            # of the same person, also a login that was made anew in another kernel
            is_ours = login.login_id == self._login.login_id or (login.user != "" and login.user == self._login.user)
            if is_ours and self._store.covers(login):
                self._login = login
                return login.tokens
            failure = replaced()
        raise failure

    def _refreshed(self, stored: TokenSet) -> TokenSet:
        # an answer that is not stored is lost, and with it the login
        with before_exit.awaited():
            return self._refreshed_and_stored(stored)

    def _refreshed_and_stored(self, stored: TokenSet) -> TokenSet:
        try:
            renewed = self._refresh.renew(stored, is_refused=False)
        except (LoginRefused, LoginRequired):
            # dead: no kernel must send it again
            self._forget()
            raise
        try:
            self._store.put(replace(self._login, tokens=renewed))
        except StoreTroubleError as exc:
            self._go_on_alone(str(exc))
        self._seen = self._store.shelf.signature()
        return renewed

    def _go_on_alone(self, reason: str) -> None:
        # what is stored is void by now: another kernel that sent it could end the session
        self.is_own = True
        self._forget()
        log.warning("The renewed login could not be stored: %s", reason)
        self._on_lost(f"This login is not stored any more, and goes on in this kernel only. {reason}")

    def _forget(self) -> None:
        try:
            self._store.shelf.remove()
        except StoreTroubleError as exc:
            log.warning("A stored login that serves no more could not be removed: %s", exc)

    def _is_newer(self, stored: TokenSet, tokens: TokenSet) -> bool:
        return stored.access_token != tokens.access_token and self._lives(stored)

    def _lives(self, tokens: TokenSet) -> bool:
        if tokens.expires_at is None:
            return True
        left_s = tokens.expires_at - self._clock()
        # with more than its whole life left it was kept while the clock was ahead: nobody knows how old it is
        return tokens.leeway_s < left_s <= (tokens.lifetime_s or 0.0) + _CLOCKS_DIFFER_S


def replaced() -> LoginRequired:
    """Make the error for a stored login whose place another one took."""
    return LoginRequired("Another login took the place of the stored one.", "", SIGN_IN_AGAIN)


def _gone() -> LoginRequired:
    return LoginRequired(
        "The stored login is gone.",
        "Somebody signed out of it, or in as somebody else, here or in another kernel.",
        SIGN_IN_AGAIN,
    )


def _unusable(exc: StoreTroubleError) -> LoginRequired:
    return LoginRequired("The stored login cannot be used.", str(exc), SIGN_IN_AGAIN)
