"""The vault: a live token for everybody, by one renewal, whatever clocks, providers and people do meanwhile."""

from __future__ import annotations

import gc
import json
import math
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ipyterrascope.auth.renewers import ByRefreshToken
from ipyterrascope.auth.vault import Vault
from ipyterrascope.errors import (
    FlowUnavailable,
    LoginRefused,
    LoginRequired,
    ProviderAnswerInvalid,
    ProviderUnreachable,
    TerrascopeError,
)
from ipyterrascope.threads.errand import Errand
from ipyterrascope.threads.forks import renew_in_child
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet
from testbed.leaks import places

THREADS = 8


@dataclass
class World:
    """A provider that rotates refresh tokens, two clocks, and what the vault told."""

    lifetime_s: float = 300.0
    wall: float = 1_700_000_000.0
    monotonic: float = 5000.0
    fails_with: BaseException | None = None
    sent: list[str] = field(default_factory=list)
    renewed: list[TokenSet] = field(default_factory=list)
    ended: list[TerrascopeError] = field(default_factory=list)
    orphaned: list[TokenSet] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()
        self.by_refresh_token = ByRefreshToken(self.renew)
        self.vault = Vault(
            on_renewed=self.renewed.append,
            on_ended=self.ended.append,
            on_orphaned=self.orphaned.append,
            clock=lambda: self.wall,
            monotonic=lambda: self.monotonic,
        )

    def put(self, number: int, **changes: Any) -> None:
        tokens = self.tokens(number, **changes)
        self.vault.release(tokens, self.by_refresh_token if tokens.refresh_token else None)

    def tokens(self, number: int, **changes: Any) -> TokenSet:
        tokens = TokenSet(
            access_token=Secret(f"access-{number}"),
            refresh_token=Secret(f"refresh-{number}"),
            issued_at=self.wall,
            expires_at=self.wall + self.lifetime_s,
            refresh_expires_at=self.wall + 3600,
        )
        return replace(tokens, **changes)

    def renew(self, tokens: TokenSet) -> TokenSet:
        assert tokens.refresh_token is not None
        self.sent.append(tokens.refresh_token.reveal())
        self.asked.set()
        assert self.may_answer.wait(20)
        if self.fails_with is not None:
            raise copy(self.fails_with)
        return self.tokens(len(self.sent))

    def pass_s(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds

    def held(self) -> str:
        return self.vault.token().access_token.reveal()


@pytest.fixture
def world() -> World:
    world = World()
    world.put(0)
    return world


def together(call: Callable[[], object], count: int = THREADS) -> list[object]:
    """Run a call in threads that start at the same moment; return results, or what was raised."""
    barrier = threading.Barrier(count)

    def run() -> object:
        barrier.wait(20)
        try:
            return call()
        except Exception as exc:
            return exc

    with ThreadPoolExecutor(count) as pool:
        return [future.result(30) for future in [pool.submit(run) for _ in range(count)]]


DOWN = ProviderUnreachable("It is down.", "It said 503.", "Wait.", status=503)
DEAD = LoginRefused("It ended the session.", 'It said "Token is not active".', "Sign in again.", error="invalid_grant")


def test_what_goes_wrong_keeps_no_token(world: World) -> None:
    """A trouble is remembered, and its frames, in which the tokens are, are not."""
    refresh_token = world.vault.token().refresh_token
    world.fails_with = DOWN
    world.pass_s(400)
    for _ in range(2):
        with pytest.raises(ProviderUnreachable):
            world.vault.token()
    world.vault.release()
    assert refresh_token is not None
    gone = weakref.ref(refresh_token)
    del refresh_token
    gc.collect()
    assert gone() is None


# Leeway and clocks


@pytest.mark.parametrize(("lifetime_s", "leeway_s"), [(300, 30), (3600, 30), (20, 2), (3, 0.3)])
def test_a_token_is_renewed_from_its_leeway_on(lifetime_s: float, leeway_s: float) -> None:
    """Before the leeway the same token serves; from there on a new one."""
    world = World(lifetime_s=lifetime_s)
    world.put(0)
    world.pass_s(lifetime_s - leeway_s - 0.01)
    assert world.held() == "access-0"
    world.pass_s(0.02)
    assert world.held() == "access-1"
    assert world.sent == ["refresh-0"]


@pytest.mark.parametrize(
    ("passed_s", "min_valid_s", "held"),
    [
        (0, 100, "access-0"),
        (190, 100, "access-0"),
        (201, 100, "access-1"),
        (0, 1000, "access-0"),  # half of its life is the most that can be asked for
        (149, 1000, "access-0"),
        (151, 1000, "access-1"),
        (200, 0, "access-0"),
        (271, 0, "access-1"),  # the leeway is the least
        (200, -5, "access-0"),
    ],
)
def test_who_needs_more_time_asks_for_it(world: World, passed_s: float, min_valid_s: float, held: str) -> None:
    """`min_valid_s` renews earlier, up to half of the token's life."""
    world.pass_s(passed_s)
    assert world.vault.token(min_valid_s).access_token.reveal() == held


def test_a_wall_clock_that_jumps_forward_loses_nothing(world: World) -> None:
    """A jump to tomorrow makes the token look dead: it is renewed, and the session goes on."""
    world.wall += 86400
    assert world.held() == "access-1"
    assert world.held() == "access-1"
    assert world.ended == []
    assert world.vault.session_remaining_s() == 3600


def test_a_wall_clock_that_jumps_backward_does_not_keep_a_dead_token(world: World) -> None:
    """After a jump to yesterday the clock that never jumps tells when the token ends."""
    world.wall -= 86400
    assert world.held() == "access-0"
    world.monotonic += 271
    assert world.held() == "access-1"


def test_an_unknown_end_is_believed_in(world: World) -> None:
    """A token that tells no end serves until somebody refuses it."""
    world.put(0, expires_at=None)
    world.pass_s(1e6)
    assert world.held() == "access-0"
    assert world.vault.refused(Secret("access-0"))
    assert world.held() == "access-1"


@pytest.mark.parametrize("lifetime_s", [0.0, -5.0])
def test_a_token_that_is_dead_on_arrival_is_no_loop(lifetime_s: float) -> None:
    """A provider that renews with dead tokens is asked once a second, each time by the refresh token that it gave last,
    and everybody is told what to check; once it gives live ones, all is well."""
    world = World(lifetime_s=lifetime_s)
    world.put(0)
    for sent in (["refresh-0"], ["refresh-0", "refresh-1"]):
        for result in [*together(world.held), *together(world.held, 2)]:
            assert isinstance(result, ProviderAnswerInvalid)
            assert "ended already" in result.what
            assert "Check the clock" in result.do
        assert not world.vault.refused(Secret(f"access-{len(sent)}"))
        assert world.sent == sent
        world.pass_s(1)
    assert world.ended == []
    world.lifetime_s = 300.0
    assert world.held() == "access-3"


# One renewal


def test_a_live_token_without_a_renewal(world: World) -> None:
    """Who only wants to look gets the token while it is live beyond its leeway, and nothing after that."""
    live = world.vault.live_token()
    assert live is not None
    assert live.access_token.reveal() == "access-0"
    world.pass_s(world.lifetime_s - 1)
    assert world.vault.live_token() is None
    assert world.sent == []
    assert world.held() == "access-1"
    assert world.vault.live_token() is not None
    world.vault.release()
    assert world.vault.live_token() is None


def test_many_threads_make_one_renewal() -> None:
    """Eight threads with a stale token cause exactly one renewal, and all get the new token; twenty times over."""
    for _ in range(20):
        world = World()
        world.put(0)
        world.pass_s(280)
        assert together(world.held) == ["access-1"] * THREADS
        assert world.sent == ["refresh-0"]
        assert len(world.renewed) == 1


def test_many_threads_with_a_refused_token_make_one_renewal() -> None:
    """Eight threads whose token a server refused cause exactly one renewal, and all may try again."""
    for _ in range(20):
        world = World()
        world.put(0)
        world.pass_s(60)
        assert together(lambda world=world: world.vault.refused(Secret("access-0"))) == [True] * THREADS
        assert world.sent == ["refresh-0"]


def test_who_comes_late_waits_for_the_renewal_under_way(world: World) -> None:
    """While a renewal is in the air, others wait for it and do not start one."""
    world.pass_s(280)
    world.may_answer.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(world.held)
        assert world.asked.wait(20)
        second = pool.submit(world.held)
        world.may_answer.set()
        assert (first.result(20), second.result(20)) == ("access-1", "access-1")
    assert world.sent == ["refresh-0"]


def test_a_token_refused_long_ago_is_answered_by_the_present_one(world: World) -> None:
    """Who was refused with an older token than the present one tries again with that; nothing is renewed."""
    assert world.vault.refused(Secret("an older one"))
    assert world.sent == []


@pytest.mark.parametrize(("age_s", "is_renewed"), [(0, False), (9.9, False), (10.1, True)])
def test_a_young_token_that_is_refused_is_not_the_fault(world: World, age_s: float, is_renewed: bool) -> None:
    """A token refused within its first ten seconds is not renewed: a server that refuses all would cause a storm."""
    world.pass_s(age_s)
    assert world.vault.refused(Secret("access-0")) is is_renewed
    assert len(world.sent) == is_renewed


def test_youth_scales_with_life() -> None:
    """Of a token of three seconds, a tenth is its youth."""
    world = World(lifetime_s=3.0)
    world.put(0)
    world.pass_s(0.2)
    assert not world.vault.refused(Secret("access-0"))
    world.pass_s(0.2)
    assert world.vault.refused(Secret("access-0"))


def test_refused_without_a_login() -> None:
    """A refusal when nobody is signed in leads nowhere, and is no error."""
    assert not World().vault.refused(Secret("whatever"))


# Ends


def test_a_dead_refresh_token_is_never_sent_again(world: World) -> None:
    """After `invalid_grant` the session is over for everybody, is told once, and its token is not sent again."""
    world.pass_s(280)
    world.fails_with = DEAD
    results = together(world.held)
    assert all(isinstance(result, LoginRequired) for result in results)
    assert world.sent == ["refresh-0"]
    assert [str(reason) for reason in world.ended] == [
        'It ended the session. It said "Token is not active". Sign in again.'
    ]
    world.put(0, issued_at=world.wall - 290, expires_at=world.wall + 1)
    with pytest.raises(LoginRequired, match="The session is over"):
        world.held()
    assert world.sent == ["refresh-0"]


def test_each_thread_raises_an_error_of_its_own(world: World) -> None:
    """An exception keeps the traceback of who raised it, so threads do not share one, nor the one that is kept."""
    world.pass_s(280)
    world.fails_with = DEAD
    raised = [result for result in together(world.held) if getattr(result, "error", None) == "invalid_grant"]
    assert len({id(error) for error in [*raised, *world.ended]}) == len(raised) + 1
    assert all(error.__traceback__ is None for error in world.ended)


def test_a_refused_token_of_a_dead_session(world: World) -> None:
    """A 401 that leads to a refused renewal says that the session is over."""
    world.pass_s(60)
    world.fails_with = DEAD
    with pytest.raises(LoginRequired, match="ended the session"):
        world.vault.refused(Secret("access-0"))
    assert not world.vault.refused(Secret("access-0"))


def test_a_token_that_cannot_be_renewed(world: World) -> None:
    """Without a refresh token it serves to its very end; then that is told, once."""
    world.put(0, refresh_token=None)
    world.pass_s(299.9)
    assert world.held() == "access-0"
    assert not world.vault.refused(Secret("access-0"))
    world.vault.renew()
    world.pass_s(0.2)
    for _ in range(2):
        with pytest.raises(LoginRequired):
            world.held()
    assert len(world.ended) == 1
    assert world.sent == []


def test_nobody() -> None:
    """Without a login there is no token, and peeking and taking give nothing."""
    vault = World().vault
    with pytest.raises(LoginRequired, match="Nobody is signed in"):
        vault.token()
    assert (vault.peek(), vault.release().newest(0), vault.session_remaining_s()) == (None, None, math.inf)
    vault.renew()


def test_the_end_of_an_idle_session(world: World) -> None:
    """A session is ended for its idleness only when it is over, and told once."""
    reason = LoginRequired("Over.")
    world.pass_s(3599)
    world.vault.end_if_over(reason)
    assert world.ended == []
    world.pass_s(1.1)
    world.vault.end_if_over(reason)
    world.vault.end_if_over(reason)
    assert world.ended == [reason]
    assert world.vault.peek() is None


# Troubles


def test_a_provider_that_is_down_while_the_token_lives(world: World) -> None:
    """The token goes on while it lives; the provider is asked again only every five seconds, also after a 401."""
    world.fails_with = DOWN
    world.pass_s(275)
    for _ in range(50):
        assert world.held() == "access-0"
        assert not world.vault.refused(Secret("access-0"))
    assert len(world.sent) == 1
    world.pass_s(5.1)
    assert world.held() == "access-0"
    assert len(world.sent) == 2
    world.fails_with = None
    world.pass_s(5.1)
    assert world.held() == "access-3"


def test_a_provider_that_is_down_when_the_token_ends(world: World) -> None:
    """Then the trouble is told, as passing, to each thread; when the provider is back, so is the token."""
    world.fails_with = DOWN
    world.pass_s(301)
    results = together(world.held)
    assert all(isinstance(result, ProviderUnreachable) and result.status == 503 for result in results)
    assert len({id(result) for result in results}) == THREADS
    assert world.ended == []
    world.fails_with = None
    world.pass_s(5)
    assert world.held().startswith("access-")


def test_a_provider_in_trouble_is_not_stormed(world: World) -> None:
    """With the token ended and the provider down, it is asked once a second, however often a token is wanted."""
    world.fails_with = DOWN
    world.pass_s(301)
    for _ in range(20):
        with pytest.raises(ProviderUnreachable, match="It is down"):
            world.held()
    assert world.sent == ["refresh-0"]
    world.pass_s(1)
    with pytest.raises(ProviderUnreachable):
        world.held()
    assert world.sent == ["refresh-0", "refresh-0"]


def test_a_provider_that_asks_for_time_gets_it(world: World) -> None:
    """`Retry-After` counts where it is longer than our own pause."""
    world.fails_with = ProviderUnreachable("It is down.", retry_after_s=30.0)
    world.pass_s(301)
    for wait_s in (29.0, 1.0):
        with pytest.raises(ProviderUnreachable):
            world.held()
        assert world.sent == ["refresh-0"]
        world.pass_s(wait_s)
    world.fails_with = None
    assert world.held() == "access-2"


def test_other_refusals_do_not_kill_the_session(world: World) -> None:
    """An error that says nothing about the refresh token leaves it in hand."""
    world.fails_with = FlowUnavailable("Not on offer.", error="invalid_client")
    world.pass_s(301)
    with pytest.raises(FlowUnavailable):
        world.held()
    world.fails_with = None
    world.pass_s(5)
    assert world.held() == "access-2"
    assert world.sent == ["refresh-0", "refresh-0"]


def test_a_fault_of_the_software_reaches_who_waits(world: World) -> None:
    """Whatever the renewal raises, nobody waits for ever."""
    world.fails_with = ZeroDivisionError("a fault")
    world.pass_s(301)
    with pytest.raises(ZeroDivisionError):
        world.held()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("fails_with", [None, DEAD])
def test_a_listener_that_raises_blocks_nobody(fails_with: TerrascopeError | None) -> None:
    """Who is told of a renewal or an end and fails in it does not let the others wait for ever."""

    def listener(_: object) -> None:
        raise ZeroDivisionError("a fault")

    world = World()
    clocks = {"clock": lambda: world.wall, "monotonic": lambda: world.monotonic}
    vault = Vault(on_renewed=listener, on_ended=listener, **clocks)
    vault.release(world.tokens(0, issued_at=world.wall - 2, expires_at=world.wall - 1), world.by_refresh_token)
    world.fails_with = fails_with
    results = together(vault.token, 2)
    assert all(isinstance(result, TokenSet if fails_with is None else LoginRequired) for result in results)


@pytest.mark.parametrize("failure", [RuntimeError("can't start new thread"), KeyboardInterrupt()])
@pytest.mark.parametrize("has_begun", [False, True])
def test_a_thread_that_cannot_start(
    world: World, monkeypatch: pytest.MonkeyPatch, failure: BaseException, has_begun: bool
) -> None:
    """No thread, or Ctrl-C while it starts: no renewal is waited for that never flies, and none flies twice."""
    start = threading.Thread.start

    def broken(self: threading.Thread) -> None:
        if has_begun:
            start(self)
            assert world.asked.wait(20)
        raise failure

    world.pass_s(280)
    world.may_answer.clear()
    monkeypatch.setattr(threading.Thread, "start", broken)
    with pytest.raises(type(failure)):
        world.held()
    monkeypatch.undo()
    world.may_answer.set()
    assert world.held() == "access-1"
    assert world.sent == ["refresh-0"]


# Interrupts, and people who come and go


def test_an_interrupt_of_who_waits_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while a renewal is waited for leaves it flying; its tokens, with rotation the only good ones, are kept."""
    world.pass_s(280)
    world.may_answer.clear()

    def interrupted(self: Errand[object], timeout_s: float | None = None) -> None:
        assert world.asked.wait(20)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Errand, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            world.held()
    world.may_answer.set()
    assert world.held() == "access-1"
    world.pass_s(280)
    assert world.held() == "access-2"
    assert world.sent == ["refresh-0", "refresh-1"]


def test_taking_waits_for_the_renewal_under_way(world: World) -> None:
    """Who takes the tokens while they are renewed gets the newest: only those can be revoked."""
    world.pass_s(280)
    world.may_answer.clear()
    with ThreadPoolExecutor(2) as pool:
        user = pool.submit(world.held)
        assert world.asked.wait(20)
        taken = pool.submit(world.vault.release().newest, 20)
        world.may_answer.set()
        tokens = taken.result(20)
        user.exception(20)
    assert tokens is not None
    assert tokens.refresh_token == Secret("refresh-1")
    assert world.vault.peek() is None


@pytest.mark.parametrize("fails_with", [None, DOWN, DEAD])
def test_taking_does_not_wait_for_ever(world: World, fails_with: TerrascopeError | None) -> None:
    """A renewal is not waited for longer than said; what lives after it is handed over then, and never kept."""
    world.pass_s(280)
    world.fails_with = fails_with
    world.may_answer.clear()
    with ThreadPoolExecutor(1) as pool:
        user = pool.submit(world.held)
        assert world.asked.wait(20)
        with pytest.raises(TimeoutError):
            world.vault.release().newest(0.01)
        world.may_answer.set()
        assert isinstance(user.exception(20), LoginRequired)
    assert world.vault.peek() is None
    assert (world.renewed, world.ended) == ([], [])
    orphans = [tokens.refresh_token for tokens in world.orphaned]
    assert orphans == {None: [Secret("refresh-1")], DOWN: [Secret("refresh-0")], DEAD: []}[fails_with]


def test_what_somebody_took_is_handed_to_nobody_else(world: World) -> None:
    """A renewal that is waited for at the release goes to who waits, and only there."""
    world.pass_s(280)
    world.may_answer.clear()
    with ThreadPoolExecutor(2) as pool:
        user = pool.submit(world.held)
        assert world.asked.wait(20)
        taken = pool.submit(world.vault.release().newest, 20)
        world.may_answer.set()
        assert taken.result(20) is not None
        user.exception(20)
    assert world.orphaned == []


@pytest.mark.parametrize("fails_with", [None, DOWN, DEAD])
def test_a_new_login_during_a_renewal(world: World, fails_with: TerrascopeError | None) -> None:
    """Tokens put in meanwhile are kept, whatever comes of the renewal of the older ones."""
    world.pass_s(280)
    world.fails_with = fails_with
    world.may_answer.clear()
    with ThreadPoolExecutor(1) as pool:
        user = pool.submit(world.held)
        assert world.asked.wait(20)
        world.put(7)
        world.may_answer.set()
        outcome = user.exception(20)
    # who waited for the older one is told of its end, or has the new one
    assert isinstance(outcome, LoginRequired) if fails_with is DEAD else user.result() == "access-7"
    assert world.held() == "access-7"
    assert (world.ended, world.renewed) == ([], [])


def test_renewing_before_the_end(world: World) -> None:
    """An idle session can be renewed while its token lives."""
    world.vault.renew()
    assert world.held() == "access-1"
    assert [tokens.access_token for tokens in world.renewed] == [Secret("access-1")]


def test_no_error_holds_a_token(world: World) -> None:
    """What the vault raises leads to no token in clear."""
    world.pass_s(301)
    for failure in (DOWN, DEAD):
        world.fails_with = failure
        with pytest.raises(TerrascopeError) as caught:
            world.held()
        assert places("access-0", caught.value) == []
        assert places("refresh-0", caught.value, besides=[world.sent]) == []


def test_a_vault_that_nobody_holds_is_gone(world: World) -> None:
    """The watch for forks keeps no vault, and so no token, alive."""
    renew_in_child(world.vault)
    reference = weakref.ref(world.vault)
    del world.vault
    gc.collect()
    assert reference() is None


# Forks

_FORK = """
import json, os, sys, threading, time
from ipyterrascope.threads.forks import renew_in_child
from ipyterrascope.auth.renewers import ByRefreshToken
from ipyterrascope.auth.vault import Vault
from ipyterrascope.errors import LoginRequired
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet

now = [1000.0]
sent = []
asked, may_answer = threading.Event(), threading.Event()

def renew(tokens):
    sent.append(tokens.refresh_token.reveal())
    asked.set()
    may_answer.wait(20)
    return TokenSet(access_token=Secret("access-1"), refresh_token=Secret("refresh-1"), issued_at=now[0],
                    expires_at=now[0] + 300)

vault = Vault(clock=lambda: now[0], monotonic=lambda: now[0])
renew_in_child(vault)
vault.release(TokenSet(access_token=Secret("access-0"), refresh_token=Secret("refresh-0"), issued_at=1000.0,
                       expires_at=1300.0, refresh_expires_at=4600.0), ByRefreshToken(renew))
if sys.argv[1] == "in flight":
    now[0] += 280
    threading.Thread(target=vault.token, daemon=True).start()
    asked.wait(20)
vault._lock.acquire()  # another thread is just inside
reader, writer = os.pipe()
pid = os.fork()
if pid == 0:
    report = {"refresh": repr(vault.peek().refresh_token), "sent": len(sent)}
    report["at once"] = vault.token().access_token.reveal()
    now[0] = 1299.0
    report["to its end"] = vault.token().access_token.reveal()
    report["refused"] = vault.refused(Secret("access-0"))
    now[0] = 1301.0
    try:
        vault.token()
    except LoginRequired as exc:
        report["then"] = exc.what
    report["asked"] = len(sent) - report.pop("sent")
    os.write(writer, json.dumps(report).encode())
    os._exit(0)
vault._lock.release()
may_answer.set()
os.waitpid(pid, 0)
child = json.loads(os.read(reader, 10000))
print(json.dumps({"child": child, "parent": vault.peek().refresh_token is not None}))
"""


@pytest.mark.parametrize("moment", ["at rest", "in flight"])
def test_a_forked_child_uses_the_token_but_never_renews_it(moment: str) -> None:
    """A child of a fork has no refresh token, works until the token ends, then says so, and never blocks."""
    done = subprocess.run([sys.executable, "-c", _FORK, moment], capture_output=True, text=True, timeout=60, check=True)
    report = json.loads(done.stdout)
    assert report["child"] == {
        "refresh": "None",
        "at once": "access-0",
        "to its end": "access-0",
        "refused": False,
        "then": "The token has ended.",
        "asked": 0,
    }
    assert report["parent"]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    for thread in threading.enumerate():
        if thread.name == "renewal":
            thread.join(20)
    assert not [thread for thread in threading.enumerate() if thread.name == "renewal"]
