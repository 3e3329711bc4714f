"""Ending sessions at the provider (floor 3; RFC 7009)."""

from __future__ import annotations

from ..errors import TerrascopeError
from ..protocol import revocation
from ..protocol.claims import session_of
from ..protocol.oauth import OAuthClient
from ..values.tokens import TokenSet


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
        if revocation.revoke(client, tokens):
            return ""
    except TerrascopeError as exc:
        trouble = f"{exc.what} "
    return f"{trouble}The session there ends by itself."
