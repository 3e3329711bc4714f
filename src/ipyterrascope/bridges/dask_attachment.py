"""The kernel's half of Dask's bridge: sends the live token to the workers of one cluster (floor 5).

A worker that has no token, or a refused one, says so by an event without a secret; Dask's own thread only notes it. One
thread renews, once for all who ask, and every message has a thread of its own, for it ends with the slowest worker.
"""

from __future__ import annotations

import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, cast

from distributed import Client
from distributed import TimeoutError as TimedOut
from distributed.comm.core import CommClosedError
from distributed.protocol.serialize import to_serialize

from ..auth.account import Account
from ..errors import LoginRequired, TerrascopeError, UsageError
from ..threads.errand import Errand
from ..values.hosts import origins_of
from ..values.secret import sealed
from ..values.tokens import TokenSet
from . import gdal
from .dask_parcel import MOST_SERIAL, Parcel, Refusal, parcel_of
from .dask_plugin import TokenPlugin
from .dask_route import exposed

log = logging.getLogger(__name__)

_T = TypeVar("_T")

# a timer would sleep with a laptop's lid closed, and know nothing of the hours that have passed
_LOOK_EVERY_S = 5.0
# how much of its life a token has left when it is renewed unasked
_LEFT = 0.25
_GONE = ("closed", "closing")
# a worker that hangs for ever is removed by Dask after five minutes, unless that is switched off
_LONGEST_S = 60.0


@dataclass(frozen=True)
class _Ask:
    """What a worker wants, and which token it has. Without an address it is only said that there may be another now."""

    address: str = ""
    serial: int = 0
    is_refused: bool = False


