"""Sending an answer over a real connection, also badly: in drips, cut short, reset (sandbox)."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress

from aiohttp import web

from .messages import Answer
from .steps import Manner

_NO_BODY = (204, 304)


async def deliver(request: web.Request, answer: Answer, manner: Manner, closing: asyncio.Event) -> web.StreamResponse:
    """Send `answer` in a manner; waits end early when `closing` is set."""
    await _wait(manner.delay_s, closing)
    response = web.StreamResponse(status=answer.status)
    for name, value in answer.headers:
        response.headers.add(name, value)
    if manner.then == "no_answer":
        _drop(request)
        return response
    if answer.status not in _NO_BODY:
        response.content_length = answer.body.size_bytes
    await response.prepare(request)
    if request.method != "HEAD" and answer.status not in _NO_BODY:
        with suppress(ConnectionError):  # a client that went away is no news
            await _send(request, response, answer, manner, closing)
    return response


async def _send(
    request: web.Request, response: web.StreamResponse, answer: Answer, manner: Manner, closing: asyncio.Event
) -> None:
    size = answer.body.size_bytes
    end = size
    if manner.then != "go_on":
        end = min(size, size // 2 if manner.after is None else manner.after)
    for start in range(0, end, manner.chunk_bytes):
        await response.write(answer.body.read(start, min(start + manner.chunk_bytes, end)))
        await _wait(manner.pause_s, closing)
        if closing.is_set():
            _drop(request)
            return
    if manner.then == "stall":
        await _wait(manner.stall_s, closing)
    if manner.then in ("close", "stall"):
        await _flushed(request)
        _drop(request)
    if manner.then == "reset":
        await _flushed(request)
        _reset(request)


async def _wait(seconds: float, closing: asyncio.Event) -> None:
    if seconds > 0:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(closing.wait(), seconds)


async def _flushed(request: web.Request) -> None:
    """Wait until what was written left this process, so that the client sees exactly those bytes."""
    transport = request.transport
    while transport is not None and not transport.is_closing() and transport.get_write_buffer_size():
        await asyncio.sleep(0.001)


def _drop(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


def _reset(request: web.Request) -> None:
    """Close with a RST instead of a FIN: no lingering, nothing delivered afterwards."""
    if request.transport is not None:
        connection: socket.socket = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
