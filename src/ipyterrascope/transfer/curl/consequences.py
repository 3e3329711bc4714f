"""What follows from how a request ended: another one, a wait, a saved file, or an error (floor 4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from functools import partial

from ...errors import TerrascopeError
from .. import answers
from ..failures import broken_off, detached
from ..plan import other_file_there
from ..rivals import InUse, Overtaken
from .agenda import Agenda
from .aside import Aside
from .faults import curl_failure, is_no_connection, is_unknown_name, is_unreached, redirected, too_many_redirects
from .host import Host
from .job import Job
from .network import spelled
from .plain import AnyRequest, PlainRequest
from .request import Request
from .rules import Rules
from .signing import Signing
from .switchboard import Call, Switchboard
from .verdicts import AskAgain, Changed, Moved, Passing, Skipped, Unauthorized

_MOST_MOVES = 10
_NAME_TRIES = 4
"""So often, within some seconds, a name is looked up from which nothing came yet: a laptop may just change networks."""
_PROGRESS_BYTES = 256 << 10
"""A try that brought the file so much further is not held against a bad line."""


class Consequences:
    """What follows from how the requests of one run end.

    Parameters
    ----------
    agenda : Agenda
    board : Switchboard
    signing : Signing
    checks : Aside
        Where large files are looked at.
    rules : Rules
    ask : callable
        Sends a request in the place of one that ended.
    is_over : callable
        Tells whether the run was cancelled.
    """

    def __init__(
        self,
        agenda: Agenda,
        board: Switchboard,
        signing: Signing,
        checks: Aside,
        rules: Rules,
        ask: Callable[[AnyRequest], object],
        is_over: Callable[[], bool],
    ) -> None:
        self._agenda, self._board, self._signing, self._checks = agenda, board, signing, checks
        self._rules, self._monotonic = rules, rules.monotonic
        self._ask, self._is_over = ask, is_over

    def not_sent(self, asked: AnyRequest, error: TerrascopeError) -> None:
        """Say why a request could not be sent."""
        request = asked.in_full() if isinstance(asked, PlainRequest) else asked
        if request is None:
            return
        request.job.give_back(request.piece)
        if error.retryable:
            self.retry(request.job, Passing(error))
        else:
            self.fail(request.job, error)

    def ended(self, call: Call, code: int) -> None:
        """Say by which of libcurl's codes a request ended."""
        if code == 0 and isinstance(call.request, PlainRequest) and (size_bytes := call.request.save()) is not None:
            self._agenda.saved(call.request, size_bytes)
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
            self._agenda.end(job, "skipped", job.action.present_bytes)
        except Passing as passing:
            job.give_back(request.piece)
            self.retry(job, passing)
        except TerrascopeError as error:
            self._refused(request, error)
        else:
            job.give_back(request.piece)
            self.complete_where_all_is_there(job)

    def _read(self, request: Request, code: int) -> None:
        """Raise what an ended request means; it brought its bytes if it raises nothing."""
        job = request.job
        if code:
            request.look_at_head()
            request.settle()
            if request.is_pending:
                request.keep()
                error = curl_failure(code, request.url, request.line and request.line.proxy)
                if request.was_answered and error.retryable:
                    error = broken_off(job.item, job.pieces.done_bytes, job.size_bytes)
                if not error.retryable:
                    raise error
                is_refused = is_no_connection(code) and not request.was_answered and job.host.busy > 0
                unreached = is_unreached(code) and not request.was_answered and request.url == job.url
                unknown = is_unknown_name(code)
                raise Passing(error, is_overload=is_refused, is_unreached=unreached, is_unknown_name=unknown)
        request.finish(is_whole=code == 0)

    def _move(self, request: Request, location: str) -> None:
        job = request.job
        if request.line is not None and request.line.has_changed_hands:
            # where it leads may be good for the former person alone, and let us in as that one
            job.place = job.url
            self._ask(Request(job, request.piece))
            return
        try:
            if request.moves >= _MOST_MOVES:
                raise too_many_redirects(request.url)
            job.place = spelled(redirected(request.url, location, self._rules.login_url))
        except TerrascopeError as error:
            job.give_back(request.piece)
            self.fail(job, error)
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
        self.fail(job, explained or error)

    def retry(self, job: Job, passing: Passing) -> None:
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
            self._retry_host(job.host, passing, now)
            return
        if job.due > now:
            return  # several of its connections broke at once: that is one failure
        job.tries = 1 if progress >= _PROGRESS_BYTES else job.tries + 1
        if backoff.ends(job.tries, passing.asked_s):
            self.fail(job, passing.error)
            return
        wait_s = backoff.wait_s(job.tries, passing.asked_s, random)
        job.due = now + wait_s
        if passing.is_overload:
            job.host.pace.overloaded(now, wait_s)
        self._tell_wait(job, wait_s, detached(passing.error))

    def _retry_host(self, host: Host, passing: Passing, now: float) -> None:
        """Let a host that was not reached be tried again by one request; give all of its files up if that was often."""
        if host.busy > 0:
            # there are other tries: the last of them counts
            host.pace.unreached(now, 0.0)
            return
        host.tries += 1
        error = detached(passing.error)
        is_misspelt = passing.is_unknown_name and not host.brought_bytes and host.tries >= _NAME_TRIES
        if is_misspelt or self._rules.backoff.ends(host.tries, None):
            self._agenda.give_up(host, error)
            for job in tuple(host.jobs):
                self.fail(job, copy(error))
            return
        wait_s = self._rules.backoff.wait_s(host.tries, None, self._rules.random)
        host.pace.unreached(now, wait_s)
        for job in host.jobs:
            self._tell_wait(job, wait_s, error)

    def _tell_wait(self, job: Job, wait_s: float, error: TerrascopeError) -> None:
        item = job.item
        self._agenda.news.append(lambda progress: progress.waiting(item, wait_s, error))

    def complete_where_all_is_there(self, job: Job) -> None:
        """Give a file its name where all of it came, after a look at its checksum, and at what bears the name."""
        if not job.pieces.is_complete or job.is_finishing:
            return
        job.is_finishing = True
        finish = partial(job.partial.finish, job.pieces.size_bytes or 0, job.item.checksum, self._is_over)
        then = partial(self._finished, job)
        if not job.partial.is_quickly_finished(job.item.checksum):
            self._checks.begin(finish, then)
            return
        try:
            finish()
        except TerrascopeError as error:
            then(error)
        else:
            then(None)

    def _finished(self, job: Job, answer: BaseException | None) -> None:
        size_bytes, there_bytes = job.pieces.size_bytes or 0, job.action.present_bytes
        if isinstance(answer, Overtaken) and answer.same_bytes is None and there_bytes is not None:
            # nobody came meanwhile: it was there before
            answer = other_file_there(job.item.name, there_bytes, size_bytes)
        if isinstance(answer, TerrascopeError):
            self.fail(job, answer)
        elif answer is not None:
            raise answer
        else:
            self._agenda.end(job, "saved", size_bytes)

    def fail(self, job: Job, error: TerrascopeError) -> None:
        """End a file by an error, or let it wait where another download has it."""
        self._end_all_of(job)
        if isinstance(error, InUse):
            self._agenda.hold(job, error, self._monotonic())
        elif isinstance(error, Overtaken) and error.same_bytes is not None:
            self._agenda.end(job, "skipped", error.same_bytes)
        else:
            self._agenda.end(job, "failed", error=error)

    def _end_all_of(self, job: Job) -> None:
        for call in self._board.calls(job):
            self._board.end(call)
        self._signing.drop(job)
