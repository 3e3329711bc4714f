"""Signing out: what is ended at the provider, and the sentence that says so (floor 3; RFC 7009)."""

from __future__ import annotations

from ..errors import TerrascopeError
from ..protocol.claims import session_of
from ..protocol.oauth import OAuthClient
from ..values.tokens import TokenSet
from .credentials import Login
from .renewal import Released

# seconds to wait at logout for a renewal under way, whose answer voids the refresh token that we hold
RENEWAL_WAIT_S = 10.0


def farewell(client: OAuthClient, login: Login | None, released: Released) -> str:
    """End what is ours to end at the provider, and return one or two sentences about what happened."""
    label = client.provider.label
    if login is None:
        return "Nobody was signed in."
    if login.is_borrowed:
        return f"Signed out here. The token from {login.came_from} was not revoked; it rests until the next login."
    if login.basic is not None:
        return "Signed out: user name and password are wiped from this kernel."
    try:
        tokens = released.newest(RENEWAL_WAIT_S)
    except TimeoutError:
        return f"Signed out here. A renewal is under way; the session at {label} is ended when it is answered."
    if tokens is None:
        return "Signed out. The session had ended already."
    trouble = revoke(client, tokens)
    if trouble:
        return f"Signed out here. {trouble}"
    return f"Signed out, and the session at {label} is ended."


def revoke(client: OAuthClient, tokens: TokenSet, *, besides: TokenSet | None = None) -> str:
    """Revoke tokens, and return one or two sentences about what went wrong, or nothing.

    Parameters
    ----------
    client : OAuthClient
    tokens : TokenSet
    besides : TokenSet, optional
        Tokens that stay in use. Where they belong to the same session (two device logins in one browser do, at
        Keycloak) nothing is revoked: it would end both.
    """
    session = session_of(tokens.access_token)
    if besides is not None and session and session == session_of(besides.access_token):
        return ""
    trouble = ""
    try:
        if tokens.refresh_token is not None and client.revoke(tokens.refresh_token):
            return ""
    except TerrascopeError as exc:
        trouble = f"{exc.what} "
    return f"{trouble}The session there ends by itself."
