"""A download by the workers of a cluster, to a file system that they share with the kernel (floor 5).

The plan is made once, by the kernel. It is cut into batches, of which at most one for each worker is under way, so that
all connections together never are more than they may be, whatever workers come and go. What a worker had begun when it
died is begun anew by another one; what it had fetched is not.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from pathlib import Path

from distributed import Client

from ..transfer import Action, Control, Outcome, Progress
from ..transfer.folder import writing_to
from ..values.providers import Provider
from .dask_batch import Batch
from .dask_plugin import for_workers, this_process
from .dask_run import Run


class ClusterEngine:
    """Fetches files by the workers of a cluster. It is an `Engine` of `transfer`.

    Parameters
    ----------
    client : distributed.Client
    provider : Provider
        Whose login the workers use: they are attached for it, or the files need none.
    max_connections : int
        Never more at once, of all workers together.
    limit_rate : float, optional
        Bytes a second, of all workers together.
    monotonic : callable
        Seconds that never go back.
    """

    def __init__(
        self,
        client: Client,
        provider: Provider,
        *,
        max_connections: int = 8,
        limit_rate: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._provider = client, provider
        self._max_connections, self._limit_rate = max_connections, limit_rate
        self._monotonic = monotonic

    def run(
        self, actions: Iterable[Action], progress: Progress, control: Control | None = None
    ) -> Generator[Outcome, None, None]:
        """Fetch them all. See `Engine`."""
        wanted = [*actions]
        if not wanted:
            return
        name = f"terrascope-download-{uuid.uuid4().hex}"
        with _Mark(wanted[0], name) as mark:
            model = Batch(
                run=name,
                number=0,
                actions=(),
                mark=mark,
                provider=for_workers(self._provider),
                home=this_process(),
                max_connections=self._max_connections,
                limit_rate=self._limit_rate,
            )
            run = Run(self._client, model, wanted, progress, control or Control(), self._monotonic)
            try:
                yield from run.outcomes()
            finally:
                run.end()


class _Mark:
    """A file in the target folder of an action, by which workers see that they share it."""

    def __init__(self, action: Action, name: str) -> None:
        self._path = action.folder.absolute() / f".{name}"

    def __enter__(self) -> Path:
        with writing_to(self._path.parent):
            self._path.touch(exist_ok=False)
        return self._path

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._path.unlink()
