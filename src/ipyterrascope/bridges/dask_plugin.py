"""The workers' half of Dask's bridge: each process signs in by what the kernel sends, late ones too (floor 5).

The scheduler keeps the plugin, and gives it to every worker that comes. It holds the provider and no secret; the token
is in the memory of the workers' processes only, and comes by a handler of its own, whose messages show as masks also
where Dask logs them all.
"""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import cast

from distributed import Worker
from distributed.diagnostics.plugin import WorkerPlugin

from ..accounts import providers
from ..auth.chain import LentToken, SilentSource
from ..errors import TerrascopeError
from ..threads.forks import renew_in_child
from ..values.connection import Connection
from ..values.providers import Provider
from . import gdal
from .dask_holder import Holder
from .dask_parcel import Parcel, Refusal, is_sound

_CAME_FROM = "the notebook that attached this worker"


class _Process:
    """Names this process, and has what was lent to it."""

    def __init__(self) -> None:
        self.after_fork()
        renew_in_child(self)

    def after_fork(self) -> None:
        self.id, self.lock = uuid.uuid4().hex, threading.Lock()
        self.loans: dict[str, Loan] = {}


class Loan:
    """What one kernel lends to this process, for all of its workers.

    Parameters
    ----------
    topic : str
        Under which the kernel is asked.
    provider : Provider
    connection : Connection
        That of the kernel.
    has_gdal : bool
        Whether GDAL is to be served too.
    """

    def __init__(self, topic: str, provider: Provider, connection: Connection, *, has_gdal: bool = False) -> None:
        self._topic, self.workers = topic, list[Worker]()
        self._holder = Holder(self._ask, patience_s=connection.connect_timeout_s)
        lent = LentToken(self._holder.lend, _CAME_FROM, margin_s=0.0, has_news=self._holder.has_news)
        self._account = providers.lend(provider, SilentSource("dask", lambda _: lent), _usable(connection))
        self._has_gdal, self._login = has_gdal, 0
        if has_gdal:
            with suppress(TerrascopeError):  # it may be missing here
                gdal.follow(self._account)

    def join(self, worker: Worker) -> None:
        """Serve one more worker."""
        self.workers.append(worker)
        self._ask(self._holder.serial, False)

    async def deliver(self, sent: object) -> bool:
        """Take what the kernel sent, and return when it counts. On the worker's event loop, which goes on meanwhile."""
        if not is_sound(sent):
            return False
        if self._holder.put(sent):
            await asyncio.to_thread(self._settle, sent)
        return True

    def end(self) -> None:
        """Serve no more, and forget the token."""
        over = Refusal(
            self._holder.serial + 1,
            "This worker has no login any more.",
            "The notebook that attached it has detached it.",
            "Attach it again, by ipyterrascope.dask.attach(client).",
        )
        self._holder.put(over)
        threading.Thread(target=self._settle, args=(over,), daemon=True, name="dask-login").start()

    def _settle(self, sent: Parcel | Refusal) -> None:
        """Let the account follow at once, and GDAL and others with it, instead of at its next use."""
        with suppress(TerrascopeError):
            if isinstance(sent, Parcel):
                before, self._login = self._login, sent.login
                if before not in (0, sent.login):
                    # another person, perhaps: nothing of the former login stays, no name, cookie or token
                    self._account.hand_over()
                self._account.allow_sources()
                self._account.sign_in_silently()
                gdal.settle(self._account)
            elif self._account.is_signed_in:
                self._account.tokens()
        if not self.workers:
            if self._has_gdal:
                gdal.disable(self._account.provider)
            providers.end_loan(self._account)

    def _ask(self, serial: int, is_refused: bool) -> None:
        for worker in self.workers[:1]:
            address = worker.contact_address or worker.address
            worker.log_event(self._topic, {"worker": address, "serial": serial, "is_refused": is_refused})


class TokenPlugin(WorkerPlugin):
    """Lends every worker the login of the kernel that made it; the kernel's own process needs none.

    Parameters
    ----------
    name : str
        The topic under which workers ask, and the operation by which they are answered.
    provider : Provider
    connection : Connection
    has_gdal : bool
        Whether GDAL is switched on in the kernel.
    """

    def __init__(self, name: str, provider: Provider, connection: Connection, *, has_gdal: bool = False) -> None:
        self.name, self.connection, self.has_gdal = name, connection, has_gdal
        self.provider, self.home = for_workers(provider), _here.id

    def setup(self, worker: Worker) -> None:
        """Serve a worker (called by Dask, on its event loop)."""
        handlers = cast("dict[str, Callable[..., object]]", worker.handlers)
        if self.home == _here.id:
            handlers[self.name] = _at_home
            return
        with _here.lock:
            loan = _here.loans.get(self.name)
            if loan is None:
                loan = Loan(self.name, self.provider, self.connection, has_gdal=self.has_gdal)
                _here.loans[self.name] = loan
        handlers[self.name] = loan.deliver
        loan.join(worker)

    def teardown(self, worker: Worker) -> None:
        """Let go of a worker (called by Dask)."""
        cast("dict[str, object]", worker.handlers).pop(self.name, None)
        with _here.lock:
            loan = _here.loans.get(self.name)
            if loan is None or worker not in loan.workers:
                return
            loan.workers.remove(worker)
            if loan.workers:
                return
            del _here.loans[self.name]
        loan.end()


def this_process() -> str:
    """Return what names this process."""
    return _here.id


def for_workers(provider: Provider) -> Provider:
    """Return a provider as workers know it: without what is shown to people who sign in."""
    return replace(provider, demo_login="")


def _at_home(sent: Parcel | Refusal) -> bool:
    """Take nothing: the kernel's own account serves in its process."""
    return True


def _usable(connection: Connection) -> Connection:
    """Return a connection without the kernel's CA bundle where that file is not here."""
    is_here = not connection.verify or os.path.exists(connection.verify)
    return connection if is_here else replace(connection, verify="")


_here = _Process()
