"""A real Keycloak with a realm like Terrascope's: its users, its settings, its sessions and its pages.

What it answers, measured with 26.7.1: a wrong password, an unknown user and a missing one-time code are all 400
`invalid_grant` "Invalid user credentials"; "Account disabled" and "Account is not fully set up" differ in the
description only; `offline_access` that is not allowed is 400 `not_allowed`; each refresh answers with a new refresh
token; device codes poll every 5 s.
"""

from __future__ import annotations

import contextlib
import hmac
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from ipyterrascope.values.providers import Provider
from servers import free_port, running

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

_HERE = Path(__file__).parent

HUB_CLIENT = "jupyterhub"


@dataclass(frozen=True)
class User:
    """A user of the realm in `terrascope-realm.json`."""

    username: str
    password: str
    totp_secret: bytes = b""

    def one_time_code(self, at: float | None = None) -> str:
        """Return the six digits of RFC 6238 (SHA-1, 30 s) at a POSIX time, by default now."""
        counter = struct.pack(">Q", int((time.time() if at is None else at) // 30))
        digest = hmac.digest(self.totp_secret, counter, "sha1")
        (number,) = struct.unpack_from(">I", digest, digest[-1] & 0xF)
        return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"


DORA = User("dora", "s3cret-Pa55")
"""All is well; may ask for `offline_access`."""
BOOTS = User("boots", "päss wörd+&%")
"""Odd characters; `offline_access` is refused."""
GUEST = User("guest", "guest-Pa55")
"""All is well, but this one is in no group: the others are in `hub-users`."""
DISABLED = User("disabled", "x")
"""The account is disabled."""
MUSTACT = User("mustact", "x")
"""Has to change the password first."""
SWIPER = User("swiper", "otp-Pa55", b"JBSWY3DPEHPK3PXP0001")
"""Signs in with a one-time code beside the password."""


EGI_DORA = User("dora", "egi-Pa55")
"""Of the realm in `egi-realm.json`, which openEO back-ends name as their provider."""


class Keycloak:
    """A Keycloak that runs. Its methods are one or two calls of its admin API, on the realm `terrascope` or another."""

    def __init__(self, base_url: str, log: Path, realm: str = "terrascope") -> None:
        self._base_url, self._realm = base_url, realm
        self.log = log
        self.issuer = f"{base_url}/realms/{realm}"

    def of(self, realm: str) -> Keycloak:
        """Return the same server, seen from another realm."""
        return Keycloak(self._base_url, self.log, realm)

    def provider(self, **changes: Any) -> Provider:
        """Return this server as a provider whose bearer may go to any port of 127.0.0.1."""
        fields: dict[str, Any] = {
            "name": "terrascope",
            "label": "Terrascope",
            "issuer": self.issuer,
            "client_id": "public",
            "hosts": frozenset({"127.0.0.1"}),
            "methods": ("device", "password"),
        }
        return Provider(**{**fields, **changes})

    @contextlib.contextmanager
    def realm(self, **settings: Any) -> Iterator[None]:
        """Change settings of the realm for a block, for example `revokeRefreshToken=True, accessTokenLifespan=3`."""
        with self._changed("", settings):
            yield

    @contextlib.contextmanager
    def client(self, client_id: str = "public", **settings: Any) -> Iterator[None]:
        """Change settings of a client for a block, for example `directAccessGrantsEnabled=False`."""
        (client,) = self._admin("GET", "/clients", params={"clientId": client_id})
        with self._changed(f"/clients/{client['id']}", settings):
            yield

    def sessions(self, user: User) -> int:
        """Return how many sessions of a user are alive."""
        return len(self._admin("GET", f"/users/{self._id(user)}/sessions"))

    def end_sessions(self, user: User) -> None:
        """End all sessions of a user, as an administrator does."""
        self._admin("POST", f"/users/{self._id(user)}/logout")

    def events(self, kind: str, *, of_hub: bool = False) -> list[dict[str, Any]]:
        """Return the events of a kind since the last `reset`, the newest first, for example `REFRESH_TOKEN`.

        Those of the Hub's client, or all others: a Hub goes on beside the tests that follow its own. The realm's
        `enabledEventTypes` says which kinds are kept.
        """
        events = self._admin("GET", "/events", params={"type": kind, "max": "1000"})
        return [event for event in events if (event.get("clientId") == HUB_CLIENT) == of_hub]

    def reset(self) -> None:
        """End all sessions and forget all events."""
        self._admin("POST", "/logout-all")
        self._admin("DELETE", "/events")

    def answer_device_login(self, context: BrowserContext, url: str, user: User, *, approve: bool = True) -> None:
        """Sign in on Keycloak's own pages at `verification_uri_complete`, then grant the access or deny it.

        A browser that is signed in already is only asked for the grant.
        """
        page = context.new_page()
        page.goto(url)
        name, question = page.locator("#username"), page.get_by_text("Grant Access to")
        name.or_(question).first.wait_for()
        if name.is_visible():
            name.fill(user.username)
            page.fill("#password", user.password)
            page.click("#kc-login")
            question.wait_for()
        page.click("#kc-login" if approve else "#kc-cancel")
        page.get_by_text("Device Login Successful" if approve else "Device Login Failed").wait_for()
        page.close()

    def _id(self, user: User) -> str:
        (found,) = self._admin("GET", "/users", params={"username": user.username, "exact": "true"})
        return found["id"]

    @contextlib.contextmanager
    def _changed(self, path: str, settings: dict[str, Any]) -> Iterator[None]:
        before = self._admin("GET", path)
        self._admin("PUT", path, json=settings)
        try:
            yield
        finally:
            self._admin("PUT", path, json={name: before[name] for name in settings})

    def _admin(self, method: str, path: str, **arguments: Any) -> Any:
        form = {"client_id": "admin-cli", "grant_type": "password", "username": "admin", "password": "admin"}
        answer = requests.post(f"{self._base_url}/realms/master/protocol/openid-connect/token", data=form, timeout=30)
        answer.raise_for_status()
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        url = f"{self._base_url}/admin/realms/{self._realm}{path}"
        answer = requests.request(method, url, headers=headers, timeout=30, **arguments)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@contextlib.contextmanager
def keycloak(folder: Path) -> Iterator[Keycloak]:
    """Run a Keycloak that writes to `folder` only."""
    fetched = subprocess.run(
        [_HERE / "get.sh"], check=True, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL
    )
    port, management_port = free_port(), free_port()
    command = [_HERE / "start.sh", fetched.stdout.strip(), folder, str(port), str(management_port)]
    health = f"http://127.0.0.1:{management_port}/auth/health/ready"
    log = folder.with_suffix(".log")
    with running(command, is_ready=lambda: _is_ok(health), log=log, timeout_s=170):
        yield Keycloak(f"http://127.0.0.1:{port}/auth", log)


def _is_ok(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False
