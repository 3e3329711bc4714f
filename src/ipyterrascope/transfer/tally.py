"""How far a download is, whatever order the news of it come in (floor 4). Pure.

Each piece of news and each look takes the same time for three files and for a hundred thousand.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import TerrascopeError
from .report import UNFETCHED, Outcome
from .sources import Item
from .states import DownloadState, FileState, Phase, Which

_NO_WAIT = "", math.inf


class Speed:
    """Bytes a second over the last few seconds.

    Parameters
    ----------
    window_s : float
        How many.
    """

    _LEAST_S = 0.5
    _EVERY_S = 0.1

    def __init__(self, window_s: float = 5.0) -> None:
        self._window_s = window_s
        self._samples: deque[tuple[float, int]] = deque()

    def begin(self, now: float, fetched_bytes: int) -> None:
        """Forget what was before."""
        self._samples.clear()
        self._samples.append((now, fetched_bytes))

    def rate(self, now: float, fetched_bytes: int) -> float:
        """Return the speed, when so many bytes came until now; 0 while it is too early to tell."""
        samples = self._samples
        if not samples or now - samples[-1][0] >= self._EVERY_S:
            samples.append((now, fetched_bytes))
        while len(samples) > 1 and now - samples[1][0] >= self._window_s:
            samples.popleft()
        elapsed = now - samples[0][0]
        return (fetched_bytes - samples[0][1]) / elapsed if elapsed >= self._LEAST_S else 0.0


class Tally:
    """Counts what becomes of the files of one download; it is the `Progress` of the engine. From any thread.

    Parameters
    ----------
    paths : mapping of Item to pathlib.Path
        The files, each once and in their order, and where they go.
    folder : pathlib.Path
        What these paths have in common.
    monotonic : callable
        Seconds that never go back.
    """

    def __init__(
        self, paths: Mapping[Item, Path], folder: Path, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._paths, self._folder, self._monotonic = tuple(paths.values()), folder, monotonic
        # files go by their numbers: to find an item by its fields takes ten times as long
        self._numbers = {item: number for number, item in enumerate(paths)}
        self._lock = threading.Lock()
        self._outcomes: dict[int, Outcome] = {}
        self._kept_bytes = 0
        self._failed: list[int] = []
        self._files_done = 0
        # what is there of files that have not ended, and what the active ones wait for, and until when
        self._parts: dict[int, int] = {}
        self._active: dict[int, tuple[str, float]] = {}
        self._sizes = {number: item.size_bytes for item, number in self._numbers.items() if item.size_bytes is not None}
        self._known_bytes = sum(self._sizes.values())
        self._open_unsized = len(self._paths) - len(self._sizes)
        self._settled_bytes = self._lost_bytes = self._fetched_bytes = 0
        self._speed = Speed()
        self._seconds = 0.0
        self._since: float | None = None

    # ── what the engine tells ──────────────────────────────────────────────────────────────────────────────────────

    def item_started(self, item: Item, there_bytes: int = 0) -> None:
        """See `Progress`."""
        with self._lock:
            if (number := self._number_of_open(item)) is not None:
                self._active[number] = _NO_WAIT
                self._parts[number] = self._within(number, there_bytes)

    def advanced(self, item: Item, done_bytes: int, size_bytes: int | None) -> None:
        """See `Progress`."""
        with self._lock:
            if (number := self._number_of_open(item)) is None:
                return
            if size_bytes is not None:
                self._learn(number, size_bytes)
            done_bytes = self._within(number, done_bytes)
            more_bytes = done_bytes - self._parts.get(number, 0)
            self._fetched_bytes += max(0, more_bytes)
            self._parts[number] = done_bytes
            if number not in self._active or more_bytes > 0:
                self._active[number] = _NO_WAIT

    def waiting(self, item: Item, wait_s: float | None, error: TerrascopeError) -> None:
        """See `Progress`."""
        with self._lock:
            if (number := self._number_of_open(item)) is not None:
                self._active[number] = error.what, math.inf if wait_s is None else self._monotonic() + wait_s

    # ── what the download tells ────────────────────────────────────────────────────────────────────────────────────

    def item_done(self, outcome: Outcome) -> None:
        """Say what became of a file."""
        with self._lock:
            if (number := self._number_of_open(outcome.item)) is None:
                return
            self._active.pop(number, None)
            part_bytes = self._parts.pop(number, 0)
            self._outcomes[number] = outcome
            if outcome.status in UNFETCHED:
                self._lose(number)
                if outcome.status == "failed":
                    self._failed.append(number)
                return
            size_bytes = self._sizes.get(number, part_bytes) if outcome.size_bytes is None else outcome.size_bytes
            self._learn(number, size_bytes)
            self._files_done += 1
            self._settled_bytes += size_bytes
            if outcome.status == "saved":
                self._fetched_bytes += max(0, size_bytes - part_bytes)

    def kept(self, kept_bytes: Mapping[Item, int]) -> None:
        """Say how much there is of files that are not fetched, once nothing is under way."""
        with self._lock:
            for item, there_bytes in kept_bytes.items():
                number = self._numbers[item]
                outcome = self._outcomes.get(number)
                if outcome is None:
                    self._parts[number] = self._within(number, there_bytes)
                elif outcome.status in UNFETCHED:
                    self._outcomes[number] = replace(outcome, kept_bytes=there_bytes)
                    self._kept_bytes += there_bytes - outcome.kept_bytes

    def begin(self) -> None:
        """Say that it goes on from now."""
        with self._lock:
            self._since = self._monotonic()
            self._speed.begin(self._since, self._fetched_bytes)

    def rest(self) -> None:
        """Say that nothing is under way any more, for now or for good."""
        with self._lock:
            self._seconds, self._since = self._elapsed(), None
            self._active.clear()

    def reopen(self) -> None:
        """Say that what was not fetched is to be fetched after all."""
        with self._lock:
            for number, outcome in list(self._outcomes.items()):
                if outcome.status in UNFETCHED:
                    del self._outcomes[number]
                    self._parts[number] = self._within(number, outcome.kept_bytes)
                    self._lose(number, -1)
            self._failed.clear()
            self._kept_bytes = 0

    # ── what is told ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def seconds(self) -> float:
        """How long it ran, without pauses."""
        with self._lock:
            return self._elapsed()

    @property
    def outcomes(self) -> dict[Item, Outcome]:
        """What became of the files that have ended."""
        with self._lock:
            ended = tuple(self._outcomes.values())
        return {outcome.item: outcome for outcome in ended}

    def state(self, phase: Phase) -> DownloadState:
        """Return how it stands."""
        with self._lock:
            bytes_done = self._settled_bytes + self._kept_bytes + sum(self._parts.values())
            all_known = len(self._sizes) == len(self._paths)
            rate = 0.0
            # of what waits for a server or another download nobody knows how long it takes
            waits = bool(self._active) and _NO_WAIT not in self._active.values()
            if phase == "running" and self._since is not None and not waits:
                rate = self._speed.rate(self._monotonic(), self._fetched_bytes)
            return DownloadState(
                phase=phase,
                files_done=self._files_done,
                files_failed=len(self._failed),
                files_total=len(self._paths),
                bytes_done=bytes_done,
                bytes_total=self._known_bytes if all_known else None,
                bytes_per_s=rate,
                eta_s=self._eta_s(bytes_done, rate),
                fraction=self._fraction(bytes_done if all_known else None),
                active=tuple(map(self._file, self._active)),
            )

    def files(self, which: Which, start: int, stop: int) -> list[FileState]:
        """Return how far some of the files are: of all in their order, or of those that are active, or that failed."""
        with self._lock:
            chosen: Mapping[Which, Sequence[int]] = {
                "all": range(len(self._paths)),
                "active": tuple(self._active),
                "failed": self._failed,
            }
            return [self._file(number) for number in chosen[which][max(0, start) : max(0, stop)]]

    def _file(self, number: int) -> FileState:
        name = self._paths[number].relative_to(self._folder).as_posix()
        size_bytes, outcome = self._sizes.get(number), self._outcomes.get(number)
        if outcome is not None:
            error = outcome.error
            return FileState(
                name=name,
                status=outcome.status,
                bytes_done=outcome.kept_bytes if outcome.status in UNFETCHED else size_bytes or 0,
                bytes_total=size_bytes,
                note=error.what if error else outcome.note if outcome.status not in UNFETCHED else "",
                advice=error.do if error else "",
            )
        return FileState(
            name=name,
            status="active" if number in self._active else "waiting",
            bytes_done=self._parts.get(number, 0),
            bytes_total=size_bytes,
            note=self._waits_for(number),
        )

    def _waits_for(self, number: int) -> str:
        note, until = self._active.get(number, _NO_WAIT)
        return note if until == math.inf else f"{note} Next try in {max(0.0, until - self._monotonic()):.0f} s."

    def _eta_s(self, bytes_done: int, rate: float) -> float | None:
        if rate < 1.0 or not (self._sizes or not self._open_unsized):
            return None
        mean_bytes = self._known_bytes / len(self._sizes) if self._sizes else 0.0
        left_bytes = self._known_bytes - self._lost_bytes - bytes_done + self._open_unsized * mean_bytes
        return max(0.0, left_bytes / rate)

    def _fraction(self, bytes_done: int | None) -> float:
        if bytes_done is not None and self._known_bytes:
            return bytes_done / self._known_bytes
        parts = (done / self._sizes[number] for number, done in self._parts.items() if self._sizes.get(number))
        return (self._files_done + sum(parts)) / len(self._paths) if self._paths else 1.0

    def _number_of_open(self, item: Item) -> int | None:
        number = self._numbers.get(item)
        return None if number in self._outcomes else number

    def _learn(self, number: int, size_bytes: int) -> None:
        known = self._sizes.get(number)
        if known == size_bytes:
            return
        if known is None:
            self._open_unsized -= 1
        self._known_bytes += size_bytes - (known or 0)
        self._sizes[number] = size_bytes

    def _lose(self, number: int, times: int = 1) -> None:
        if number in self._sizes:
            self._lost_bytes += times * self._sizes[number]
        else:
            self._open_unsized -= times

    def _within(self, number: int, done_bytes: int) -> int:
        return max(0, min(done_bytes, self._sizes.get(number, done_bytes)))

    def _elapsed(self) -> float:
        return self._seconds + (0.0 if self._since is None else self._monotonic() - self._since)
