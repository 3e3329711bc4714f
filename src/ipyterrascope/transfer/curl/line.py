"""One request at a time over libcurl, with nothing switched on that was not asked for (floor 4; RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Protocol

import pycurl

from .network import Network

# CURLOPT_SUPPRESS_CONNECT_HEADERS, which the binding does not name: what a proxy says is no answer of the host
_SUPPRESS_CONNECT_HEADERS = 265
_STATUS = re.compile(r"HTTP/([0-9.]+) +([0-9]{3})")
_USER_AGENT = f"ipyterrascope/{version('ipyterrascope')}"
LEAST_BUFFER_BYTES, MOST_BUFFER_BYTES = 1 << 10, 512 << 10
"""libcurl's receive buffer: a smaller one costs CPU. It is given to `body` 16 KiB at a time."""


class Fields(dict[str, str]):
    """Header fields by name in any case; several of one name are joined by commas (RFC 9110 section 5.2)."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())

    def get(self, name: str, default: str = "") -> str:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return a field, or `default`."""
        return super().get(name.lower(), default)

    def add(self, line: str) -> None:
        """Add a line of a header."""
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        before = super().get(name)
        self[name] = value if before is None else f"{before}, {value}"


class Receiver(Protocol):
    """Who takes an answer. False from either ends the request there."""

    def head(self, status: int, fields: Fields) -> bool:
        """Status and header are here; interim answers (1xx) are not told."""
        ...

    def body(self, data: bytes) -> bool:
        """A part of the body is here."""
        ...


class Line:
    """A handle that sends one request after the other, so that connections are used again.

    Parameters
    ----------
    network : Network
    buffer_bytes : int
        What is read at once.

    Attributes
    ----------
    handle : pycurl.Curl
    receiver : Receiver or None
        Who takes the present answer.
    fault : BaseException or None
        What the receiver raised.
    """

    def __init__(self, network: Network, buffer_bytes: int = MOST_BUFFER_BYTES) -> None:
        self.receiver: Receiver | None = None
        self.fault: BaseException | None = None
        self._network = network
        self._has_head = False
        self._lines: list[bytes] = []
        handle = self.handle = pycurl.Curl()
        network.prepare(handle)
        # libcurl speaks two dozen protocols, one of which reads local files
        handle.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        handle.setopt(pycurl.FOLLOWLOCATION, 0)
        handle.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.USERAGENT, _USER_AGENT)
        handle.setopt(pycurl.BUFFERSIZE, min(max(buffer_bytes, LEAST_BUFFER_BYTES), MOST_BUFFER_BYTES))
        handle.setopt(pycurl.HTTP_CONTENT_DECODING, 0)
        handle.setopt(_SUPPRESS_CONNECT_HEADERS, 1)
        handle.setopt(pycurl.TCP_KEEPALIVE, 1)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        handle.setopt(pycurl.HEADERFUNCTION, self._on_line)
        handle.setopt(pycurl.WRITEFUNCTION, self._on_data)

    def ask(
        self,
        url: str,
        headers: Mapping[str, str],
        credential: Mapping[str, str],
        receiver: Receiver,
        *,
        is_head: bool = False,
    ) -> None:
        """Prepare a GET, or a HEAD; who holds the loop adds `handle` to it."""
        self.receiver, self.fault = receiver, None
        self._has_head = False
        self._lines.clear()
        self._network.aim(self.handle, url)
        self.handle.setopt(pycurl.NOBODY if is_head else pycurl.HTTPGET, 1)
        lines = [f"{name}: {value}" for fields in (headers, credential) for name, value in fields.items()]
        self.handle.setopt(pycurl.HTTPHEADER, lines)

    def rest(self) -> None:
        """Forget the last request, and with it the credential."""
        self.receiver = None
        # an empty list would leave the old one in place
        self.handle.unsetopt(pycurl.HTTPHEADER)

    def _on_line(self, raw: bytes) -> int | None:
        if self._has_head:
            return None  # a trailer
        if line := raw.rstrip(b"\r\n"):
            self._lines.append(line)
            return None
        first, *others = b"\n".join(self._lines).decode("latin-1").split("\n")
        self._lines.clear()
        match = _STATUS.match(first)
        version, status = (match[1], int(match[2])) if match else ("", 0)
        if 100 <= status < 200:
            return None
        self._has_head = True
        fields = Fields()
        for other in others:
            fields.add(other)
        if version in ("2", "3") and "Content-Length" not in fields:
            # these tell the end of every body, as chunks do
            fields.add("Transfer-Encoding: chunked")
        return self._told(lambda taker: taker.head(status, fields))

    def _on_data(self, data: bytes) -> int | None:
        return self._told(lambda taker: taker.body(data))

    def _told(self, tell: Callable[[Receiver], bool]) -> int | None:
        # libcurl's binding prints what a callback raises, and goes on
        try:
            if self.receiver is not None and tell(self.receiver):
                return None
        except BaseException as exc:  # noqa: BLE001 - looked at when the request has ended
            self.fault = exc
        return -1
