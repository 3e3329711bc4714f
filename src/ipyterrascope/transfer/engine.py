"""Fetching: one file at a time over a `requests.Session` that already carries the sign-in (floor 4; RFC 9110).

A file is whole or absent. Its bytes go to ``<name>.part`` beside the target; status, type, first bytes, size and
checksum are checked; then it gets its name at once. What stopped in the middle goes on where it was (`Range` with
`If-Range`) if the server proves that the content is still the same, in this run or a later one; else it starts anew.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from itertools import chain
from typing import NoReturn, Protocol

import requests

from ..errors import ContentInvalid, TerrascopeError
from . import answers, pages
from .failures import NETWORK_ERRORS, broken_off, detached, network_failure, part_unusable, too_slow
from .partial import Partial
from .plan import Action, other_file_there
from .progress import Progress
from .report import Outcome, Status
from .retry import Backoff, GivenUp
from .sources import Item
from .watchdog import Watchdog

CHUNK_BYTES = 256 * 1024
"""Read and written at once: more is no faster, and a broken connection loses up to this much."""

_HEADERS = {"Accept": "application/octet-stream, */*;q=0.5", "Accept-Encoding": "identity"}


class Engine(Protocol):
    """Fetches files. It is given only what is to be fetched, and each target once."""

    def run(self, actions: Iterable[Action], progress: Progress) -> Generator[Outcome, None, None]:
        """Yield an outcome for each action as it ends, in any order; a failure is an outcome and stops nothing.

        Closing the generator, or an exception from `progress`, ends everything and keeps what can be resumed.
        """
        ...


class _Passing(Exception):
    """A try failed in a way that may pass."""

    def __init__(self, error: TerrascopeError, asked_s: float | None) -> None:
        super().__init__()
        self.error, self.asked_s = error, asked_s


class SessionEngine:
    """One file at a time over a session.

    Parameters
    ----------
    session : requests.Session
        Already authorized; what it raises of our own errors becomes that item's failure.
    backoff : Backoff, optional
        How often and after how long to try again.
    timeout_s : tuple of float, optional
        For the connection and for each read, in seconds. By default the session's own `timeout`, else 10 and 60.
    no_progress_s : float, optional
        A try that brings nothing for so many seconds is ended, whatever else comes. By default twice the time-out for
        a read.
    clock, monotonic, wait, random : callable
        POSIX seconds, seconds that never go back, sleep, and a number from 0 to 1.
    """

    def __init__(
        self,
        session: requests.Session,
        *,
        backoff: Backoff | None = None,
        timeout_s: tuple[float, float] | None = None,
        no_progress_s: float | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._session = session
        self._backoff = backoff or Backoff()
        self._timeout_s: tuple[float, float] = timeout_s or getattr(session, "timeout", None) or (10.0, 60.0)
        self._no_progress_s = no_progress_s or 2 * self._timeout_s[1]
        self._clock, self._monotonic, self._wait, self._random = clock, monotonic, wait, random

    def run(self, actions: Iterable[Action], progress: Progress) -> Generator[Outcome, None, None]:
        """Fetch one after the other. See `Engine`."""
        given_up = GivenUp()
        with Watchdog(self._session, self._no_progress_s) as self._watchdog:
            for action in actions:
                error = given_up.error_for(action.item)
                if error is not None:
                    yield Outcome(item=action.item, path=action.path, status="failed", error=error)
                    continue
                progress.item_started(action.item)
                outcome = self._outcome(action, progress)
                given_up.note(action.item, outcome.error)
                yield outcome

    def _outcome(self, action: Action, progress: Progress) -> Outcome:
        began = self._monotonic()
        status: Status = "failed"
        size_bytes, error = None, None
        try:
            status, size_bytes = self._fetch(action, progress)
        except TerrascopeError as problem:
            error = detached(problem)
        seconds = self._monotonic() - began
        return Outcome(
            item=action.item, path=action.path, status=status, size_bytes=size_bytes, error=error, seconds=seconds
        )

    def _fetch(self, action: Action, progress: Progress) -> tuple[Status, int]:
        """Fetch a file with as many tries as it takes."""
        if action.present_bytes and self._size_by_head(action.item) == action.present_bytes:
            return "skipped", action.present_bytes
        with Partial(action.path, action.item.url, overwrite=action.overwrite) as partial:
            tries, furthest = 0, partial.offset
            while True:
                try:
                    return self._try(action, partial, progress)
                except _Passing as passing:
                    error, asked_s = passing.error, passing.asked_s
                # a try that brought the file further is not held against a bad line
                tries = 1 if partial.offset - furthest >= CHUNK_BYTES else tries + 1
                furthest = max(furthest, partial.offset)
                if self._backoff.ends(tries, asked_s):
                    raise error
                wait_s = self._backoff.wait_s(tries, asked_s, self._random)
                progress.waiting(action.item, wait_s, error)
                self._wait(wait_s)

    def _try(self, action: Action, partial: Partial, progress: Progress) -> tuple[Status, int]:
        item, journal, offset = action.item, partial.journal, partial.offset
        headers = dict(_HEADERS)
        if offset and journal and journal.validator:
            headers |= {"Range": f"bytes={offset}-", "If-Range": journal.validator}
        with closing(self._ask("GET", item, headers)) as response:
            self._check_status(response, item, partial)
            chunks = self._chunks(response, item.url)
            first = _first_bytes(chunks) if response.status_code == 200 else b""
            pages.check_page(item.url, response.url, item.name, response.headers, first)
            body = answers.read_body(response.status_code, response.headers, offset, headers.get("If-Range"))
            if body is None or (body.start and journal and journal.size_bytes not in (None, body.size_bytes)):
                if offset:
                    partial.discard()
                raise _Passing(part_unusable(item), 0.0)
            size_bytes = answers.agreed_size(item, response.headers, body)
            if action.present_bytes is not None:
                if size_bytes == action.present_bytes:
                    return "skipped", action.present_bytes
                raise other_file_there(item.name, action.present_bytes, size_bytes)
            if body.start:
                partial.resume()
            else:
                partial.begin(body.validator, size_bytes)
            progress.advanced(item, partial.offset, size_bytes)
            for chunk in chain((first,), chunks):
                partial.write(chunk)
                _check_length(item, partial, size_bytes)
                progress.advanced(item, partial.offset, size_bytes)
        if size_bytes is not None and partial.offset < size_bytes:
            raise _Passing(broken_off(item, partial.offset, size_bytes), None)
        partial.finish(item.checksum)
        return "saved", partial.offset

    def _ask(self, method: str, item: Item, headers: dict[str, str]) -> requests.Response:
        self._watchdog.begin()
        try:
            return self._session.request(
                method, item.url, headers=headers, stream=True, timeout=self._timeout_s, allow_redirects=True
            )
        except TerrascopeError as problem:
            error = problem
        except NETWORK_ERRORS as problem:
            error = self._network_failure(problem, item.url)
        _fail(error)

    def _chunks(self, response: requests.Response, url: str) -> Generator[bytes, None, None]:
        """Read a body as it is on the wire, without decoding anything."""
        stream: Iterator[bytes] = response.raw.stream(CHUNK_BYTES, decode_content=False)
        while True:
            try:
                chunk = next(stream, b"")
            except NETWORK_ERRORS as problem:
                error = self._network_failure(problem, url)
            else:
                if chunk:
                    self._watchdog.feed()
                    yield chunk
                    continue
                if not self._watchdog.barked:
                    return
                # the end that the watchdog made looks like one that the server made
                error = too_slow(url, self._watchdog.limit_s)
            _fail(error)

    def _network_failure(self, problem: Exception, url: str) -> TerrascopeError:
        return too_slow(url, self._watchdog.limit_s) if self._watchdog.barked else network_failure(problem, url)

    def _check_status(self, response: requests.Response, item: Item, partial: Partial) -> None:
        status = response.status_code
        if status in (200, 206):
            return
        if status == 416 and partial.offset:
            partial.discard()
            raise _Passing(part_unusable(item), 0.0)
        asked_s = answers.retry_after_s(response.headers, self._clock())
        _fail(answers.refusal(status, item.url, response.url, asked_s), asked_s)

    def _size_by_head(self, item: Item) -> int | None:
        """Ask for the size alone; None where the answer cannot be relied on, so that GET has to tell."""
        try:
            with closing(self._ask("HEAD", item, _HEADERS)) as response:
                is_data = response.status_code == 200 and not pages.is_web_page(response.headers, b"")
                return answers.content_length(response.headers) if is_data else None
        except _Passing:
            return None


def _fail(error: TerrascopeError, asked_s: float | None = None) -> NoReturn:
    raise _Passing(error, asked_s) if error.retryable else error


def _first_bytes(chunks: Iterator[bytes]) -> bytes:
    """Read as much as it takes to tell a web page from data."""
    first = b""
    for chunk in chunks:
        first += chunk
        if pages.is_telling(first):
            break
    return first


def _check_length(item: Item, partial: Partial, size_bytes: int | None) -> None:
    """Stop at once when more comes than was said: it might have no end."""
    if size_bytes is not None and partial.offset > size_bytes:
        partial.discard()
        raise ContentInvalid(
            f"{item.name} is longer than was said.", f"It should have {size_bytes:,} bytes.", "Look it up again."
        )
