"""What stac-asset sends its requests by: an aiohttp session of ours, with the retries of its own (floor 5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientResponse
from aiohttp_retry import JitterRetry, RetryClient
from stac_asset import HttpClient
from stac_asset.config import DEFAULT_HTTP_MAX_ATTEMPTS
from yarl import URL

from ..auth.account import Account
from ..errors import ServerUnreachable
from ..transfer.answers import refusal
from ..transfer.pages import check_page
from .aiohttp_session import signed_session, trust_of


@dataclass(frozen=True)
class _Opened:
    loop: asyncio.AbstractEventLoop
    client: RetryClient
    turns: asyncio.Semaphore


class AssetSession:
    """A signed session on whatever loop runs, made with the first request there and again after it was closed.

    stac-asset is handed its clients before a loop runs, and closes them after each call.

    Parameters
    ----------
    account : Account
    max_connections : int
        How many requests are under way at once. The others wait here rather than for a connection, where the token that
        they were signed with would end.
    """

    def __init__(self, account: Account, max_connections: int) -> None:
        self._account, self._trust = account, trust_of(account)
        self._max_connections = max_connections
        self._opened: _Opened | None = None

    def get(self, url: URL, **options: Any) -> AbstractAsyncContextManager[ClientResponse]:
        """Ask for a file, and hold its turn until it is read."""
        return self._asked("GET", url, options)

    def head(self, url: URL | str) -> AbstractAsyncContextManager[ClientResponse]:
        """Ask whether there is such a file."""
        return self._asked("HEAD", URL(url), {"allow_redirects": True})

    @asynccontextmanager
    async def _asked(self, method: str, url: URL, options: dict[str, Any]) -> AsyncGenerator[ClientResponse, None]:
        opened = self._there()
        async with opened.turns, opened.client.request(method, url, **options) as response:
            self._check(str(url), response)
            yield response

    def _there(self) -> _Opened:
        loop = asyncio.get_running_loop()
        if self._opened is None or self._opened.loop is not loop:
            retries = JitterRetry(DEFAULT_HTTP_MAX_ATTEMPTS, exceptions={ClientError, ServerUnreachable})
            client = RetryClient(signed_session(self._account, self._trust), retry_options=retries)
            self._opened = _Opened(loop, client, asyncio.Semaphore(self._max_connections))
        return self._opened

    def _check(self, url: str, response: ClientResponse) -> None:
        """Raise for what is not there, and for a page of the provider's in place of a file."""
        if response.status >= 400:
            raise refusal(response.status, url, str(response.url))
        if self._account.provider.may_carry(url):
            name = URL(url).name or "the file"
            check_page(url, str(response.url), name, {"content-type": response.content_type}, b"")

    async def close(self) -> None:
        """Close what is open."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.client.close()


def client(account: Account, max_connections: int) -> HttpClient:
    """Return stac-asset's client for http over such a session."""
    session: Any = AssetSession(account, max_connections)
    return HttpClient(session, assert_content_type=False)
