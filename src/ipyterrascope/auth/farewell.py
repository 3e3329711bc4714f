"""Signing out: what is ended at the provider, and the sentence that says so (floor 3; RFC 7009)."""

from __future__ import annotations

import threading

from ..errors import ProviderError
from ..protocol.oauth import OAuthClient
from ..values.tokens import TokenSet
from .credentials import Login


def farewell(client: OAuthClient, login: Login | None, tokens: TokenSet | None) -> str:
    """End what is ours to end at the provider, and return one or two sentences about what happened."""
    if login is None:
        return "Nobody was signed in."
    if login.is_borrowed:
        return f"Signed out here. {login.came_from} was not revoked; it rests until the next login."
    if tokens is None:
        return "Signed out: user name and password are wiped from this kernel."
    trouble = revoke(client, tokens)
    if trouble:
        return f"Signed out here. {trouble}"
    return f"Signed out, and the session at {client.provider.label} is ended."


def revoke(client: OAuthClient, tokens: TokenSet) -> str:
    """Revoke tokens on a thread of its own, as every call that carries a secret; return what went wrong, or nothing."""
    outcome = ["The session there ends by itself."]

    def work() -> None:
        try:
            if tokens.refresh_token is not None and client.revoke(tokens.refresh_token):
                outcome[0] = ""
        except ProviderError as exc:
            outcome[0] = f"{exc.what} The session there ends by itself."

    thread = threading.Thread(target=work, daemon=True, name="logout")
    thread.start()
    thread.join()
    return outcome[0]
