"""An aiohttp session whose requests carry a live credential, hop by hop (floor 5).

A middleware signs each request as it leaves, redirects too, and takes the header off again before anybody can look at
what came of it: aiohttp's errors and answers show the very headers of their request. Nothing waits on the loop: a
renewal runs on a thread, and all who need it wait for that one.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from http.cookies import BaseCookie
from pathlib import Path
from typing import TypeVar

import certifi
from aiohttp import (
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    CookieJar,
    TCPConnector,
)
from aiohttp.hdrs import AUTHORIZATION, LOCATION, PROXY_AUTHORIZATION
from aiohttp.typedefs import LooseCookies
from requests.utils import get_environ_proxies, select_proxy
from yarl import URL

from ..auth.account import Account
from ..errors import ConfigurationError
from ..protocol.earthdata_answers import MOST_BYTES, FinalAnswer, explainer
from ..transfer.answers import no_login_sent, refusal
from ..transfer.curl.faults import redirected
from ..values.hosts import reach_of
from ..values.redirects import changed_hands
from ..values.secret import Secret, chained, sealed

_T = TypeVar("_T")
# for so long the environment is not asked anew which proxy to use
_ROUTE_S = 60.0
_REPEATABLE = ("GET", "HEAD", "OPTIONS")
_REDIRECTS = (301, 302, 303, 307, 308)
# what libraries make something of: no such file, and a range behind the end
_FOR_THE_LIBRARY = (404, 410, 416)
_NOWHERE = URL()


@dataclass(frozen=True)
class _Route:
    """What holds for all requests to an origin, until a moment of the monotonic clock."""

    may_carry: bool
    proxy: URL | None
    proxy_headers: dict[str, str] | None
    good_until: float


def _routed(url: str, account: Account) -> _Route:
    """Decide about an origin: its proxy as requests has it, and none for this machine."""
    origin = URL(url).origin()
    found = None
    if reach_of(origin.raw_host or "") != "machine":
        found = select_proxy(url, get_environ_proxies(url))
    proxy = URL(found) if found else None
    headers: dict[str, str] | None = None
    if proxy is not None and proxy.user:
        pair = f"{proxy.user}:{proxy.password or ''}".encode()
        headers = {str(PROXY_AUTHORIZATION): f"Basic {b64encode(pair).decode()}"}
        proxy = proxy.with_user(None)
    return _Route(account.provider.may_carry(url), proxy, headers, time.monotonic() + _ROUTE_S)


class Signing:
    """The middleware of one account on one event loop.

    Parameters
    ----------
    account : Account
    """

    def __init__(self, account: Account) -> None:
        self._account, self._explain = account, explainer(account.provider)
        self._turn = asyncio.Lock()
        # not the loop's own threads, which others may keep busy for long
        self._beside = ThreadPoolExecutor(1, "aiohttp-login")
        self._routes: dict[tuple[str, str | None, int | None], _Route] = {}

    async def __call__(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        """Send one request, or one hop of it."""
        route = self._route(request)
        if route.proxy is not None:
            request.update_proxy(route.proxy, None, route.proxy_headers)
        is_ours, begun_by = route.may_carry and AUTHORIZATION not in request.headers, self._account.whose
        response = await (self._answered(request, handler) if is_ours else handler(request))
        if response.status >= 300 or self._explain is not None:
            try:
                await self._raise_explained(response, str(request.url))
                self._check(response, str(request.url), begun_by, is_ours=is_ours)
            except BaseException:
                response.close()
                raise
        return response

    def _route(self, request: ClientRequest) -> _Route:
        origin = (request.url.scheme, request.url.raw_host, request.url.port)
        route = self._routes.get(origin)
        if route is None or time.monotonic() > route.good_until:
            route = self._routes[origin] = _routed(str(request.url), self._account)
        return route

    async def _answered(self, request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        url = str(request.url)
        credential = self._at_hand(url) or await self._live(url)
        response = await _sent(request, handler, credential)
        if response.status != 401 or request.method not in _REPEATABLE:
            return response
        async with self._turn:
            is_another = await self._off_the_loop(lambda: self._refused(url, credential))
        if not is_another:
            return response
        response.close()
        return await _sent(request, handler, await self._live(url))

    async def _live(self, url: str) -> Secret:
        """Return the header's value, once the one renewal for all has ended."""
        async with self._turn:
            return self._at_hand(url) or await self._off_the_loop(lambda: sealed(lambda: self._fetch(url)))

    def _at_hand(self, url: str) -> Secret | None:
        headers = self._account.headers_at_once(url)
        return Secret(headers[AUTHORIZATION]) if headers else None

    def _fetch(self, url: str) -> Secret:
        return Secret(self._account.headers(url)[AUTHORIZATION])

    def _refused(self, url: str, credential: Secret) -> bool:
        return sealed(lambda: self._account.refused(url, {AUTHORIZATION: credential.reveal()}))

    async def _off_the_loop(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._beside, call)

    async def _raise_explained(self, response: ClientResponse, url: str) -> None:
        """Raise for an answer that says what a person has to do first."""
        if self._explain is None:
            return
        is_refusal = response.status in (401, 403) and response.content_type.endswith("json")
        body = await response.content.read(MOST_BYTES) if is_refusal else b""
        trouble = self._explain(FinalAnswer(url, response.status, response.content_type, body))
        if trouble is not None:
            raise trouble

    def _check(self, response: ClientResponse, url: str, begun_by: str, *, is_ours: bool) -> None:
        """Raise for an answer that brings nothing, and for a redirect that must not be followed."""
        status, provider = response.status, self._account.provider
        if status in _REDIRECTS and begun_by not in ("", self._account.whose):
            raise changed_hands(url)
        if status in _REDIRECTS and LOCATION in response.headers:
            redirected(url, response.headers[LOCATION], provider.login_url)
        elif status in (401, 403) and not is_ours:
            raise no_login_sent(status, url, provider.hosts)
        elif status >= 400 and status not in _FOR_THE_LIBRARY:
            raise refusal(status, url)


