"""A thread in which an event loop answers what comes to a listening socket (sandbox)."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import parse_qsl

from aiohttp import web
from requests.structures import CaseInsensitiveDict

from .messages import ReceivedRequest

_FORM = "application/x-www-form-urlencoded"


class Server:
    """A thread in which an event loop answers what comes to a listening socket, over TLS where there is a context."""

    def __init__(
        self,
        listener: socket.socket,
        handle: Callable[[web.Request, asyncio.Event], Awaitable[web.StreamResponse]],
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._listener, self._handle, self._context = listener, handle, context
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="terrascope-sandbox", daemon=True)
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """End every connection and the thread."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()  # also when it could not start: nobody shall wait for it

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(request, self._closing)

        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/{path:.*}", handle)
        # A client that went away ends its handler, and with it a stall nobody waits for.
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        await web.SockSite(runner, self._listener, ssl_context=self._context).start()
        self._ready.set()
        await self._closing.wait()
        # asyncio drops, unclosed, what it has accepted but not yet made a connection when its server closes: so accept
        # no more, and let the loop turn until what was accepted is known to the runner
        with suppress(NotImplementedError):  # on Windows there is no such reader
            self._loop.remove_reader(self._listener)
        for _ in range(3):
            await asyncio.sleep(0)
        await runner.cleanup()


def received(request: web.Request, body: bytes) -> ReceivedRequest:
    """Return a request as a value."""
    form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True) if request.content_type == _FORM else []
    return ReceivedRequest(
        at=time.monotonic(),
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers=CaseInsensitiveDict(request.headers),
        form=dict(form),
        body=body,
    )
