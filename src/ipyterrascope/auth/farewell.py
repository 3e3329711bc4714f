"""Signing out: what is ended at the provider, and the sentence that says so (floor 3; RFC 7009)."""

from __future__ import annotations

from ..errors import TerrascopeError
from ..protocol.oauth import OAuthClient
from ..values.tokens import TokenSet
from .credentials import Login


def farewell(client: OAuthClient, login: Login | None, tokens: TokenSet | None) -> str:
    """End what is ours to end at the provider, and return one or two sentences about what happened."""
    if login is None:
        return "Nobody was signed in."
    if login.is_borrowed:
        return f"Signed out here. {login.came_from} was not revoked; it rests until the next login."
    if login.basic is not None:
        return "Signed out: user name and password are wiped from this kernel."
    if tokens is None:
        return "Signed out. The session had ended already."
    trouble = revoke(client, tokens)
    if trouble:
        return f"Signed out here. {trouble}"
    return f"Signed out, and the session at {client.provider.label} is ended."


def revoke(client: OAuthClient, tokens: TokenSet) -> str:
    """Revoke tokens, and return one or two sentences about what went wrong, or nothing."""
    trouble = ""
    try:
        if tokens.refresh_token is not None and client.revoke(tokens.refresh_token):
            return ""
    except TerrascopeError as exc:
        trouble = f"{exc.what} "
    return f"{trouble}The session there ends by itself."
