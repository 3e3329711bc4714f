"""One run of the engine: who is asked what next, and what follows from how it ended (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pycurl

from ...errors import TerrascopeError
from ...protocol.earthdata_answers import Explain
from ...values.authorizer import Authorizer
from ...values.connection import Connection
from .. import answers
from ..failures import broken_off, detached, too_slow
from ..plan import Action
from ..retry import Backoff
from ..rivals import InUse, Overtaken
from .agenda import Agenda
from .aside import Aside
from .faults import bad_address, curl_failure, is_no_connection, is_unreached, redirected, too_many_redirects
from .host import Host
from .job import Job
from .network import Network, spelled
from .pace import Allowance, Gathering
from .plain import AnyRequest, PlainRequest
from .request import Request
from .room import Room
from .signing import Signing
from .switchboard import Call, Switchboard
from .verdicts import AskAgain, Changed, Moved, Passing, Skipped, Unauthorized

_MOST_MOVES = 10
_LOOK_EVERY_S = 0.1
_PROGRESS_BYTES = 256 << 10
"""A try that brought the file so much further is not held against a bad line."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a run keeps to. See `CurlEngine`."""

    login_url: str
    explain: Explain | None
    keeps_cookies: bool
    max_connections: int
    limit_rate: float | None
    backoff: Backoff
    stall_s: float
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    random: Callable[[], float]
    disk_usage: Callable[[Path], tuple[int, int, int]]


