"""Signing in at Earthdata Login by a user token: one that is pasted, or that a password finds or makes (floor 3).

A token is made only where none is there that lasts: a person may have two. One that was there before may be in use
elsewhere, so that only one that was made here is ended at the logout, and only where the password lies ready for it:
what is typed is not kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ..errors import LoginRefused, TerrascopeError
from ..protocol.earthdata import TokenLimitReached, UserTokenApi, uid_of
from ..protocol.http import HttpClient
from ..protocol.oauth import OAuthClient
from ..threads.abort import AbortSignal
from ..values.providers import Provider
from ..values.secret import Secret
from ..values.states import Origin
from ..values.tokens import TokenSet
from .attempts import Attempt
from .chain import GivenPassword
from .credentials import Login, basic_login, borrowed_login, given_tokens, token_login

if TYPE_CHECKING:
    from .account import Account

_DAY_S = 86400.0
# somebody waits for a status
_PATIENCE_S = 10.0
# a token with less is passed over for a new one
_LEAST_S = 7 * _DAY_S
# by this process, whichever login: the next one finds it there
_made_here: set[Secret] = set()


def by_pasted_token(client: OAuthClient, token: Secret) -> Login:
    """Use a token that a person made. The provider is asked whose it is.

    Raises
    ------
    LoginRefused
        It is none, has ended, or was deleted.
    """
    tokens, page = given_tokens(token, client.clock()), client.provider.account_url
    if not uid_of(token):
        label = client.provider.label
        raise LoginRefused(f"That is no user token of {label}.", "It does not say whose it is.", f"Make one at {page}.")
    if tokens.expires_at is not None and tokens.expires_at <= client.clock():
        raise LoginRefused("That user token has ended.", "", f"Make another one at {page}.", error="invalid_grant")
    _api(client).profile(token)
    return borrowed_login(tokens, "token", "")


def by_typed_password(client: OAuthClient, attempt: Attempt, username: str, password: Secret) -> Login:
    """Find or make a token by what a person typed, which is forgotten then."""
    api = _api(client)
    tokens, notice = _obtain(api, _credentials(username, password), attempt.signal)

    def end(tokens: TokenSet) -> str:
        if tokens.access_token not in _made_here:
            return _was_there(api, tokens)
        why = "for your password was not kept"
        return f"Signed out here. {_goes_on(api, tokens)}, {why}: delete it at {api.provider.account_url}."

    return replace(token_login(tokens, "password", user=username), notice=notice, end=end)


def by_found_password(client: OAuthClient, attempt: Attempt, source: Origin, found: GivenPassword) -> Login:
    """Find or make a token by a password that lies ready, by which it is made anew in time, and ended at the logout."""
    api, credentials = _api(client), _credentials(found.username, found.password)
    try:
        tokens, notice = _obtain(api, credentials, attempt.signal)
    except TokenLimitReached:
        raise  # nothing is wrong with what was found
    except LoginRefused as exc:
        refused = LoginRefused(exc.what, exc.why, f"Check {found.came_from}.", error=exc.error, status=exc.status)
    else:
        renewer = ByUserToken(api, credentials)
        login = token_login(tokens, source, user=found.username, came_from=found.came_from)
        return replace(login, renewer=renewer, notice=notice, at_login=credentials, end=renewer.end)
    raise refused


def by_browser(provider: Provider) -> Callable[[TokenSet], str]:
    """Return how a login of a registered application ends: in the browser, whose page leads back to the application."""
    page = f"{provider.issuer}/logout?{urlencode({'redirect_uri': provider.redirect_uri})}"
    return lambda _: f"Signed out here. The browser is still signed in there: {page} ends that."


class ByUserToken:
    """Renews a user token by finding or making the next one. See `Renewer`.

    Parameters
    ----------
    api : UserTokenApi
    credentials : Secret
        User name and password as RFC 7617 encodes them.
    """

    is_own = False
    margin_s = _DAY_S

    def __init__(self, api: UserTokenApi, credentials: Secret) -> None:
        self._api, self._credentials = api, credentials

    def has_news(self) -> bool:
        """Return False."""
        return False

    def renew(self, tokens: TokenSet, *, is_refused: bool) -> TokenSet:
        """Return another token; the same one after a refusal, where the provider still knows it."""
        if is_refused:
            known = [each.access_token for each in self._api.listed(self._credentials)]
            if tokens.access_token in known:
                return tokens
        return _obtain(self._api, self._credentials, None)[0]

    def end(self, tokens: TokenSet) -> str:
        """End a token that was made here, and return what happened."""
        if tokens.access_token not in _made_here:
            return _was_there(self._api, tokens)
        try:
            self._api.revoke(tokens.access_token, self._credentials)
        except TerrascopeError as exc:
            page = self._api.provider.account_url
            return f"Signed out here. {exc.what} {_goes_on(self._api, tokens)}: delete it at {page}."
        _made_here.discard(tokens.access_token)
        return f"Signed out, and the token at {self._api.provider.label} is ended."


def profile_of(account: Account) -> dict[str, str]:
    """Return what the provider says of who is signed in, by its name there. Raises `LoginError`, `ProviderError`."""
    http = HttpClient(account.connection, deadline_s=_PATIENCE_S)
    return UserTokenApi(account.provider, http).profile(account.tokens().access_token)


def _obtain(api: UserTokenApi, credentials: Secret, signal: AbortSignal | None) -> tuple[TokenSet, str]:
    """Return the token that lasts longest, or a new one, and what a person should know."""
    known = api.listed(credentials, signal=signal)
    best = known[0] if known else None
    left_s = (best.expires_at or 0.0) - api.clock() if best else 0.0
    if best is not None and left_s > _LEAST_S:
        return best, ""
    try:
        made = api.made(credentials, signal=signal)
    except TokenLimitReached:
        if best is None or left_s <= 0:
            raise
    else:
        _made_here.add(made.access_token)
        return made, ""
    return best, (
        f"This token ends on {_day(best)}. You have two already, which is all that {api.provider.label} allows: "
        f"delete one at {api.provider.account_url} to get one that lasts longer."
    )


def _was_there(api: UserTokenApi, tokens: TokenSet) -> str:
    return f"Signed out here. {_goes_on(api, tokens)}, for it was there before: something else may use it."


def _goes_on(api: UserTokenApi, tokens: TokenSet) -> str:
    return f"The token at {api.provider.label} goes on until {_day(tokens)}"


def _day(tokens: TokenSet) -> str:
    return "its end" if tokens.expires_at is None else time.strftime("%d %B %Y", time.localtime(tokens.expires_at))


def _api(client: OAuthClient) -> UserTokenApi:
    return UserTokenApi(client.provider, client.http, client.clock)


def _credentials(username: str, password: Secret) -> Secret:
    return basic_login(username, password).basic or Secret("")
