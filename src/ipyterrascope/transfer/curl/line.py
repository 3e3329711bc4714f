"""One request at a time over libcurl, with nothing switched on that was not asked for (floor 4; RFC 9110)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version

import pycurl

from .network import Network

# CURLOPT_SUPPRESS_CONNECT_HEADERS, which the binding does not name: what a proxy says is no answer of the host
_SUPPRESS_CONNECT_HEADERS = 265
_MOST_LINES = 1000
"""Of status, header, interim answers and trailers; of more the first are forgotten, and the answer cannot be read."""
_USER_AGENT = f"ipyterrascope/{version('ipyterrascope')}"
LEAST_BUFFER_BYTES, MOST_BUFFER_BYTES = 1 << 10, 512 << 10
"""libcurl's receive buffer: a smaller one costs CPU. It is handed over 16 KiB at a time."""


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
    lines : collection of bytes
        What came of the present answer's header, and of its trailers.
    proxy : str or None
        By which the present request goes; empty for none.
    """

    def __init__(self, network: Network, buffer_bytes: int = MOST_BUFFER_BYTES) -> None:
        self.lines = deque[bytes](maxlen=_MOST_LINES)
        self._network = network
        self.proxy: str | None = None
        self._cookies: pycurl.CurlShare | None = None
        self._is_head = self._http_1 = False
        self._sent: tuple[Sequence[str], Mapping[str, str]] = (), {}
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
        handle.setopt(pycurl.HEADERFUNCTION, self.lines.append)

    def ask(
        self,
        url: str,
        headers: Sequence[str],
        credential: Mapping[str, str],
        body: Callable[[bytes], int | None],
        *,
        is_head: bool = False,
        http_1: bool = False,
    ) -> None:
        """Prepare a GET, or a HEAD; who holds the loop adds `handle` to it.

        Parameters
        ----------
        url : str
        headers : sequence of str
            Lines, with a colon.
        credential : mapping
            Of header fields.
        body : callable
            Takes each part of the body, and returns -1 to end the request there. libcurl calls it without anything
            between: it must not raise.
        is_head : bool
        http_1 : bool
            Whether HTTP/2 is not spoken, also where it is offered.
        """
        handle = self.handle
        self.lines.clear()
        handle.setopt(pycurl.URL, url)
        if (proxy := self._network.proxy_for(url)) != self.proxy:
            handle.setopt(pycurl.PROXY, proxy)
            self.proxy = proxy
        if (cookies := self._network.cookies()) is not self._cookies:
            # one after the other: libcurl's binding takes no second one while there is a first
            handle.setopt(pycurl.SHARE, None)
            handle.setopt(pycurl.SHARE, cookies)
            self._cookies = cookies
        if is_head != self._is_head:
            handle.setopt(pycurl.NOBODY if is_head else pycurl.HTTPGET, 1)
            self._is_head = is_head
        if http_1 != self._http_1:
            versions = pycurl.CURL_HTTP_VERSION_2TLS, pycurl.CURL_HTTP_VERSION_1_1
            handle.setopt(pycurl.HTTP_VERSION, versions[http_1])
            self._http_1 = http_1
        if self._sent != (headers, credential):
            handle.setopt(pycurl.HTTPHEADER, [*headers, *(f"{name}: {value}" for name, value in credential.items())])
            self._sent = headers, {**credential}
        handle.setopt(pycurl.WRITEFUNCTION, body)

    @property
    def has_changed_hands(self) -> bool:
        """True where somebody else has signed in since the present request was sent."""
        return self._network.cookies() is not self._cookies

    def close(self) -> None:
        """End it, and forget the credential of the last request."""
        self.handle.close()
        self._sent = (), {}
