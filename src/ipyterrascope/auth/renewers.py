"""A login's own way to a fresh token: its refresh token, signing in again, or asking who lent it (floor 3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from ..errors import SIGN_IN_AGAIN, LoginRefused, LoginRequired
from ..protocol.oauth import OAuthClient
from ..protocol.openeo import basic_tokens
from ..values.secret import Secret
from ..values.tokens import TokenSet
from .chain import LentToken


class Renewer(Protocol):
    """How the vault gets a fresh token for one login. Called by one thread at a time."""

    @property
    def is_own(self) -> bool:
        """True where nobody else has these tokens: what is not used any more is revoked, and no fork renews it."""
        ...

    @property
    def margin_s(self) -> float:
        """Seconds before its end from which on a token is renewed: half of its life at most, its leeway at least."""
        ...

    def has_news(self) -> bool:
        """Tell, at once and at every use, whether another token lies ready although the present one lives."""
        ...

    def renew(self, tokens: TokenSet, *, is_refused: bool) -> TokenSet:
        """Return fresh tokens, or the same ones where there are none; `is_refused` after a 401.

        Raises
        ------
        LoginRefused, LoginRequired
            The login is over.
        TerrascopeError
            Any other says nothing about it: it is asked again later.
        """
        ...


class ByRefreshToken:
    """By the refresh grant (RFC 6749 section 6). A refresh token that was refused is never sent again.

    Parameters
    ----------
    refresh : callable
        Exchanges the refresh token; raises `LoginRefused` when it is dead.
    """

    is_own = True
    margin_s = 0.0

    def __init__(self, refresh: Callable[[TokenSet], TokenSet]) -> None:
        self._refresh = refresh
        self._dead: set[Secret] = set()

    def has_news(self) -> bool:
        """Return False: nobody else renews these tokens."""
        return False

    def renew(self, tokens: TokenSet, *, is_refused: bool = False) -> TokenSet:
        """Exchange the refresh token."""
        refresh_token = tokens.refresh_token
        if refresh_token is None or refresh_token in self._dead:
            raise LoginRequired("The session is over.", "It was refused before.", SIGN_IN_AGAIN)
        try:
            return self._refresh(tokens)
        except LoginRefused:
            self._dead.add(refresh_token)
            raise


class ByClient:
    """By signing in again, where there is no refresh token: a client gets none for itself (RFC 6749 section 4.4.3).

    Parameters
    ----------
    sign_in : callable
        Returns new tokens; raises `LoginRefused` when it is not accepted any more.
    """

    # a child of a fork may do the same
    is_own = False
    margin_s = 0.0

    def __init__(self, sign_in: Callable[[], TokenSet]) -> None:
        self._sign_in = sign_in

    def has_news(self) -> bool:
        """Return False."""
        return False

    def renew(self, tokens: TokenSet, *, is_refused: bool = False) -> TokenSet:
        """Sign in again."""
        return self._sign_in()


def by_secret(client: OAuthClient, secret: Secret) -> ByClient:
    """Make the renewer of a login that has no refresh token.

    `secret` is that of the client, which signed in for itself, or user name and password for an openEO back-end.
    """
    provider = client.provider
    if provider.is_basic:
        return ByClient(lambda: basic_tokens(client.http, provider, secret, client.clock()))
    return ByClient(lambda: client.client_credentials(provider.client_id, secret))


class ByLender:
    """By asking again who lent the last token. What is lent is neither refreshed nor revoked by us.

    Parameters
    ----------
    lent : LentToken
    """

    is_own = False

    def __init__(self, lent: LentToken) -> None:
        self._lent = lent
        self.margin_s = lent.margin_s

    def has_news(self) -> bool:
        """Return what the lender says."""
        return self._lent.has_news()

    def renew(self, tokens: TokenSet, *, is_refused: bool) -> TokenSet:
        """Ask for a token, and say which one was refused."""
        return self.asked(tokens.access_token if is_refused else None)

    def asked(self, refused: Secret | None = None) -> TokenSet:
        """Ask for a token; a refresh token that came with it is left alone, for using it would void the lender's."""
        return replace(self._lent.lend(refused), refresh_token=None, refresh_expires_at=None)
