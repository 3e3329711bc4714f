"""Signing out: what is ended at the provider and removed here, and the sentences that say so (floor 3)."""

from __future__ import annotations

from collections.abc import Callable

from ..protocol.oauth import OAuthClient
from ..values.tokens import TokenSet
from .credentials import Login
from .keeper import Keeper, Taken
from .renewal import Released
from .revocation import revoke

# seconds to wait at logout for a renewal under way, whose answer voids the refresh token that we hold
RENEWAL_WAIT_S = 10.0


def farewell(client: OAuthClient, login: Login | None, released: Released, keeper: Keeper) -> str:
    """End what is ours to end at the provider, remove what is stored, and return what happened; nothing for nobody."""
    stored = keeper.take(RENEWAL_WAIT_S, lambda tokens: revoke(client, tokens))
    if login is not None and login.kept_as:
        # what was stored is what is held here, or newer
        return _said(_ended(client, stored.not_ended) if stored.was_there else _release(client, released), stored)
    if login is None and stored.was_there:
        return _said(_ended(client, stored.not_ended), stored)
    if stored.was_there and not stored.trouble:
        trouble = stored.not_ended
        stored = Taken(
            trouble=f"The stored login is removed. {trouble}" if trouble else "The stored login is ended too."
        )
    return _said(_of(client, login, released), stored)


def left_of(former: Taken) -> str:
    """Return what is left of a login whose place another one took; nothing where it is ended, and removed here."""
    if former.trouble:
        return f"The former login was not ended. {former.trouble} Logging out ends it, too."
    return f"The former login is gone here. {former.not_ended}" if former.not_ended else ""


def _of(client: OAuthClient, login: Login | None, released: Released) -> str:
    if login is None:
        return ""
    if login.source == "token":
        return "Signed out here. The token that was given is not revoked: it is good until it ends."
    if login.is_borrowed:
        return f"Signed out here. The token from {login.came_from} was not revoked; it rests until the next login."
    if login.end is not None:
        return _by_its_end(login.end, released)
    if login.basic is not None:
        return "Signed out: user name and password are wiped from this kernel."
    return _release(client, released)


def _by_its_end(end: Callable[[TokenSet], str], released: Released) -> str:
    try:
        tokens = released.newest(RENEWAL_WAIT_S)
    except TimeoutError:
        tokens = None
    return end(tokens) if tokens else "Signed out here."


def _release(client: OAuthClient, released: Released) -> str:
    try:
        tokens = released.newest(RENEWAL_WAIT_S)
    except TimeoutError:
        label = client.provider.label
        return f"Signed out here. A renewal is under way; the session at {label} is ended when it is answered."
    return _ended(client, revoke(client, tokens)) if tokens else "Signed out. The session had ended already."


def _ended(client: OAuthClient, trouble: str) -> str:
    if trouble:
        return f"Signed out here. {trouble}"
    return f"Signed out, and the session at {client.provider.label} is ended."


def _said(sentence: str, stored: Taken) -> str:
    return " ".join(filter(None, (sentence, stored.trouble)))