class Crew:
    """One run of the engine. `work` runs in its own thread; `cancel` may be called from others.

    Attributes
    ----------
    agenda : Agenda
    """

    def __init__(self, actions: Iterable[Action], authorizer: Authorizer, connection: Connection, rules: Rules) -> None:
        self.agenda = Agenda(actions, rules.max_connections, rules.clock, rules.monotonic)
        self._rules, self._monotonic = rules, rules.monotonic
        self._board = Switchboard(
            Network(connection, keeps_cookies=rules.keeps_cookies), rules.max_connections, rules.limit_rate
        )
        self._is_cancelled = False
        self._signing = Signing(authorizer, self._board.wake, self._not_sent)
        self._checks, self._room = Aside(self._board.wake), Room(rules.disk_usage)
        self._gathering, self._turns, self._requests_ended = Gathering(), 0, 0

    def cancel(self) -> None:
        """End everything and keep what can be resumed."""
        self._is_cancelled = True
        self._board.wake()

    def work(self) -> None:
        """Fetch all of it."""
        try:
            with self._board:
                self._turn_until_done()
        finally:
            # what is read for a checksum is to stay open until then
            self._is_cancelled = True
            self._checks.join()
            self._signing.close()
            self.agenda.close()

    def _turn_until_done(self) -> None:
        now = self._monotonic()
        allowance = Allowance(self._rules.limit_rate, now)
        looks_at = now + _LOOK_EVERY_S
        while not self._is_cancelled:
            now = self._monotonic()
            self._signing.collect()
            self._checks.collect()
            if now >= looks_at:
                self._look(now, now - looks_at)
                looks_at = now + _LOOK_EVERY_S
            most_s = looks_at - now
            if self._is_free:
                self._ask_more(now)
                wait_s = self.agenda.wait_s(now)
                if wait_s == math.inf and not (self._board.is_busy or self._signing or self._checks.is_busy):
                    return
                most_s = min(most_s, wait_s)
            if (rest_s := self._rest_s(allowance, now)) > 0.0:
                self._board.rest(min(rest_s, most_s))
                continue
            self._turns += 1
            for call, code in self._board.turn(most_s):
                self._requests_ended += 1
                self._ended(call, code)
            if self._gathering.pause_s:
                self._board.rest(self._gathering.pause_s)

    def _rest_s(self, allowance: Allowance, now: float) -> float:
        if self._rules.limit_rate is None:
            return 0.0
        for call in self._board.calls():
            if (request := call.in_full()) is not None:
                request.settle()
        return allowance.rest_s(self.agenda.brought_bytes, now)

    @property
    def _is_free(self) -> bool:
        return self._board.free > len(self._signing)

    def _ask_more(self, now: float) -> None:
        while self._is_free and (request := self.agenda.next_request(now)) is not None:
            self._ask(request)

    def _ask(self, request: AnyRequest) -> None:
        self._signing.sign(request, self._send)

    def _send(self, request: AnyRequest, credential: Mapping[str, str]) -> None:
        try:
            self._board.begin(request, credential, self._monotonic())
        except (ValueError, pycurl.error):
            error = bad_address(request.url)
        else:
            return
        self._not_sent(request, error)

    def _not_sent(self, asked: AnyRequest, error: TerrascopeError) -> None:
        request = asked.in_full() if isinstance(asked, PlainRequest) else asked
        if request is None:
            return
        request.job.give_back(request.piece)
        if error.retryable:
            self._retry(request.job, Passing(error))
        else:
            self._fail(request.job, error)

    # ── what follows from how a request ended ──────────────────────────────────────────────────────────────────────

    def _ended(self, call: Call, code: int) -> None:
        if code == 0 and isinstance(call.request, PlainRequest) and (size_bytes := call.request.save()) is not None:
            self.agenda.saved(call.request, size_bytes)
            return
        request = call.in_full()
        if request is None:
            return
        job = request.job
        try:
            self._read(request, code)
        except AskAgain:
            self._ask(Request(job, request.piece, request))
        except Moved as moved:
            self._move(request, moved.location)
        except Unauthorized:
            self._reauthorize(request, call.credential)
        except Skipped:
            job.give_back(request.piece)
            self.agenda.end(job, "skipped", job.action.present_bytes)
        except Passing as passing:
            job.give_back(request.piece)
            self._retry(job, passing)
        except TerrascopeError as error:
            self._refused(request, error)
        else:
            job.give_back(request.piece)
            self._complete_where_all_is_there(job)

    def _read(self, request: Request, code: int) -> None:
        """Raise what an ended request means; it brought its bytes if it raises nothing."""
        job = request.job
        if code:
            request.look_at_head()
            request.settle()
            if request.is_pending:
                request.keep()
                error = curl_failure(code, request.url)
                if request.was_answered and error.retryable:
                    error = broken_off(job.item, job.pieces.done_bytes, job.size_bytes)
                if not error.retryable:
                    raise error
                is_refused = is_no_connection(code) and not request.was_answered and job.host.busy > 0
                unreached = is_unreached(code) and not request.was_answered and request.url == job.url
                raise Passing(error, is_overload=is_refused, is_unreached=unreached)
        request.finish(is_whole=code == 0)

    def _move(self, request: Request, location: str) -> None:
        job = request.job
        try:
            if request.moves >= _MOST_MOVES:
                raise too_many_redirects(request.url)
            job.place = spelled(redirected(request.url, location, self._rules.login_url))
        except TerrascopeError as error:
            job.give_back(request.piece)
            self._fail(job, error)
            return
        following = Request(job, request.piece, request)
        following.moves += 1
        self._ask(following)

    def _reauthorize(self, request: Request, credential: Mapping[str, str]) -> None:
        if request.was_refused:
            self._ask_signed_anew(request, False)
        else:
            self._signing.refused(request, credential, partial(self._ask_signed_anew, request))

    def _ask_signed_anew(self, request: Request, can_help: bool) -> None:
        if not can_help:
            self._refused(request, answers.refusal(401, request.job.item.url, request.url))
            return
        following = Request(request.job, request.piece, request)
        following.was_refused = True
        self._ask(following)

    def _refused(self, request: Request, error: TerrascopeError) -> None:
        job = request.job
        if request.url != job.url and not request.moves and error.status is not None:
            # where it was found before is closed now, as signed addresses are after a while
            job.place = job.url
            self._ask(Request(job, request.piece, request))
            return
        job.give_back(request.piece)
        explained = self._rules.explain(request.final_answer()) if self._rules.explain is not None else None
        self._fail(job, explained or error)

    def _retry(self, job: Job, passing: Passing) -> None:
        """Let a file be asked for again, now or later; end it where that was done often enough."""
        now, backoff, random = self._monotonic(), self._rules.backoff, self._rules.random
        progress = job.pieces.done_bytes - job.furthest
        job.furthest, job.place = max(job.furthest, job.pieces.done_bytes), job.url
        if isinstance(passing, Changed):
            self._end_all_of(job)
            job.restart()
        elif job.validator is None and not job.pieces.under_way:
            job.restart()
        is_asked = passing.asked_s is not None and not backoff.ends(0, passing.asked_s)
        if passing.is_overload and not is_asked and job.host.busy > 0:
            # fewer at once may do: nothing against this file, whatever wait was asked for that nobody keeps
            job.host.pace.overloaded(now, backoff.wait_s(1, None, random))
            return
        if passing.is_unreached:
            self._retry_host(job.host, passing.error, now)
            return
        if job.due > now:
            return  # several of its connections broke at once: that is one failure
        job.tries = 1 if progress >= _PROGRESS_BYTES else job.tries + 1
        if backoff.ends(job.tries, passing.asked_s):
            self._fail(job, passing.error)
            return
        wait_s = backoff.wait_s(job.tries, passing.asked_s, random)
        job.due = now + wait_s
        if passing.is_overload:
            job.host.pace.overloaded(now, wait_s)
        self._tell_wait(job, wait_s, detached(passing.error))

    def _retry_host(self, host: Host, error: TerrascopeError, now: float) -> None:
        """Let a host that was not reached be tried again by one request; give all of its files up if that was often."""
        if host.busy > 0:
            # there are other tries: the last of them counts
            host.pace.unreached(now, 0.0)
            return
        host.tries += 1
        if self._rules.backoff.ends(host.tries, None):
            self.agenda.give_up(host, error)
            for job in tuple(host.jobs):
                self._fail(job, copy(error))
            return
        wait_s = self._rules.backoff.wait_s(host.tries, None, self._rules.random)
        host.pace.unreached(now, wait_s)
        error = detached(error)
        for job in host.jobs:
            self._tell_wait(job, wait_s, error)

    def _tell_wait(self, job: Job, wait_s: float, error: TerrascopeError) -> None:
        item = job.item
        self.agenda.news.append(lambda progress: progress.waiting(item, wait_s, error))

    def _complete_where_all_is_there(self, job: Job) -> None:
        checksum = job.item.checksum
        if not job.pieces.is_complete or job.is_checked:
            return
        if checksum is None or job.partial.is_small:
            self._finish(job)
            return
        job.is_checked = True
        self._checks.begin(lambda: job.partial.has(checksum, self._is_over), partial(self._checked, job))

    def _is_over(self) -> bool:
        return self._is_cancelled

    def _checked(self, job: Job, answer: bool | BaseException) -> None:
        if isinstance(answer, TerrascopeError):
            self._fail(job, answer)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            self._finish(job, answer)

    def _finish(self, job: Job, is_right: bool | None = None) -> None:
        size_bytes = job.pieces.size_bytes or 0
        try:
            job.partial.finish(size_bytes, job.item.checksum, is_right=is_right)
        except TerrascopeError as error:
            self._fail(job, error)
        else:
            self.agenda.end(job, "saved", size_bytes)

    def _fail(self, job: Job, error: TerrascopeError) -> None:
        self._end_all_of(job)
        if isinstance(error, InUse):
            self.agenda.hold(job, error, self._monotonic())
        elif isinstance(error, Overtaken) and error.same_bytes is not None:
            self.agenda.end(job, "skipped", error.same_bytes)
        else:
            self.agenda.end(job, "failed", error=error)

    def _end_all_of(self, job: Job) -> None:
        for call in self._board.calls(job):
            self._board.end(call)
        self._signing.drop(job)

    # ── looking after it ───────────────────────────────────────────────────────────────────────────────────────────

    def _look(self, now: float, late_s: float) -> None:
        """Write what came, end requests on which nothing comes, and see whether more of them make it faster."""
        for call in self._board.calls():
            request = call.in_full()
            if request is None:
                self._board.end(call)
            elif request.settle() and request.is_overtaken:
                self._board.end(call)
                self._complete_where_all_is_there(request.job)
        if (outgrown := self._room.outgrown(self.agenda.hosts)) is not None:
            self._fail(*outgrown)
        for host in self.agenda.hosts:
            host.pace.received(host.brought_bytes, host.busy, now)
        self._gathering.looked(self._turns, self._requests_ended, self.agenda.brought_bytes)
        self._turns = self._requests_ended = 0
        # where this machine slept, nobody was silent
        slept_s = late_s if late_s > 1.0 else 0.0
        for call in self._board.stalled(now, self._rules.stall_s, slept_s):
            self._board.end(call)
            if (request := call.in_full()) is None:
                continue
            if request.is_at_its_end:
                # all came, and the answer does not end
                self._complete_where_all_is_there(request.job)
            else:
                self._retry(request.job, Passing(too_slow(request.url, self._rules.stall_s)))