class Attachment:
    """Serves one account to the workers of one cluster, from `start` to `stop`.

    Parameters
    ----------
    client : distributed.Client
    account : Account
    clock : callable
        POSIX seconds.

    Attributes
    ----------
    served : set of str
        The addresses of the workers that have the present token.
    exposed : list of str
        Addresses on whose way others could listen.
    """

    def __init__(self, client: Client, account: Account, *, clock: Callable[[], float] = time.time) -> None:
        self.client, self.account = client, account
        self.name = f"terrascope-{uuid.uuid4().hex}"
        self.served: set[str] = set()
        self.exposed = exposed(addresses_of(client))
        self._clock = clock
        self._asks = SimpleQueue[_Ask | None]()
        # who has been given the plugin
        self._known = set[str]()
        # to whom an answer is under way: together with others, or alone
        self._together, self._alone = set[str](), set[str]()
        self._serial = self._login = 0
        self._whose = ""
        self._tokens: TokenSet | None = None
        self._refusal: LoginRequired | None = None
        self._end_observing: Callable[[], None] = lambda: None
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """True once it serves no more, also because its client is closed."""
        return self._is_over or self.client.status in _GONE

    @property
    def address(self) -> str:
        """The scheduler's, as the client has it."""
        scheduler: Any = self.client.scheduler
        return str(scheduler.address) if scheduler is not None else ""

    def start(self) -> None:
        """Serve from now on; return when the workers that are there have the token, or one of them is too slow.

        Raises
        ------
        UsageError
            ipyterrascope is not installed on the workers.
        """
        self.client.subscribe_topic(self.name, self._on_event)
        try:
            has_gdal = gdal.status(self.account.provider).is_on
            plugin = TokenPlugin(self.name, self.account.provider, self.account.connection, has_gdal=has_gdal)
            self._known = self._registered(plugin)
        except Exception as exc:  # noqa: BLE001 - whatever a worker raised
            self._take_back()
            missing = isinstance(exc, ImportError) and "ipyterrascope" in str(exc)
            failure = _not_installed() if missing else exc
        else:
            self._end_observing = self.account.observe(lambda _: self._asks.put(_Ask()))
            first = self._serve([_Ask()])
            threading.Thread(target=self._run, daemon=True, name="dask-tokens").start()
            if first is not None:
                first.wait(self._patience_s)
            return
        raise failure

    def stop(self) -> None:
        """Serve no more; the workers forget the token."""
        if not self.is_over:
            self._is_over = True
            self._take_back()
        self._end_observing()
        self._asks.put(None)
        # the client goes on holding who had subscribed
        self._tokens = None

    def _registered(self, plugin: TokenPlugin) -> set[str]:
        """Give the plugin to every worker; return those who have it, or get it in this moment."""
        client: Any = self.client
        answer = self._waited_for(lambda: client.register_plugin(plugin, self.name))
        if answer is None or isinstance(answer, CommClosedError):
            # one is busy, or has left meanwhile; the scheduler keeps the plugin, and who gets it asks
            return set(client.nthreads())
        if isinstance(answer, BaseException):
            raise answer
        return set(answer)

    def _take_back(self) -> None:
        def take_back() -> bool:
            with suppress(Exception):  # the cluster may be gone
                self.client.unsubscribe_topic(self.name)
                self.client.unregister_worker_plugin(self.name)
            return True

        self._waited_for(take_back)

    def _waited_for(self, work: Callable[[], _T]) -> _T | BaseException | None:
        """Do what ends with the slowest worker, which may hang; return what came of it, or None where it goes on."""
        errand = Errand(work, "dask-plugin")
        errand.start()
        return errand.wait(self._patience_s)

    @property
    def _patience_s(self) -> float:
        return self.account.connection.connect_timeout_s

    def _on_event(self, event: object) -> None:
        """Note what a worker says. On Dask's thread; anybody on the cluster can say anything."""
        _, told = cast("tuple[object, object]", event)
        if isinstance(told, dict):
            said = cast("Mapping[str, object]", told)
            address, serial = said.get("worker"), said.get("serial")
            if isinstance(address, str) and isinstance(serial, int) and serial < MOST_SERIAL // 2:
                self._asks.put(_Ask(address, serial, said.get("is_refused") is True))

    def _run(self) -> None:
        while not self.is_over:
            if (asks := self._noted()) is None:
                break
            true_asks = self._of_workers(asks)
            if true_asks or self._is_due():
                self._serve(true_asks or [_Ask()])
        self._is_over = True
        self._end_observing()

    def _noted(self) -> list[_Ask] | None:
        """Return what was asked for by now, after waiting for a first one for a while; None at the end."""
        asks: list[_Ask] = []
        with suppress(Empty):
            ask = self._asks.get(timeout=self._pause_s())
            while ask is not None:
                asks.append(ask)
                ask = self._asks.get_nowait()
            return None
        return asks

    def _of_workers(self, asks: Collection[_Ask]) -> list[_Ask]:
        """Return the asks of those who are workers: whoever is on the cluster can ask for any address."""
        workers = set[str]()
        if any(ask.address for ask in asks):
            with suppress(Exception):  # the scheduler may be gone; a worker asks again
                workers.update(cast("Any", self.client).nthreads())
        return [ask for ask in asks if not ask.address or ask.address in workers]

    def _serve(self, asks: Collection[_Ask]) -> Errand[Mapping[str, object]] | None:
        """Send what there is to who asked, and to all where it is another than before."""
        before = self._serial
        try:
            sealed(lambda: self._renew(asks))
        except LoginRequired as exc:
            if self._refusal is None or str(exc) != str(self._refusal):
                self._serial, self._tokens, self._refusal = self._serial + 1, None, exc
        except TerrascopeError as exc:
            # passing: who still wants one asks again
            log.debug("The workers' token was not renewed (%s).", type(exc).__name__)
            return None
        asking = {ask.address for ask in asks} - {""}
        self._known |= asking
        # what came to a worker from elsewhere counts there for newer
        if (ahead := max(ask.serial for ask in asks)) > self._serial:
            self._serial = ahead + 1
        if self._serial != before:
            self.served = set()
            return self._send(None)
        self._answer(asking)
        return None

    def _answer(self, asking: Collection[str]) -> None:
        """Send what there is to who asked; not a third time to who has not taken it the first two."""
        fresh, again = set(asking) - self._together, set(asking) & self._together - self._alone
        if fresh:
            self._together |= fresh
            self._send(fresh, self._together)
        for address in again:
            # the others of its first message may be slow
            self._alone.add(address)
            self._send({address}, self._alone)

    def _renew(self, asks: Collection[_Ask]) -> None:
        """See to it that half of its life is left of the token, where that can be had, and that it is not refused."""
        if self._tokens is not None and any(ask.is_refused and ask.serial == self._serial for ask in asks):
            url = f"{[*origins_of(self.account.provider.hosts), ''][0]}/"
            self.account.refused(url, {"Authorization": f"Bearer {self._tokens.access_token.reveal()}"})
        tokens, whose = self.account.tokens(math.inf), self.account.whose
        if whose != self._whose:
            self._whose, self._login = whose, self._login + 1
        if self._tokens is None or tokens.access_token != self._tokens.access_token:
            self._serial, self._refusal = self._serial + 1, None
        self._tokens = tokens

    def _send(
        self, addresses: Collection[str] | None, under_way: set[str] | None = None
    ) -> Errand[Mapping[str, object]]:
        sent = self._parcel()

        def deliver() -> Mapping[str, object]:
            try:
                return self._delivered(sent, addresses)
            finally:
                if under_way is not None:
                    under_way.difference_update(addresses or ())

        errand = Errand(deliver, "dask-delivery")
        errand.start()
        return errand

    def _delivered(self, sent: Parcel | Refusal, addresses: Collection[str] | None) -> Mapping[str, object]:
        addresses = self._present() if addresses is None else addresses
        answers = broadcast(self.client, {"op": self.name, "sent": to_serialize(sent)}, addresses)
        if sent.serial == self._serial and isinstance(sent, Parcel):
            self.served |= {address for address, answer in answers.items() if answer is True}
        self._look_at_ways(answers)
        return answers

    def _present(self) -> Collection[str]:
        """Return who can be sent something: who is gone would be waited for, and who has just come asks by itself."""
        known = frozenset(self._known)
        gone = known.difference(cast("Any", self.client).nthreads())
        self._known -= gone
        return known - gone

    def _look_at_ways(self, addresses: Collection[str]) -> None:
        for address in exposed(addresses):
            if address not in self.exposed:
                self.exposed.append(address)
                log.warning("The token reaches a new worker unencrypted (%s).", address)

    def _parcel(self) -> Parcel | Refusal:
        if self._tokens is not None:
            return parcel_of(self._tokens, self._serial, self._clock(), self._login)
        why = self._refusal or LoginRequired("Nobody is signed in.", "", "Sign in first.")
        return Refusal(self._serial, f"The notebook lends no token: {why.what}", why.why, "Sign in there again.")

    def _is_due(self) -> bool:
        return self._left_s() <= 0

    def _left_s(self) -> float:
        """Return the seconds until the token is renewed unasked."""
        tokens = self._tokens
        if tokens is None or tokens.expires_at is None:
            return math.inf
        return tokens.expires_at - _LEFT * (tokens.lifetime_s or 0.0) - self._clock()

    def _pause_s(self) -> float:
        return min(_LOOK_EVERY_S, max(0.0, self._left_s()) or 1.0)


def broadcast(client: Client, message: Mapping[str, object], addresses: Collection[str]) -> Mapping[str, object]:
    """Send a message to some workers; return the answers of those that gave one, none where one of them hangs."""
    rpc: Any = client.scheduler
    told = {"msg": dict(message), "workers": list(addresses), "on_error": "ignore"}
    try:
        answers: object = client.sync(rpc.broadcast, callback_timeout=_LONGEST_S, **told)  # pyright: ignore[reportUnknownVariableType, reportArgumentType]
    except TimedOut:
        return {}
    return cast("Mapping[str, object]", answers)


def addresses_of(client: Client) -> list[str]:
    """Return the scheduler's address as the client has it and as the scheduler has it, and those of the workers."""
    rpc: Any = client.scheduler
    info: Any = client.scheduler_info(n_workers=-1)
    return [str(rpc.address), str(info["address"]), *map(str, info["workers"])]


def _not_installed() -> UsageError:
    return UsageError(
        "The workers cannot be given a login.",
        "ipyterrascope is not installed there.",
        "Install it where the workers run, in the version that you have here.",
    )
