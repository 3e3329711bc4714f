"""JupyterHub as a source: the access token that the Hub keeps for the user (floor 3).

Only the access token is taken. The Hub's refresh token is the Hub's: used here, it would end the session there. Issuer
and end are checked, for the Hub hands out what it has. Nothing is asked before somebody wants a token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from ..errors import LoginRequired, ProviderUnreachable, TerrascopeError, quoted
from ..protocol.claims import unverified_claims
from ..protocol.http import HttpClient
from ..protocol.hub import DEADLINE_S, HubApi
from ..values.connection import Connection
from ..values.hosts import origin_of
from ..values.providers import Provider
from ..values.secret import Secret
from ..values.tokens import TokenSet, is_fit_for_header
from .chain import Found, LentToken, SilentSource, WhyNot
from .credentials import given_tokens

_URL, _TOKEN, _USER, _SERVER = (f"JUPYTERHUB_{name}" for name in ("API_URL", "API_TOKEN", "USER", "SERVER_NAME"))


def hub_source(
    environ: Mapping[str, str],
    *,
    connection: Connection | None = None,
    clock: Callable[[], float] = time.time,
    deadline_s: float = DEADLINE_S,
) -> SilentSource:
    """Make the source.

    Parameters
    ----------
    environ : mapping
        Usually `os.environ`, where the Hub says its address and gives the server a token of its own.
    connection : Connection, optional
        CA bundle, for a Hub that is reached by https.
    clock : callable
        POSIX seconds.
    deadline_s : float
        Seconds after which the Hub is given up.
    """
    refused: set[Secret] = set()

    def find(provider: Provider) -> Found:
        url, token, user = (environ.get(name, "").strip() for name in (_URL, _TOKEN, _USER))
        if not url:
            return WhyNot("No JupyterHub started this kernel.")
        if not token or not user:
            return WhyNot(f"{_USER if token else _TOKEN} is not set, though {_URL} is.", is_fault=True)
        if origin_of(url) is None or not is_fit_for_header(token):
            return WhyNot(f"{_URL} is no address, or {_TOKEN} no token.", is_fault=True)
        http = HttpClient(connection or Connection(), deadline_s=deadline_s, authorization=Secret(f"token {token}"))
        api = HubApi(url=url.rstrip("/"), user=user, server=environ.get(_SERVER, ""), http=http)
        return LentToken(_Lender(api, provider, clock, refused).lend, "the login at JupyterHub")

    return SilentSource("hub", find)


class _Lender:
    """Lends the Hub's token while it lives, is of the right issuer, and nobody else can use this server.

    What a service refused is kept in `refused`, for the next sign-in too.
    """

    def __init__(self, api: HubApi, provider: Provider, clock: Callable[[], float], refused: set[Secret]) -> None:
        self._api, self._provider, self._clock, self._refused = api, provider, clock, refused

    def lend(self, refused: Secret | None) -> TokenSet:
        if refused is not None:
            self._refused.add(refused)
        login = self._api.login()
        self._check_issuer(login.access_token)
        tokens = given_tokens(login.access_token, self._clock())
        if tokens.expires_at is not None and tokens.expires_at <= self._clock():
            raise self._ended(is_over=login.is_over)
        if login.access_token in self._refused:
            raise LoginRequired(
                f"A service of {self._provider.label} refused the Hub's token, and the Hub has no other.",
                f"Your session at {self._provider.label} has ended, most likely.",
                "Open the Hub and sign in there, then run %terrascope login.",
            )
        if self._api.is_shared():
            raise LoginRequired(
                "The Hub's login is not used while this server is shared.",
                "Whoever may use the server runs code as you, and would be you.",
                "Stop sharing it at the Hub, then run %terrascope login.",
            )
        return tokens

    def _ended(self, *, is_over: bool) -> TerrascopeError:
        if is_over:
            return LoginRequired(
                f"{self._provider.label} has ended the session that the Hub had for you.",
                "",
                "Open the Hub and sign in there, then run %terrascope login.",
            )
        return ProviderUnreachable(
            "The token that the Hub holds has ended.",
            "The Hub did not renew it: its identity provider does not answer it, or its set-up lacks TokenRenewal.",
            "Try again in a moment; if it lasts, show this to the Hub's administrator.",
        )

    def _check_issuer(self, token: Secret) -> None:
        issuer = unverified_claims(token).get("iss")
        if not isinstance(issuer, str):
            raise LoginRequired(
                "The Hub's token does not say who issued it.",
                f"It cannot be told whether it is meant for {self._provider.label}.",
                "Sign in here, by %terrascope login.",
            )
        if issuer.rstrip("/") != self._provider.issuer:
            raise LoginRequired(
                "The Hub's token is of another identity provider.",
                f"{quoted(issuer)} issued it, and not {self._provider.issuer}.",
                "Sign in here, by %terrascope login.",
            )
