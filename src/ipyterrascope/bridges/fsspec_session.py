"""The sessions of our file system: one for each event loop (floor 5), since fsspec's own breaks across loops."""

from __future__ import annotations

import asyncio
import atexit
import ssl
from dataclasses import dataclass

from aiohttp import ClientSession

from ..auth.account import Account
from ..threads.forks import renew_in_child
from ..values.connection import Connection
from .aiohttp_session import signed_session, trust_of


@dataclass(frozen=True)
class _Opened:
    session: ClientSession
    connection: Connection


class Sessions:
    """The sessions that are open, one for each loop and account."""

    def __init__(self) -> None:
        self._opened: dict[tuple[asyncio.AbstractEventLoop, Account], _Opened] = {}
        self._inherited: list[object] = []
        renew_in_child(self)
        atexit.register(self.close)

    def after_fork(self) -> None:
        """Use none of the parent's, and let none of them end: closing one would reach into the parent's loop."""
        self._inherited.append(self._opened)
        self._opened = {}

    async def get(self, account: Account) -> ClientSession:
        """Return the session of an account on the running loop."""
        return self._there(account) or self._open(account, await asyncio.to_thread(trust_of, account))

    def _there(self, account: Account) -> ClientSession | None:
        opened = self._opened.get(_key(account))
        if opened is None or opened.session.closed or opened.connection != account.connection:
            return None
        return opened.session

    def _open(self, account: Account, context: ssl.SSLContext) -> ClientSession:
        self._prune()
        session = self._there(account) or signed_session(account, context)
        self._opened[_key(account)] = _Opened(session, account.connection)
        return session

    def _prune(self) -> None:
        for key in [*self._opened]:
            if key[0].is_closed():
                _close(key[0], self._opened.pop(key).session)

    def close(self) -> None:
        """Close all of them."""
        for (loop, _), opened in [*self._opened.items()]:
            _close(loop, opened.session)
        self._opened.clear()


def _key(account: Account) -> tuple[asyncio.AbstractEventLoop, Account]:
    return asyncio.get_running_loop(), account


def _close(loop: asyncio.AbstractEventLoop, session: ClientSession) -> None:
    from fsspec.implementations.http import HTTPFileSystem

    HTTPFileSystem.close_session(loop, session)


sessions = Sessions()
"""Those of this process."""
