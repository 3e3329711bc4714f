"""Earthdata Login and a data centre behind it, on this machine, over TLS: for tests and for trying (sandbox).

What insists on https, as earthaccess does, trusts `ca_bundle`. The login is at ``127.0.0.1`` and the data centre at
``localhost``, so that each has cookies of its own.
"""

from __future__ import annotations

import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from ..bridges import extra_missing
from ..values.known import earthdata_at
from ..values.providers import Provider

try:
    from .certificates import served_by
    from .content import Held
    from .earthdata_data import DataCentre
    from .earthdata_login import EarthdataLogin
    from .earthdata_settings import DAAC, TOOL, Application, EarthdataSettings
    from .messages import Answer, ReceivedRequest
    from .recorded import Recorded
    from .server import Server
    from .steps import Manner, Step, as_step
except ModuleNotFoundError as exc:
    raise extra_missing("sandbox", str(exc.name)) from None


@dataclass(kw_only=True, eq=False)
class EarthdataSandbox(Recorded, EarthdataSettings):
    """An Earthdata on this machine, running inside ``with`` or from `start` to `stop`. Every setting is an argument.

    Examples
    --------
    >>> with EarthdataSandbox() as box:
    ...     box.provider().badge
    'SANDBOX'
    """

    _login: EarthdataLogin | None = field(init=False, repr=False, default=None)
    _data: DataCentre | None = field(init=False, repr=False, default=None)
    _stop: Callable[[], None] = field(init=False, repr=False, default=lambda: None)
    _ahead_s: float = field(init=False, repr=False, default=0)
    _steps: list[tuple[Step, str]] = field(init=False, repr=False, default_factory=list[tuple[Step, str]])
    ca_bundle: str = field(init=False, default="")

    def __enter__(self) -> EarthdataSandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> EarthdataSandbox:
        """Start serving on a free port of 127.0.0.1, until `stop` or the end of the process, and return self."""
        folder = tempfile.TemporaryDirectory(prefix="earthdata-sandbox-")
        bundle, context = served_by(Path(folder.name))
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        self._own_host, url = f"127.0.0.1:{port}", f"https://localhost:{port}"
        centre = Application(
            client_id=DAAC,
            title="Data centre of the sandbox",
            secret="daac-secret",  # noqa: S106 - nobody's
            redirect_uri=f"{url}/login",
        )
        tool = Application(
            client_id=TOOL,
            title="Tool of the sandbox",
            secret="tool-secret",  # noqa: S106 - nobody's
            redirect_uri=f"{url}/tool",
        )
        self._login = EarthdataLogin(self, f"https://{self._own_host}", [centre, tool], self.now)
        self._data = DataCentre(self, url, self._login, centre)
        server = Server(listener, self._handle, context)
        self.ca_bundle = str(bundle)

        def stop() -> None:
            server.stop()
            folder.cleanup()

        self._stop = stop
        return self

    def stop(self) -> None:
        """Stop serving; what hangs is cut off."""
        self._stop()

    @property
    def issuer(self) -> str:
        """The address of the login."""
        return self._running[0].url

    @property
    def login_host(self) -> str:
        """Its host and port."""
        return self._own_host

    @property
    def data_url(self) -> str:
        """The address of the data centre."""
        return self._running[1].url

    @property
    def users(self) -> dict[str, str]:
        """Passwords by user name."""
        return self._running[0].passwords

    def provider(self, **changes: Any) -> Provider:
        """Return this sandbox as the provider "earthdata", with other fields where `changes` names them."""
        own = earthdata_at(self.issuer, [self.data_url.removeprefix("https://")])
        return replace(own, **{"badge": "SANDBOX", **changes})

    @property
    def issued(self) -> set[str]:
        """Every token handed out until now."""
        with self._lock:
            return set(self._running[0].user_tokens.issued)

    def tokens_of(self, uid: str = "dora") -> list[str]:
        """Return the user tokens of a person that have not ended."""
        with self._lock:
            return [token.value for token in self._running[0].user_tokens.of(uid)]

    def make_token(self, uid: str = "dora", lifetime_s: float | None = None) -> str:
        """Make a user token, as a person does on the page."""
        with self._lock:
            return self._running[0].user_tokens.make(uid, lifetime_s).value

    def end_tokens(self) -> None:
        """End every user token, as everybody may on the page."""
        with self._lock:
            self._running[0].user_tokens.end()

    def add_file(self, path: str, data: bytes, media_type: str = "application/octet-stream") -> str:
        """Serve `data` at the data centre; return its address."""
        with self._lock:
            return self._running[1].add(path, Held(data), media_type)

    def script(self, *steps: str | int | Step, to: str) -> None:
        """Let the next requests whose path contains `to` have these answers."""
        with self._lock:
            self._steps += [(as_step(step), to) for step in steps]

    def advance(self, seconds: float) -> None:
        """Let the sandbox's clock jump."""
        self._ahead_s += seconds

    def now(self) -> float:
        """Return the sandbox's time in POSIX seconds."""
        return time.time() + self._ahead_s

    @property
    def _running(self) -> tuple[EarthdataLogin, DataCentre]:
        if self._login is None or self._data is None:
            raise RuntimeError("The sandbox was not started: use it in a with statement.")
        return self._login, self._data

    def _answered(self, request: ReceivedRequest) -> tuple[Answer, Manner]:
        login, data = self._running
        scripted = next((entry for entry in self._steps if entry[1] in request.path), None)
        step = Step()
        if scripted is not None:
            self._steps.remove(scripted)
            step = scripted[0]
        if step.instead is not None:
            return step.instead(login.url), step.manner
        is_login = request.headers.get("Host") == self._own_host
        answer = (login if is_login else data).answer(step.rewrite(request))
        return step.alter(answer), step.manner