async def _sent(request: ClientRequest, handler: ClientHandlerType, credential: Secret) -> ClientResponse:
    request.headers[AUTHORIZATION] = credential.reveal()
    try:
        return await handler(request)
    except BaseException as exc:  # noqa: BLE001 - raised again below, without the frames that hold the header's bytes
        failure = exc
    finally:
        request.headers.popall(AUTHORIZATION, None)
    for part in chained(failure):
        part.__traceback__ = None
    try:
        raise failure
    finally:
        del failure


class _OwnCookies(CookieJar):
    """The cookies of who is signed in, which may be somebody else from now on.

    Parameters
    ----------
    whose : callable
        Returns what tells who is signed in from others, or nothing for nobody.
    """

    def __init__(self, whose: Callable[[], str]) -> None:
        super().__init__()
        self._whose, self._user, self._people = whose, "", 0
        # of whom the request was begun whose task this is
        self._begun = ContextVar("begun", default=0)

    def filter_cookies(self, request_url: URL = _NOWHERE) -> BaseCookie[str]:
        """Return those that a request goes with: none of another person's."""
        self._forget_another()
        self._begun.set(self._people)
        return super().filter_cookies(request_url)

    def update_cookies(self, cookies: LooseCookies, response_url: URL = _NOWHERE) -> None:
        """Take those of an answer, unless another person has signed in meanwhile."""
        self._forget_another()
        if self._begun.get() == self._people:
            super().update_cookies(cookies, response_url)

    def _forget_another(self) -> None:
        before, self._user = self._user, self._whose()
        if before not in ("", self._user):
            self._people += 1
            self.clear()


def signed_session(account: Account, context: ssl.SSLContext) -> ClientSession:
    """Make a session of an account on the running loop; who made it closes it.

    Parameters
    ----------
    account : Account
    context : ssl.SSLContext
        By `trust_of`.
    """
    connection = account.connection
    return ClientSession(
        connector=TCPConnector(ssl=context),
        middlewares=(Signing(account),),
        cookie_jar=_OwnCookies(lambda: account.whose),
        # of aiohttp's own, one is for the whole of a file
        timeout=ClientTimeout(
            total=None, sock_connect=connection.connect_timeout_s, sock_read=connection.read_timeout_s
        ),
    )


def trust_of(account: Account) -> ssl.SSLContext:
    """Return what an account's connections trust; to read it the first time takes some milliseconds.

    Raises
    ------
    ConfigurationError
        The CA bundle cannot be read.
    """
    return _context(account.connection.verify or os.environ.get("REQUESTS_CA_BUNDLE") or certifi.where())


@cache
def _context(bundle: str) -> ssl.SSLContext:
    try:
        is_folder = Path(bundle).is_dir()
        return ssl.create_default_context(cafile=None if is_folder else bundle, capath=bundle if is_folder else None)
    except (OSError, ssl.SSLError):
        pass
    raise ConfigurationError(
        "The CA bundle is not there or cannot be read.",
        f"It should be {bundle}.",
        "Check c.Terrascope.verify and REQUESTS_CA_BUNDLE.",
    )
