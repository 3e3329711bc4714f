"""Device logins that wait for a person (sandbox; RFC 8628 and the code challenge of RFC 7636)."""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Literal

from .accounts import same
from .settings import Settings

# RFC 8628 section 6.1: no vowels, so that no word appears, and nothing that looks like something else.
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"


@dataclass(eq=False)
class DeviceLogin:
    """One device login and how far it came. Instants are POSIX seconds."""

    device_code: str
    user_code: str
    client_id: str
    scopes: tuple[str, ...]
    code_challenge: str
    expires_at: float
    interval_s: float
    state: Literal["pending", "approved", "denied", "used"] = "pending"
    user: str = ""
    polled_at: float = -inf


def new_user_code() -> str:
    """Return a code that people can type, such as ``WDJB-MJHT``."""
    letters = [secrets.choice(_ALPHABET) for _ in range(8)]
    return "".join(letters[:4]) + "-" + "".join(letters[4:])


class DeviceLogins:
    """All device logins of the sandbox."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings, self._clock = settings, clock
        self._by_device_code: dict[str, DeviceLogin] = {}

    def start(
        self, device_code: str, user_code: str, client_id: str, scopes: tuple[str, ...], code_challenge: str
    ) -> None:
        """Remember a new device login."""
        self._by_device_code[device_code] = DeviceLogin(
            device_code=device_code,
            user_code=user_code,
            client_id=client_id,
            scopes=scopes,
            code_challenge=code_challenge,
            expires_at=self._clock() + self._settings.device_lifetime_s,
            interval_s=self._settings.device_interval_s,
        )

    def waiting(self) -> list[DeviceLogin]:
        """Return what can still be approved, the oldest first."""
        now = self._clock()
        return [login for login in self._by_device_code.values() if login.state == "pending" and now < login.expires_at]

    @property
    def issued(self) -> set[str]:
        """Every device code until now."""
        return set(self._by_device_code)

    def find(self, user_code: str) -> DeviceLogin | None:
        """Return the device login that waits under a code as people type it, or None."""
        wanted = "".join(user_code.upper().split()).replace("-", "")
        return next((login for login in self.waiting() if login.user_code.replace("-", "") == wanted), None)

    def poll(self, device_code: str, client_id: str) -> tuple[DeviceLogin | None, str]:
        """Return the device login and its state in the words of RFC 8628 section 3.5; None for an unknown code.

        As in Keycloak, polling early is `slow_down` whatever the person did meanwhile, and does not lengthen the
        interval that the server holds the client to.
        """
        login = self._by_device_code.get(device_code)
        if login is None or login.client_id != client_id or login.state == "used":
            return None, "invalid_grant"
        now = self._clock()
        if now >= login.expires_at:
            return login, "expired_token"
        if now < login.polled_at + login.interval_s:
            return login, "slow_down"
        login.polled_at = now
        states = {"pending": "authorization_pending", "approved": "authorized", "denied": "access_denied"}
        return login, states[login.state]

    def approve_by_script(self, device_code: str, user: str) -> None:
        """Approve what still waits, and let it be polled at once (a timeline's `success`)."""
        login = self._by_device_code.get(device_code)
        if login is None:
            return
        login.polled_at = -inf
        if login.state == "pending":
            login.state, login.user = "approved", user


def is_verified(code_challenge: str, code_verifier: str) -> bool:
    """Whether a verifier belongs to an S256 challenge (RFC 7636 section 4.6)."""
    digest = hashlib.sha256(code_verifier.encode()).digest()
    return same(urlsafe_b64encode(digest).rstrip(b"=").decode(), code_challenge)
