"""One run of the engine: the loop in which requests are sent, served and looked after (floor 4)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import pycurl

from ...errors import TerrascopeError
from ...values.authorizer import Authorizer
from ...values.connection import Connection
from ..failures import too_slow
from ..plan import Action
from .agenda import Agenda
from .aside import Aside
from .consequences import Consequences
from .faults import bad_address
from .network import Network
from .pace import Allowance, Gathering
from .plain import AnyRequest, PlainRequest
from .room import Room
from .rules import Rules
from .signing import Signing
from .switchboard import Switchboard
from .verdicts import Passing

_LOOK_EVERY_S = 0.1


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
            Network(connection, cookies_of=rules.cookies_of), rules.max_connections, rules.limit_rate
        )
        self._is_cancelled = False
        self._signing = Signing(authorizer, self._board.wake, self._not_sent)
        self._checks, self._room = Aside(self._board.wake), Room(rules.disk_usage)
        self._following = Consequences(
            self.agenda, self._board, self._signing, self._checks, rules, self._ask, lambda: self._is_cancelled
        )
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
                self._following.ended(call, code)
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

    def _not_sent(self, request: AnyRequest, error: TerrascopeError) -> None:
        self._following.not_sent(request, error)

    def _look(self, now: float, late_s: float) -> None:
        """Write what came, end requests on which nothing comes, and see whether more of them make it faster."""
        for call in self._board.calls():
            if isinstance(call.request, PlainRequest) and now - call.request.began_at < _LOOK_EVERY_S:
                continue  # most of these end before the next look
            request = call.in_full()
            if request is None:
                self._board.end(call)
            elif request.settle() and request.is_overtaken:
                self._board.end(call)
                self._following.complete_where_all_is_there(request.job)
        if (outgrown := self._room.outgrown(self.agenda.hosts)) is not None:
            self._following.fail(*outgrown)
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
                self._following.complete_where_all_is_there(request.job)
            else:
                self._following.retry(request.job, Passing(too_slow(request.url, self._rules.stall_s)))
