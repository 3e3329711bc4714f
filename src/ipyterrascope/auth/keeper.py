"""What an account keeps in its store: a login that shall outlive this kernel, and the end of it (floor 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import LoginError, ProviderUnreachable
from ..protocol.oauth import OAuthClient
from ..values.states import Origin
from ..values.tokens import TokenSet
from .chain import PassedOver, StoredOffer, WhyNot
from .credentials import Login, token_login
from .login_store import LoginStore, NoStoreError, NothingStoredError
from .renewers import ByRefreshToken, Renewer, by_secret
from .stored import ByStore, replaced
from .stored_login import StoredLogin, StoreTroubleError

CAME_FROM = "the stored login"


@dataclass(frozen=True)
class Taken:
    """What became of a stored login that was to be ended and removed: whether it was there, or why it could not be.

    `not_ended` is why its session goes on at the provider, if it does.
    """

    was_there: bool = False
    trouble: str = ""
    not_ended: str = ""


class Keeper:
    """Keeps, serves and removes the stored login of one account.

    Parameters
    ----------
    client : OAuthClient
    refresh : ByRefreshToken
        Remembers which refresh tokens are dead.
    on_lost : callable
        Told, in a sentence, that a login is not stored any more.

    Attributes
    ----------
    store : LoginStore or WhyNot
        Where logins are kept, or why they cannot be.
    user : str
        Whose stored login was used here: until somebody says `login`, that of another person does not serve.
    """

    def __init__(self, client: OAuthClient, refresh: ByRefreshToken, on_lost: Callable[[str], None]) -> None:
        self._client, self._refresh, self._on_lost = client, refresh, on_lost
        self.store: LoginStore | WhyNot = WhyNot("No store is configured.")
        self.user = ""

    def why_not(self) -> str:
        """Return one sentence why no login can be kept, or nothing."""
        return self.store.reason if isinstance(self.store, WhyNot) else self.store.shelf.why_not()

    def try_keeping(self) -> str:
        """Return why nothing can be kept, or nothing, once the store could be locked."""
        if isinstance(self.store, WhyNot):
            return self.store.reason
        try:
            with self.store.turn():
                return ""
        except (StoreTroubleError, ProviderUnreachable) as exc:
            return str(exc)

    def where(self) -> str:
        """Return where logins are kept, for people; nothing where they cannot be."""
        return "" if isinstance(self.store, WhyNot) else self.store.shelf.where

    def has_login(self) -> bool:
        """Tell whether a login is kept there now, readable or not."""
        if isinstance(self.store, WhyNot):
            return False
        try:
            self.store.look()
        except (NothingStoredError, NoStoreError):
            return False
        except StoreTroubleError:
            pass
        return True

    def keep(
        self,
        login: Login,
        *,
        is_asked_to_last: bool = True,
        is_wanted: Callable[[], bool] = lambda: True,
        settles: Callable[[], bool] = lambda: True,
        on_replaced: Callable[[TokenSet], None],
    ) -> Login:
        """Store a fresh login, and return it as one that is kept; its `notice` tells what is not as was wished.

        `is_asked_to_last` says whether the provider was asked for a session that lasts. `on_replaced` is told of the
        login whose place it takes, and which nobody could sign out of any more; see `LoginStore.keep` for `is_wanted`
        and `settles`.
        """
        tokens = login.tokens
        if tokens is None or (tokens.refresh_token is None and login.secret is None):
            return replace(login, notice="This login is not kept: there is nothing to renew it by.")
        if isinstance(self.store, WhyNot):
            return replace(login, notice=f"This login is not kept. {self.store.reason}")
        try:
            secret = login.secret or self._client.client_secret
            fresh, before = self.store.keep(tokens, login.user, secret, is_wanted=is_wanted, settles=settles)
        except (StoreTroubleError, ProviderUnreachable) as exc:
            return replace(login, notice=f"This login is not kept. {exc}")
        if before is not None:
            on_replaced(before.tokens)
        self.user = login.user
        notice = self._notice(tokens, is_asked_to_last)
        return replace(login, renewer=self._renewer(fresh), kept_as=fresh.login_id, notice=notice)

    def leave(self, login: Login) -> Login:
        """Return a fresh login that is not to be kept after all; where it lasts all the same, its `notice` says so."""
        if login.tokens is None or not _lasts(login.tokens):
            return login
        label = self._client.provider.label
        return replace(login, notice=f"It is not kept on this machine, but lasts at {label} until you log out.")

    def serve(self, source: Origin, offer: StoredOffer) -> Login:
        """Make the login of what is stored. Raises `PassedOver` where it turns out to be over."""
        login = offer.login
        if self.user not in ("", login.user):
            raise PassedOver(replaced(), is_fault=True)
        renewer = self._renewer(login)
        try:
            tokens = renewer.tokens()
        except LoginError as exc:
            nothing = PassedOver(exc, is_fault=True)
        else:
            self.user = login.user
            offer.store.used()
            served = token_login(tokens, source, user=login.user, came_from=CAME_FROM)
            return replace(served, renewer=renewer, kept_as=login.login_id)
        raise nothing

    def take(self, wait_s: float, end: Callable[[TokenSet], str | None], only: str = "") -> Taken:
        """End what is stored, and remove it whatever comes of that; see `LoginStore.take`.

        `end` ends tokens at the provider, and returns why they are not, if they are not.
        """
        if isinstance(self.store, WhyNot):
            return Taken()
        said: list[str] = []

        def first(login: StoredLogin) -> None:
            self._use_secret(login)
            said.append(end(login.tokens) or "")

        try:
            self.store.take(wait_s, only, first=first)
        except (StoreTroubleError, ProviderUnreachable) as exc:
            trouble = f"The stored login could not be removed. {exc}"
        else:
            trouble = ""
        return Taken(said != [], trouble, "".join(said))

    def _use_secret(self, login: StoredLogin) -> None:
        """Let a client of one's own renew and end a login by the secret that it was made with."""
        if login.secret is not None and not self._client.provider.is_basic:
            self._client.client_secret = login.secret

    def _renewer(self, login: StoredLogin) -> ByStore:
        if isinstance(self.store, WhyNot):
            raise StoreTroubleError(self.store.reason)
        refresh: Renewer = self._refresh
        self._use_secret(login)
        if login.secret is not None and login.tokens.refresh_token is None:
            refresh = by_secret(self._client, login.secret)
        return ByStore(login, self.store, refresh, on_lost=self._on_lost, clock=self._client.clock)

    def _notice(self, tokens: TokenSet, is_asked_to_last: bool) -> str:
        if _lasts(tokens) or tokens.refresh_expires_at is None:
            return ""
        minutes = round((tokens.refresh_expires_at - tokens.issued_at) / 60)
        ends = f"it ends when it is not used for {minutes} minutes"
        if is_asked_to_last:
            return f"{self._client.provider.label} lets no login of this account last: {ends}."
        again = "For one that lasts, log out and tick the box before you approve"
        return f"But the code that you approved was not yet of a login that lasts: {ends}. {again}."


def _lasts(tokens: TokenSet) -> bool:
    return "offline_access" in tokens.scope.split()
