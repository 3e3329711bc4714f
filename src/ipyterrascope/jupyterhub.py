"""For the Hub's own process: keeps the access tokens that JupyterHub holds for its users live (floor 3).

    from ipyterrascope.jupyterhub import TokenRenewal

    c.GenericOAuthenticator.refresh_user_hook = TokenRenewal()

JupyterHub by itself hands out tokens that have ended, and asks twice when two notebooks read at once: a provider that
rotates refresh tokens and detects their reuse (RFC 9700 section 4.14.2) then ends the session. Here a token is renewed
before it ends, by one request however many wait (RFC 6749 section 6), and stored before anybody uses it. A session that
the provider ended is marked so in what is stored, and its refresh token is never sent again.

The Hub needs JupyterHub and oauthenticator 17.3 or newer. This module imports nothing but the standard library and
what lies below, so that `pip install --no-deps` of this package is enough there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Protocol, cast
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from .errors import quoted
from .protocol.claims import instant_of
from .protocol.echoes import Echoes
from .values.hub import SESSION_ENDED
from .values.secret import Secret

AuthState = dict[str, Any]


class HubUser(Protocol):
    """What is used of `jupyterhub.user.User`."""

    name: str

    async def get_auth_state(self) -> AuthState | None: ...
    async def save_auth_state(self, auth_state: AuthState | None) -> None: ...


class Authenticator(Protocol):
    """What is used of `oauthenticator.oauth2.OAuthenticator`."""

    log: logging.Logger
    client_secret: str
    user_auth_state_key: str

    def build_refresh_token_request_params(self, refresh_token: str) -> dict[str, str]: ...
    async def get_token_info(self, handler: None, params: dict[str, str]) -> AuthState: ...
    def build_auth_state_dict(self, token_info: AuthState, user_info: object) -> AuthState | Awaitable[AuthState]: ...


@dataclass
class _Known:
    """What is remembered of a user from one call to the next."""

    renewal: asyncio.Future[bool | None] | None = None
    retry_at: float = 0.0
    # a refresh token that was sent, and what came for it
    spent: Secret | None = None
    brought: AuthState | None = None


class TokenRenewal:
    """A `refresh_user_hook` for any OAuthenticator whose access tokens are JWTs, as Keycloak's are.

    The Hub calls it when a user, or the user's server, asks it for something: at most every `auth_refresh_age` seconds.
    It returns True where the Hub may go on, False where the user has to sign in again, and None for an access token
    that does not tell its end: the Hub then does what it does without a hook.

    Parameters
    ----------
    early_s : float
        A token is renewed when less than this is left of it, or less than three quarters of its life. It has to be
        more than `auth_refresh_age` and the 60 s together that the notebooks want to have left.
    retry_s : float
        Seconds after which a provider that gave no answer is asked again; a quarter of the token's life at most.
    clock, monotonic : callable
        POSIX seconds, and a clock that never jumps.
    """

    def __init__(
        self,
        *,
        early_s: float = 120.0,
        retry_s: float = 15.0,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._early_s, self._retry_s, self._clock, self._monotonic = early_s, retry_s, clock, monotonic
        # goes with the Hub's own object for a user
        self._users: WeakKeyDictionary[HubUser, _Known] = WeakKeyDictionary()

    async def __call__(self, authenticator: Authenticator, user: HubUser, auth_state: object) -> bool | None:
        """Renew the user's token if it is time; who comes while that is under way waits for the same answer.

        What the Hub read as `auth_state` is not used: it may be older than a renewal that has ended since.
        """
        known = self._users.setdefault(user, _Known())
        renewal = known.renewal
        if renewal is None or renewal.get_loop() is not asyncio.get_running_loop():
            renewal = known.renewal = asyncio.ensure_future(self._ended(authenticator, user, known))
        # a request that is given up must not take the answer with it: the refresh token that was sent is void
        return await asyncio.shield(renewal)

    async def _ended(self, authenticator: Authenticator, user: HubUser, known: _Known) -> bool | None:
        try:
            return await self._looked_after(authenticator, user, known)
        finally:
            known.renewal = None

    async def _looked_after(self, authenticator: Authenticator, user: HubUser, known: _Known) -> bool | None:
        state = await self._stored(authenticator, user, known)
        if not state or not state.get("access_token"):
            authenticator.log.info("Nothing is stored for %s: a new sign-in is needed.", user.name)
            return False
        if state.get(SESSION_ENDED):
            return False  # its refresh token is never sent again
        access_token = Secret(str(state["access_token"]))
        ends_at, issued_at = (instant_of(access_token, claim) for claim in ("exp", "iat"))
        if ends_at is None:
            return None
        left_s, life_s = ends_at - self._clock(), ends_at - (issued_at or 0.0)
        if left_s > min(self._early_s, 0.75 * life_s):
            return True
        if not state.get("refresh_token"):
            return left_s > 0
        if self._monotonic() < known.retry_at:
            return True
        known.retry_at = self._monotonic() + min(self._retry_s, 0.25 * life_s)
        return await self._renewed(authenticator, user, known, state)

    async def _stored(self, authenticator: Authenticator, user: HubUser, known: _Known) -> AuthState | None:
        state = await user.get_auth_state()
        if known.brought and state and known.spent == Secret(state.get("refresh_token") or ""):
            # the database took it not, or something wrote what it had read before: what was spent is no use
            authenticator.log.warning("The renewed token of %s was not in the database; stored again.", user.name)
            state = known.brought
            await user.save_auth_state(state)
        return state

    async def _renewed(self, authenticator: Authenticator, user: HubUser, known: _Known, state: AuthState) -> bool:
        sent = Secret(state["refresh_token"])
        try:
            answer = await authenticator.get_token_info(
                None, authenticator.build_refresh_token_request_params(sent.reveal())
            )
            brought = await _auth_state(authenticator, state, answer)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the Hub goes on with what it has
            is_over = _is_over(authenticator.log, user, exc, Echoes(_secrets(authenticator, sent)))
            return not (is_over and await _is_stored(authenticator.log, user, sent, {**state, SESSION_ENDED: True}))
        if brought["refresh_token"] != sent.reveal():
            known.spent, known.brought = sent, brought
        if await _is_stored(authenticator.log, user, sent, brought):
            ends_at = instant_of(Secret(brought["access_token"]), "exp") or 0.0
            authenticator.log.info("Renewed the token of %s: %d s to live.", user.name, ends_at - self._clock())
        return True


def _secrets(authenticator: Authenticator, refresh_token: Secret) -> Secret:
    """Return what is secret of all that a renewal sends, as the form of it."""
    return Secret(urlencode({"refresh_token": refresh_token.reveal(), "client_secret": authenticator.client_secret}))


async def _auth_state(authenticator: Authenticator, before: AuthState, answer: AuthState) -> AuthState:
    kept = {**answer, "refresh_token": answer.get("refresh_token") or before["refresh_token"]}
    built = authenticator.build_auth_state_dict(kept, before.get(authenticator.user_auth_state_key))
    # what the Hub's other hooks put there stays
    return {**before, **(await built if isawaitable(built) else built)}


async def _is_stored(log: logging.Logger, user: HubUser, sent: Secret, state: AuthState) -> bool:
    """Store what came for a refresh token, unless the user has another one by now; return whether it was stored."""
    present = await user.get_auth_state()
    if not present or present.get("refresh_token") != sent.reveal():
        log.info("%s signed in anew meanwhile; that sign-in stays.", user.name)
        return False
    await user.save_auth_state(state)
    return True


def _is_over(log: logging.Logger, user: HubUser, exc: Exception, echoes: Echoes) -> bool:
    """Say in the log why a token was not renewed, and tell whether the session is over.

    No exception is printed: the text of some holds the whole answer.
    """
    code, description = _error_of(exc, echoes)
    if code == "invalid_grant":
        log.warning("The provider ended the session of %s: %s", user.name, description or code)
    elif code in ("invalid_client", "unauthorized_client"):
        log.error("The provider does not accept this Hub's client_id and client_secret: %s", description or code)
    else:
        status = getattr(exc, "code", None)
        log.warning("The token of %s was not renewed, later again: %s", user.name, code or status or type(exc).__name__)
    return code == "invalid_grant"


def _error_of(exc: Exception, echoes: Echoes) -> tuple[str, str]:
    """Return `error` and `error_description` of the answer in a tornado `HTTPClientError` (RFC 6749 section 5.2).

    Nothing of it that repeats what was sent, the Hub's own secret for one.
    """
    try:
        body: object = json.loads(getattr(getattr(exc, "response", None), "body", b"") or b"")
    except (ValueError, RecursionError):
        return "", ""
    fields = cast("Mapping[str, object]", body if isinstance(body, dict) else {})
    code, description = (echoes.without(str(fields.get(name) or "")) for name in ("error", "error_description"))
    return quoted(code, 60), quoted(description)
