"""One run of a download by a cluster: which batches are under way, and what follows from how they ended (floor 5)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any, cast

from distributed import Client
from distributed.scheduler import KilledWorker

from ..errors import ServerUnreachable, TerrascopeError, TransferError
from ..transfer import Action, Control, Outcome, Progress
from ..transfer.names import host_of
from ..transfer.retry import GivenUp
from .dask_batch import Batch, Ended, stop, work
from .dask_batches import batches_of, share_of

_LOOK_EVERY_S = 2.0
_TURN_S = 0.25
_HINTS_FOR_S = 60.0
"""So long more batches than workers are under way, after the start and after each worker that came."""
_STOPPED_WITHIN_S = 5.0
"""How long a run that was asked to end waits for what its workers have."""
_MOST_TRIES = 3
_GONE = ("closed", "closing")


@dataclass(frozen=True)
class _Flight:
    """A batch under way, and the actions as the kernel has them."""

    batch: Batch
    actions: tuple[Action, ...]
    future: Any
    tries: int


class Run:
    """One run.

    Parameters
    ----------
    client : distributed.Client
    model : Batch
        What all batches have in common; its connections and its rate are those of all together.
    actions : sequence of Action
    progress : Progress
    control : Control
    monotonic : callable
    """

    def __init__(
        self,
        client: Client,
        model: Batch,
        actions: Sequence[Action],
        progress: Progress,
        control: Control,
        monotonic: Callable[[], float],
    ) -> None:
        self._client, self._model, self._progress, self._control = client, model, progress, control
        self._monotonic = monotonic
        # an event of a worker, or the number of a batch that has landed
        self._news = SimpleQueue[object]()
        self._flights: dict[int, _Flight] = {}
        self._brought: dict[int, dict[Action, Ended]] = {}
        self._begun = 0
        self._given_up = GivenUp()
        self._lanes, self._looked_at = 1, 0.0
        self._most_workers, self._hints_until = 0, 0.0
        self._look()
        self._waiting = deque((batch, 1) for batch in batches_of(actions, self._lanes))
        client.subscribe_topic(model.run, self._news.put)

    def outcomes(self) -> Iterator[Outcome]:
        """Fetch everything, and yield what became of it."""
        while (self._waiting or self._flights) and not self._control.is_stopped:
            if self._client.status in _GONE:
                yield from self._lost()
                return
            yield from self._begin()
            yield from self._heard()
        if self._flights:
            # what ended by now is told, and what is under way ends
            self._stop()
            ends_by = self._monotonic() + _STOPPED_WITHIN_S
            while self._flights and not self._control.is_overdue and self._monotonic() < ends_by:
                yield from self._heard()

    def end(self) -> None:
        """Let nothing go on."""
        with suppress(Exception):  # the cluster may be gone
            self._client.unsubscribe_topic(self._model.run)
            if self._flights:
                self._stop()
                self._client.cancel([flight.future for flight in self._flights.values()])

    # ── what is begun ──────────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> Iterator[Outcome]:
        if self._monotonic() - self._looked_at >= _LOOK_EVERY_S:
            self._look()
        while self._waiting and (share := self._share()) > 0:
            actions, tries = self._waiting.popleft()
            refused = {action: error for action in actions if (error := self._given_up.error_for(_host(action)))}
            yield from (_failed(action, error) for action, error in refused.items())
            if left := tuple(action for action in actions if action not in refused):
                self._submit(left, share, tries)

    def _share(self) -> int:
        in_use = [flight.batch.max_connections for flight in self._flights.values()]
        return share_of(self._model.max_connections, in_use, self._lanes)

    def _submit(self, actions: tuple[Action, ...], connections: int, tries: int) -> None:
        number, rate = self._begun, self._model.limit_rate
        self._begun += 1
        batch = replace(
            self._model,
            number=number,
            actions=actions,
            max_connections=connections,
            limit_rate=None if rate is None else rate * connections / self._model.max_connections,
        )
        client: Any = self._client
        future = client.submit(work, batch, key=f"{self._model.run}-{number}", pure=False)
        self._flights[number] = _Flight(batch, actions, future, tries)

        def landed(_: object) -> None:
            self._news.put(number)

        future.add_done_callback(landed)

    def _look(self) -> None:
        """See how many may run at once: one for each worker that there is, or that may come."""
        self._looked_at = self._monotonic()
        client: Any = self._client
        with suppress(Exception):  # it may be connecting anew
            workers = len(client.nthreads())
            adaptive = getattr(client.cluster, "_adaptive", None)
            hints = self._hints(workers) if client.cluster is None else 0
            lanes = max(1, workers + hints, getattr(adaptive, "maximum", 0))
            self._lanes = int(min(self._model.max_connections, lanes))
            for flight in () if workers else self._flights.values():
                self._progress.waiting(flight.actions[0].item, _LOOK_EVERY_S, _no_worker())

    def _hints(self, workers: int) -> int:
        """Return how many batches more than workers are to be under way, where nobody knows what cluster it is.

        One that adapts itself asks for more workers only where tasks wait. One that does not is to have no connections
        idle in such tasks, so this ends when no worker comes.
        """
        if workers > self._most_workers:
            self._most_workers, self._hints_until = workers, self._looked_at + _HINTS_FOR_S
        return max(2, workers) if self._looked_at < self._hints_until else 0

    # ── what is heard ──────────────────────────────────────────────────────────────────────────────────────────────

    def _heard(self) -> Iterator[Outcome]:
        try:
            news = self._news.get(timeout=_TURN_S)
        except Empty:
            return
        if isinstance(news, int):
            yield from self._landed(news)
        else:
            # anybody on the cluster can say anything
            with suppress(TypeError, ValueError, IndexError, AttributeError, KeyError):
                self._tell(cast("tuple[object, Mapping[str, Any]]", news)[1])

    def _tell(self, told: Mapping[str, Any]) -> None:
        number = told["batch"]
        flight = self._flights.get(number)
        if flight is None:
            return
        if "ended" in told:
            ended = map(Ended.unpacked, told["ended"])
            self._brought[number] = {flight.actions[one.index]: one for one in ended}
            return
        for index, done_bytes, size_bytes in cast("list[tuple[int, int, int | None]]", told["files"]):
            self._progress.advanced(flight.actions[index].item, done_bytes, size_bytes)
        for index, wait_s, what in cast("list[tuple[int, float | None, str]]", told["waits"]):
            self._progress.waiting(flight.actions[index].item, wait_s, ServerUnreachable(what))

    def _landed(self, number: int) -> Iterator[Outcome]:
        flight = self._flights.pop(number)
        brought = self._brought.pop(number, {})
        failure = flight.future.exception() if flight.future.status == "error" else None
        flight.future.release()
        for action, one in brought.items():
            self._given_up.note(_host(action), one.error)
            yield Outcome(
                item=action.item,
                path=action.path,
                status=one.status,
                size_bytes=one.size_bytes,
                error=one.error,
                seconds=one.seconds,
            )
        if left := tuple(action for action in flight.actions if action not in brought):
            yield from self._crashed(left, flight.tries, failure)

    def _crashed(self, left: tuple[Action, ...], tries: int, failure: BaseException | None) -> Iterator[Outcome]:
        """Go on after a batch that was stopped, lost with its workers, or cancelled by a restart of the cluster."""
        is_lost = failure is None or isinstance(failure, KilledWorker)
        if is_lost and self._control.is_stopped:
            return
        if is_lost and tries < _MOST_TRIES:
            self._waiting.append((left, tries + 1))
            return
        error = _broke_down(failure) if failure is not None and not is_lost else _died()
        yield from (_failed(action, error) for action in left)

    def _lost(self) -> Iterator[Outcome]:
        error = ServerUnreachable(
            "The connection to the cluster is closed.",
            "The client was closed, or the scheduler has ended.",
            "Make a client again, and the same call: it fetches only the rest.",
        )
        flying = [action for flight in self._flights.values() for action in flight.actions]
        self._flights.clear()
        yield from (_failed(action, error) for action in flying)
        yield from (_failed(action, error) for actions, _ in self._waiting for action in actions)

    def _stop(self) -> None:
        """Tell the workers to end what they have of this; who is slow to answer holds nobody up."""
        client: Any = self._client
        name = self._model.run

        def tell() -> None:
            with suppress(Exception):
                client.run(stop, name, on_error="ignore")

        threading.Thread(target=tell, daemon=True, name="dask-stop").start()


def _host(action: Action) -> str:
    return host_of(action.item.url)


def _failed(action: Action, error: TerrascopeError) -> Outcome:
    return Outcome(item=action.item, path=action.path, status="failed", error=error)


def _no_worker() -> ServerUnreachable:
    return ServerUnreachable("The cluster has no worker.", "", "Start some, or wait for them.")


def _died() -> TransferError:
    return ServerUnreachable(
        "The workers that fetched it ended, again and again.",
        "They were stopped, or ran out of memory.",
        "Look at their logs, then try again: it goes on where it was.",
    )


def _broke_down(exc: BaseException) -> TransferError:
    if isinstance(exc, ImportError) and "ipyterrascope" in str(exc):
        return TransferError(
            "The workers cannot download.",
            "ipyterrascope is not installed there, or in another version.",
            "Install the version there that you have here.",
        )
    return TransferError(
        "The download broke down on a worker.",
        f"This is a bug in ipyterrascope, or in what it runs on ({type(exc).__name__}).",
        "Look at the worker's log, and report it with what ts.show_versions() prints.",
    )
