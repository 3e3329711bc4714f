"""What keeps GDAL's token live: how much time is always left, when its thread runs, and how it ends."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from signing import sign_in

from ipyterrascope.auth.account import Account
from ipyterrascope.bridges.gdal_header_file import HeaderFile
from ipyterrascope.bridges.gdal_keeper import Keeper
from ipyterrascope.errors import ConfigurationError, LoginRequired
from ipyterrascope.protocol.claims import session_of
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.secret import Secret
from testbed.waiting import until


def nothing(module: ModuleType) -> None:
    """Reach no library: these tests look at the file alone."""


class Patience:
    """Waits as the keeper does, and remembers for how long it was meant to wait; `hurry` ends the wait at once."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._waits: threading.Event | None = None

    def __call__(self, event: threading.Event, seconds: float) -> None:
        self.asked.append(seconds)
        self._waits = event
        event.wait(seconds)

    def hurry(self) -> None:
        if self._waits is not None:
            self._waits.set()


class Clock:
    """The clock of the day, which a test can let jump."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def patience() -> Patience:
    return Patience()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def long_life(box: Sandbox) -> None:
    """Give tokens out for five minutes, as Terrascope does, and not for three seconds."""
    box.access_token_lifetime_s = 300


@pytest.fixture
def keeper(account: Account, patience: Patience, clock: Clock) -> Iterator[Keeper]:
    made = Keeper(account, HeaderFile(), reach=nothing, wait=patience, clock=clock)
    made.start()
    until(lambda: content(made) != "")
    yield made
    if made.is_on:
        made.close()


def content(keeper: Keeper) -> str:
    return Path(keeper.path).read_text()


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "gdal-headers"]


def test_half_of_its_life_is_always_left(keeper: Keeper, account: Account, box: Sandbox) -> None:
    """Over four renewals the token in the file has a third of its life left whenever it is looked at."""
    least, seen = 3.0, set[str]()
    ends_at = time.monotonic() + 7
    while time.monotonic() < ends_at:
        text = content(keeper)
        seen.add(text)
        tokens = account.tokens()
        if text == f"Authorization: Bearer {tokens.access_token.reveal()}\n" and tokens.expires_at:
            least = min(least, tokens.expires_at - time.time())
        time.sleep(0.01)
    assert len(seen) >= 4
    # half, less what a renewal takes on a busy machine
    assert least > 1
    assert session_of(Secret(seen.pop().split()[-1])) == session_of(account.tokens().access_token)


def test_it_is_the_only_one_who_renews(keeper: Keeper, account: Account, box: Sandbox) -> None:
    """A token that somebody else renewed is in the file at once, and nobody renews twice."""
    before = content(keeper)
    account._vault.renew()  # pyright: ignore[reportPrivateUsage]
    until(lambda: content(keeper) != before)
    assert content(keeper).split()[-1] == account.tokens().access_token.reveal()


@pytest.mark.usefixtures("long_life")
def test_a_minute_is_left_of_a_long_life(keeper: Keeper, account: Account, box: Sandbox, clock: Clock) -> None:
    """Of a token of five minutes 75 seconds are left when it is renewed, so that a minute is when that is done."""
    renewals = len(box.requests_to("/token"))
    # the account's clock stands by it; the keeper only looks sooner
    clock.ahead_s = 220
    assert keeper.refresh() <= 5.01
    assert len(box.requests_to("/token")) == renewals
    held = account._vault._held  # pyright: ignore[reportPrivateUsage]
    assert held is not None
    held._since -= 226  # pyright: ignore[reportPrivateUsage]
    keeper.refresh()
    assert len(box.requests_to("/token")) == renewals + 1


@pytest.mark.usefixtures("long_life")
def test_after_a_gap_it_is_mended_within_seconds(keeper: Keeper, account: Account, patience: Patience) -> None:
    """A laptop that slept for an hour: the next look, five seconds away at most, finds out by the clock of the day."""
    before = content(keeper)
    assert max(patience.asked) <= 5
    held = account._vault._held  # pyright: ignore[reportPrivateUsage]
    assert held is not None
    held.tokens = replace(held.tokens, issued_at=time.time() - 3600, expires_at=time.time() - 3300)
    patience.hurry()
    until(lambda: content(keeper) not in ("", before))


def test_the_thread_lives_only_with_a_login(keeper: Keeper, account: Account) -> None:
    """It ends at a logout, comes again with the next login, and ends when it is switched off."""
    assert len(threads()) == 1
    account.logout()
    until(lambda: not threads())
    assert content(keeper) == ""
    sign_in(account)
    until(lambda: content(keeper) != "")
    assert len(threads()) == 1
    keeper.stop()
    until(lambda: not threads())
    assert content(keeper) == ""
    keeper.start()
    until(lambda: content(keeper) != "")


def test_switched_on_before_anybody_signed_in(box: Sandbox) -> None:
    """Without a login there is no thread and an empty file; the login brings both to life."""
    account = Account(box.provider())
    keeper = Keeper(account, HeaderFile(), reach=nothing)
    keeper.start()
    assert not threads()
    assert content(keeper) == ""
    with pytest.raises(LoginRequired):
        keeper.refresh()
    sign_in(account)
    until(lambda: content(keeper) != "")
    keeper.close()
    assert not os.path.exists(keeper.path)
    until(lambda: not threads())
    account.logout()


def test_a_basic_login_is_kept_too(box: Sandbox) -> None:
    """User name and password are in the file as RFC 7617 has it, and are gone after the logout."""
    account = Account(box.provider(methods=("basic",)))
    sign_in(account, "basic")
    keeper = Keeper(account, HeaderFile(), reach=nothing)
    keeper.start()
    until(lambda: content(keeper) == "Authorization: Basic ZG9yYTpzM2NyZXQtUGE1NQ==\n")
    assert keeper.ends_at is None
    account.logout()
    until(lambda: content(keeper) == "")
    keeper.close()


def test_a_session_that_is_over_empties_the_file(keeper: Keeper, account: Account, box: Sandbox) -> None:
    """When the provider ends the session, the next renewal finds out; the token is gone and so is the thread."""
    box.revoke_all()
    until(lambda: account.state.phase == "failed")
    until(lambda: content(keeper) == "" and not threads())
    assert len([record for record in box.requests_to("/token") if record.status == 400]) == 1


def test_a_provider_in_trouble_is_asked_again(keeper: Keeper, account: Account, box: Sandbox) -> None:
    """A renewal that is answered by 503 is repeated until it works, and meanwhile what lives stays in the file."""
    before = content(keeper)
    box.timeline.token(steps.status(503))
    until(lambda: content(keeper) != before)
    assert account.is_signed_in
    assert content(keeper).split()[-1] == account.tokens().access_token.reveal()


def test_the_child_of_a_fork_reads_on_and_empties_nothing(keeper: Keeper) -> None:
    """A child has no thread of ours, sees what the parent renews, and its end leaves the parent's file alone."""
    here, there = os.pipe()
    before = content(keeper)
    pid = os.fork()
    if pid == 0:  # pragma: no cover - another process
        try:
            ends_at = time.monotonic() + 20
            while content(keeper) in ("", before) and time.monotonic() < ends_at:
                time.sleep(0.01)
            is_fresh = content(keeper) not in ("", before)
            keeper.close()
            os.write(there, b"fresh" if is_fresh and not threads() and keeper.is_inherited else b"stale")
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(here, 10) == b"fresh"
    assert content(keeper) != ""
    os.close(here)
    os.close(there)


def test_two_hundred_ask_and_one_renews(keeper: Keeper, box: Sandbox) -> None:
    """However many call for a fresh token at once, the provider is asked once."""
    time.sleep(0.5)
    before = len(box.requests_to("/token"))
    ready = threading.Barrier(50)
    failed: list[BaseException] = []

    def ask() -> None:
        ready.wait()
        try:
            keeper.refresh()
        except BaseException as exc:
            failed.append(exc)

    asking = [threading.Thread(target=ask) for _ in range(50)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert not failed
    assert len(box.requests_to("/token")) <= before + 1


def test_a_provider_without_hosts_is_refused(box: Sandbox) -> None:
    """Where no host may see the token there is nothing to serve, and that is said."""
    with pytest.raises(ConfigurationError, match="no host that may see a token"):
        Keeper(Account(box.provider(hosts=frozenset())), HeaderFile(), reach=nothing)


def test_nothing_of_it_shows_the_token(keeper: Keeper, account: Account, holds: Callable[..., list[str]]) -> None:
    """No attribute and no thread of the keeper holds the token as text."""
    token = account.tokens().access_token.reveal()
    assert holds(token, keeper, *threads(), besides=[account]) == []
    assert token not in repr(vars(keeper))
