"""CA bundle, proxy and spelling of an address, as requests takes them, for libcurl (floor 4).

The wheel's own CA path is that of the machine where it was built, and its idea of proxies is not that of requests: both
are always said.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import certifi
import pycurl
import requests
from requests.utils import get_environ_proxies, select_proxy

from ...errors import ConfigurationError
from ...values.connection import Connection
from ...values.hosts import origin_of
from .faults import bad_address

_PLAIN = re.compile(r"https?://[a-z0-9.:\[\]-]+/[A-Za-z0-9._~!$&'()*+,;=:@/?-]*", re.ASCII)

_BEHIND_SCHEME = len("https://")

_NAMES_S = 1
"""So long libcurl remembers a name, and half of it that there is none: with its minute, no other try would ask anew."""


class Network:
    """How hosts are reached.

    Parameters
    ----------
    connection : Connection
    cookies_of : callable, optional
        Returns whose the cookies are that hosts set: they are sent back, over whichever handle, until it is somebody
        else. Without it none are kept.

    Raises
    ------
    ConfigurationError
        The CA bundle is not there.
    """

    def __init__(self, connection: Connection, *, cookies_of: Callable[[], str] | None = None) -> None:
        self.connection = connection
        self._ca = (
            connection.verify
            or os.environ.get("REQUESTS_CA_BUNDLE")
            or os.environ.get("CURL_CA_BUNDLE")
            or certifi.where()
        )
        if not Path(self._ca).exists():
            raise ConfigurationError(
                "The CA bundle is not there.",
                f"It should be {self._ca}.",
                "Check c.Terrascope.verify and REQUESTS_CA_BUNDLE.",
            )
        self._proxies: dict[str, str] = {}
        self._cookies_of, self._user = cookies_of, ""
        self._cookies = None if cookies_of is None else _no_cookies_yet()

    def prepare(self, handle: pycurl.Curl) -> None:
        """Set on a new handle what is the same for all requests."""
        is_folder = Path(self._ca).is_dir()
        for file, folder in ((pycurl.CAINFO, pycurl.CAPATH), (pycurl.PROXY_CAINFO, pycurl.PROXY_CAPATH)):
            handle.setopt(folder if is_folder else file, self._ca)
            handle.unsetopt(file if is_folder else folder)
        if self._cookies is not None:
            handle.setopt(pycurl.COOKIEFILE, "")  # read none, and keep what comes
        # NO_PROXY was read already, by the rules of requests
        handle.setopt(pycurl.NOPROXY, "")
        handle.setopt(pycurl.DNS_CACHE_TIMEOUT, _NAMES_S)
        handle.setopt(pycurl.CONNECTTIMEOUT_MS, int(self.connection.connect_timeout_s * 1000))

    def cookies(self) -> pycurl.CurlShare | None:
        """Return the cookies that a request goes with, and that its answer adds to; None where there are none."""
        if self._cookies_of is not None:
            before, self._user = self._user, self._cookies_of()
            if before not in ("", self._user):
                # another store: what is under way may still bring the former person's
                self._cookies = _no_cookies_yet()
        return self._cookies

    def proxy_for(self, url: str) -> str:
        """Return the proxy for an address; empty for none."""
        place = url[: url.find("/", _BEHIND_SCHEME)]
        proxy = self._proxies.get(place)
        if proxy is None:
            proxy = self._proxies[place] = self._looked_up(url)
        return proxy

    def _looked_up(self, url: str) -> str:
        origin = origin_of(url)
        # http is on loopback only, and what goes there is nobody else's to see
        is_plain = origin is None or origin[0] == "http"
        return (None if is_plain else select_proxy(url, get_environ_proxies(url))) or ""


def _no_cookies_yet() -> pycurl.CurlShare:
    cookies = pycurl.CurlShare()
    cookies.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_COOKIE)
    return cookies


def spelled(url: str) -> str:
    """Write an address as it goes on the wire, percent-encoded as requests does it.

    Raises
    ------
    ServerRefused
        It cannot be written so.
    """
    if _PLAIN.fullmatch(url):
        return url
    with suppress(ValueError):  # requests' own errors are OSError too, and have the address in their text
        return str(requests.Request("GET", url).prepare().url)
    raise bad_address(url)
