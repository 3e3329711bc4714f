"""The sandbox as a whole: what tests and the demonstration hold in their hands (sandbox)."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Literal

from ..values.providers import Provider
from .accounts import one_time_code
from .content import Content, Held, Synthetic
from .device_codes import DeviceLogin
from .messages import Answer, Header, ReceivedRequest
from .recorded import Recorded
from .server import Server
from .services import Services
from .settings import Settings
from .steps import Manner
from .timeline import Timeline


@dataclass(kw_only=True, eq=False)
class Sandbox(Recorded, Settings):
    """A Terrascope on this machine, running inside ``with``.

    Every setting of `Settings` is an argument too, and may be changed while it runs. All methods may be called from
    any thread.

    Parameters
    ----------
    port : int
        Port on 127.0.0.1; 0 lets the system choose.

    Attributes
    ----------
    timeline : Timeline
        Scripts the next answers.

    Examples
    --------
    >>> with Sandbox() as box:
    ...     box.provider().badge
    'SANDBOX'
    """

    port: int = 0
    timeline: Timeline = field(init=False, repr=False, default_factory=Timeline)
    _services: Services | None = field(init=False, repr=False, default=None)
    _stop: Callable[[], None] = field(init=False, repr=False, default=lambda: None)
    _ahead_s: float = field(init=False, repr=False, default=0)

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Sandbox:
        """Listen and serve until `stop`.

        Raises
        ------
        OSError
            When the port is taken.
        """
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._services = Services(self, f"http://127.0.0.1:{self.port}", self.now)
        self._stop = Server(listener, self._handle).stop
        return self

    def stop(self) -> None:
        """End every connection, then the server. What was recorded can still be read."""
        self._stop()
        self._stop = lambda: None

    # Where things are

    @property
    def url(self) -> str:
        """The address without a path."""
        return self._running.url

    @property
    def issuer(self) -> str:
        """The issuer of the identity provider."""
        return self._running.identity.issuer

    @property
    def stac_url(self) -> str:
        """The root of the STAC API."""
        return f"{self.url}/stac"

    @property
    def download_urls(self) -> list[str]:
        """The address of every file."""
        with self._lock:
            return self._running.files.urls

    @property
    def users(self) -> dict[str, str]:
        """Passwords by user name. `disabled` and `mustact` cannot sign in; `swiper` needs `one_time_code` too."""
        return {name: person.password for name, person in self._running.identity.people.items()}

    def provider(self, **changes: Any) -> Provider:
        """Return this sandbox as a provider, with other fields where `changes` names them."""
        provider = Provider(
            name="terrascope",
            label="Terrascope",
            issuer=self.issuer,
            client_id="public",
            hosts=frozenset({f"127.0.0.1:{self.port}"}),
            methods=("device", "password"),
            stac_url=self.stac_url,
            registration_url=f"{self.url}/en/sign-up",
            account_url=f"{self.issuer}/account/",
            password_reset_url=f"{self.issuer}/login-actions/reset-credentials",
            badge="SANDBOX",
        )
        return replace(provider, **changes)

    @property
    def variables(self) -> dict[str, str]:
        """What makes Python and Jupyter take this sandbox for Terrascope: variables of the environment."""
        hosts = ",".join(sorted(self.provider().hosts))
        return {"TERRASCOPE_ISSUER": self.issuer, "TERRASCOPE_HOSTS": hosts, "TERRASCOPE_STAC_URL": self.stac_url}

    @property
    def issued(self) -> set[str]:
        """Every token and device code handed out until now: what may be found nowhere but in the kernel's memory."""
        with self._lock:
            identity = self._running.identity
            return identity.sessions.issued | identity.device_logins.issued

    # What people do

    @property
    def waiting_codes(self) -> list[str]:
        """The user codes that can be approved now, the oldest first."""
        with self._lock:
            return [login.user_code for login in self._running.identity.device_logins.waiting()]

    def approve(self, user_code: str, user: str = "dora") -> None:
        """Approve a device login, as `user` would on the page.

        Raises
        ------
        KeyError
            When nothing waits under that code, or nobody is called that.
        """
        self._decide(user_code, "approved", self._running.identity.people[user].name)

    def deny(self, user_code: str) -> None:
        """Deny a device login. KeyError when nothing waits under that code."""
        self._decide(user_code, "denied", "")

    def one_time_code(self, user: str = "swiper") -> str:
        """Return what the authenticator of `user` shows now."""
        return one_time_code(self._running.identity.people[user].totp_secret, self.now())

    # What happens to tokens

    def revoke_all(self) -> None:
        """End every session at the provider: refreshing is `invalid_grant`, access tokens are refused."""
        with self._lock:
            self._running.identity.sessions.end_all()

    def expire_access_tokens(self) -> None:
        """Refuse every access token issued until now (401); refreshing goes on."""
        with self._lock:
            self._running.identity.sessions.forget_access_tokens()

    def advance(self, seconds: float) -> None:
        """Let the sandbox's clock jump: tokens and codes grow older, and an interval passes, in no time."""
        with self._lock:
            self._ahead_s += seconds

    def now(self) -> float:
        """Return the sandbox's time in POSIX seconds."""
        return time.time() + self._ahead_s

    # Files

    def add_file(
        self,
        path: str,
        data: bytes,
        media_type: str = "application/octet-stream",
        headers: tuple[Header, ...] = (),
    ) -> str:
        """Serve `data` under `path` (below `/download/`), also instead of what was there; return its address."""
        return self._add(path, Held(data), media_type, headers)

    def add_synthetic(self, path: str, size_bytes: int) -> str:
        """Serve a file of any size that takes no memory; return its address. `synthetic_bytes` tells what is in it."""
        return self._add(path, Synthetic(size_bytes), "application/octet-stream", ())

    @staticmethod
    def synthetic_bytes(start: int, stop: int) -> bytes:
        """Return what every synthetic file holds from `start` up to, not including, `stop`."""
        return Synthetic(stop).read(start, stop)

    def _add(self, path: str, content: Content, media_type: str, headers: tuple[Header, ...]) -> str:
        with self._lock:
            return self._running.files.add(path, content, media_type=media_type, headers=headers)

    @property
    def _running(self) -> Services:
        if self._services is None:
            raise RuntimeError("The sandbox was not started: use it in a with statement.")
        return self._services

    def _decide(self, user_code: str, state: Literal["approved", "denied"], user: str) -> None:
        with self._lock:
            login: DeviceLogin | None = self._running.identity.device_logins.find(user_code)
            if login is None:
                raise KeyError(f"No device login waits under {user_code}.")
            login.state, login.user = state, user

    def _answered(self, request: ReceivedRequest) -> tuple[Answer, Manner]:
        return self._running.answer(request, self.timeline)
