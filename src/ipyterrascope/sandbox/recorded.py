"""What was asked of a sandbox, and the one place where its answers come from (sandbox)."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

from aiohttp import web

from .delivery import deliver
from .messages import Answer, ReceivedRequest
from .server import received
from .steps import Manner


@dataclass(kw_only=True, eq=False)
class Recorded(ABC):
    """Keeps every request that came. All methods may be called from any thread."""

    _requests: list[ReceivedRequest] = field(init=False, repr=False, default_factory=list[ReceivedRequest])
    _lock: threading.RLock = field(init=False, repr=False, default_factory=threading.RLock)

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request until now, in the order of arrival."""
        with self._lock:
            return list(self._requests)

    def requests_to(self, part: str, method: str = "") -> list[ReceivedRequest]:
        """Return the requests whose path contains `part`, where given only those of a method."""
        return [record for record in self.requests if part in record.path and method in ("", record.method)]

    def forget_requests(self) -> None:
        """Start the record anew."""
        with self._lock:
            self._requests.clear()

    @abstractmethod
    def _answered(self, request: ReceivedRequest) -> tuple[Answer, Manner]:
        """Return the answer to a request and how to send it. Nothing else changes meanwhile."""

    async def _handle(self, request: web.Request, closing: asyncio.Event) -> web.StreamResponse:
        record = received(request, await request.read())
        with self._lock:
            index = len(self._requests)
            self._requests.append(record)
            answer, manner = self._answered(record)
            if manner.then != "no_answer":
                self._requests[index] = replace(record, status=answer.status)
        return await deliver(request, answer, manner, closing)
