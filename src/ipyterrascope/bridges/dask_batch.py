"""Some files of a download, fetched by a worker of a cluster to a file system that all of it shares (floor 5)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Worker, get_worker

from .. import errors
from ..accounts import account
from ..auth.account import Account
from ..errors import TargetInvalid, TerrascopeError, TransferError
from ..transfer import Action, Control, Item, engine_of
from ..transfer.report import Outcome, Status
from ..values.providers import Provider
from .dask_plugin import this_process

_TELL_EVERY_S = 0.5


@dataclass(frozen=True, repr=False)
class Batch:
    """What one task fetches.

    Attributes
    ----------
    run : str
        Names the download, and the topic of what is told of it.
    number : int
        Of this batch in it.
    actions : tuple of Action
        With absolute paths.
    mark : pathlib.Path
        A file that who shares the folder can see.
    provider : Provider
    home : str
        Names the process of the kernel.
    max_connections : int
    limit_rate : float or None
        Bytes a second.
    """

    run: str
    number: int
    actions: tuple[Action, ...]
    mark: Path
    provider: Provider
    home: str
    max_connections: int = 1
    limit_rate: float | None = None

    def __repr__(self) -> str:
        # an address may hold a signature
        return f"<Batch {self.number}: {len(self.actions)} files>"


@dataclass(frozen=True)
class Ended:
    """What became of a file, by its number in the batch: as an `Outcome`, and small."""

    index: int
    status: Status
    size_bytes: int | None = None
    error: TerrascopeError | None = None
    seconds: float = 0.0

    def packed(self) -> list[object]:
        """Return it as an event can hold it."""
        error = self.error
        told = error and [type(error).__name__, *error.args, error.error, error.status, error.retry_after_s]
        return [self.index, self.status, self.size_bytes, told, self.seconds]

    @classmethod
    def unpacked(cls, told: Sequence[Any]) -> Ended:
        """Read what `packed` returned. It raises whatever comes of anything else."""
        index, status, size_bytes, error, seconds = told
        return cls(index, status, size_bytes, error and _error(*error), seconds)


def _error(
    name: str, what: str, why: str, do: str, code: str | None, status: int | None, retry_after_s: float | None
) -> TerrascopeError:
    kind = getattr(errors, name, None)
    if not (isinstance(kind, type) and issubclass(kind, TerrascopeError)):
        kind = TransferError
    return kind(what, why, do, error=code, status=status, retry_after_s=retry_after_s)


class _Runs:
    """The downloads in which this process has a part, and those that were stopped."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._controls: dict[str, list[Control]] = {}
        self._stopped: set[str] = set()

    @contextmanager
    def part_of(self, run: str) -> Generator[Control]:
        """Yield what stops one batch of a download."""
        control = Control()
        with self._lock:
            self._controls.setdefault(run, []).append(control)
            if run in self._stopped:
                control.stop()
        try:
            yield control
        finally:
            with self._lock:
                self._controls[run].remove(control)
                if not self._controls[run]:
                    del self._controls[run]

    def stop(self, run: str) -> None:
        """Stop all that is under way of a download, and what begins later."""
        with self._lock:
            self._stopped.add(run)
            controls = [*self._controls.get(run, ())]
        for control in controls:
            control.stop()


_runs = _Runs()


def stop(run: str) -> None:
    """Stop what this process does for a download, and what it would begin."""
    _runs.stop(run)


def work(batch: Batch) -> None:
    """Fetch the files of a batch, and tell what became of them; runs on a worker.

    By an event, which is with the kernel before it knows that the task is done: a result would stay with the worker,
    and be gone with it.
    """
    ended = [one.packed() for one in fetch(batch)]
    get_worker().log_event(batch.run, {"batch": batch.number, "ended": ended})


def fetch(batch: Batch) -> list[Ended]:
    """Fetch the files of a batch. What has no outcome was not begun, or stopped.

    After a worker's death a batch is begun anew, and what was fetched by then is not fetched again.
    """
    if not os.path.exists(batch.mark):
        error = _not_shared(batch.mark.parent)
        return [Ended(index, "failed", error=error) for index in range(len(batch.actions))]
    ended: list[Ended] = []
    wanted = {action.item: index for index, action in enumerate(batch.actions)}
    with _runs.part_of(batch.run) as control:
        telling = _Telling(get_worker(), batch, wanted)
        engine = engine_of(_account(batch), max_connections=batch.max_connections, limit_rate=batch.limit_rate)
        with closing(engine.run(batch.actions, telling, control)) as running:
            for outcome in running:
                index = wanted[outcome.item]
                telling.forget(index)
                ended.append(_ended(index, outcome, batch.actions[index]))
    return ended


def _ended(index: int, outcome: Outcome, planned: Action) -> Ended:
    # what was not there when the plan was made was fetched since
    came_since = outcome.status == "skipped" and planned.present_bytes is None
    status: Status = "saved" if came_since else outcome.status
    return Ended(index, status, outcome.size_bytes, outcome.error, outcome.seconds)


def _account(batch: Batch) -> Account:
    # in the kernel's process its own account serves
    return account(batch.provider.name if batch.home == this_process() else batch.provider)


class _Telling:
    """Tells the kernel how far the files of a batch are, now and then; it is the `Progress` of the engine.

    Parameters
    ----------
    worker : distributed.Worker
        By whose events.
    batch : Batch
    numbers : mapping of Item to int
        Of its files.
    """

    def __init__(self, worker: Worker, batch: Batch, numbers: dict[Item, int]) -> None:
        self._worker, self._batch, self._numbers = worker, batch, numbers
        self._bytes: dict[int, Sequence[object]] = {}
        self._waits: dict[int, Sequence[object]] = {}
        self._told_at = time.monotonic()

    def item_started(self, item: Item, there_bytes: int = 0) -> None:
        """See `Progress`."""
        self.advanced(item, there_bytes, None)

    def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None:
        """See `Progress`."""
        self._note(self._bytes, item, done_bytes, size_bytes)

    def waiting(self, item: Item, wait_s: float | None, error: TerrascopeError) -> None:
        """See `Progress`."""
        self._note(self._waits, item, wait_s, error.what)

    def forget(self, index: int) -> None:
        """Tell nothing more of a file: its outcome will."""
        self._bytes.pop(index, None)
        self._waits.pop(index, None)

    def _note(self, notes: dict[int, Sequence[object]], item: Item, *told: object) -> None:
        index = self._numbers[item]
        notes[index] = (index, *told)
        now = time.monotonic()
        if now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            files, waits = [*self._bytes.values()], [*self._waits.values()]
            self._bytes.clear()
            self._waits.clear()
            self._worker.log_event(self._batch.run, {"batch": self._batch.number, "files": files, "waits": waits})


def _not_shared(folder: Path) -> TargetInvalid:
    return TargetInvalid(
        f"The workers do not see the folder {folder} of the notebook.",
        "It is not on a file system that they share with it.",
        "Choose a folder that all of them have, or leave client out.",
    )
