"""Several processes share one stored login at a real Keycloak that rotates refresh tokens and detects their reuse."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.login_store import LoginStore, NothingStoredError
from ipyterrascope.auth.shelves import FileShelf
from ipyterrascope.auth.stored import stored_source
from ipyterrascope.auth.stored_login import key_of
from ipyterrascope.values.secret import Secret
from testbed.keycloak import DORA, Keycloak

# in the first of them Keycloak starts too
pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]

PROCESSES = 4

# Prints a line for each token that it got to see, and for each time that the login was lost; goes on for ever.
WORKER = """
import hashlib, sys, time
import ipyterrascope as ts
from ipyterrascope.errors import LoginError, ProviderError

account, seen = ts.account(), ""
while True:
    try:
        if sys.argv[1] == "at once" and account.is_signed_in:
            account._vault.renew()
            time.sleep(0.01)
        token = account.tokens(min_valid_s=3600).access_token.reveal()
        now = hashlib.sha256(token.encode()).hexdigest()
        if now != seen:
            print("token", now, flush=True)
        seen = now
    except LoginError as exc:
        if account.state.phase == "failed" or seen:
            print("lost", exc, flush=True)
        seen = ""
        while not account.sign_in_silently():
            time.sleep(0.05)
    except ProviderError as exc:
        print("trouble", exc, flush=True)
    time.sleep(0.02)
"""


@dataclass
class Worker:
    """A process, and what it said."""

    process: subprocess.Popen[str]
    said: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            kind, _, rest = line.strip().partition(" ")
            self.said.append((kind, rest))

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.process.kill()
        self.process.wait(20)
        self._reader.join(20)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def count(self, kind: str) -> int:
        """Return how often it said something of a kind."""
        return sum(said == kind for said, _ in self.said)


class Team:
    """The processes that share a login, and the store that they share."""

    def __init__(self, keycloak: Keycloak, folder: Path, pace: str) -> None:
        self.keycloak, self._folder, self._pace = keycloak, folder, pace
        self.provider = keycloak.provider()
        logins, key = folder / "ipyterrascope" / "logins", key_of(self.provider)
        self.store = LoginStore(self.provider, FileShelf(logins, key), logins / f"{key}.lock")
        self.workers: list[Worker] = []
        self.gone: list[Worker] = []

    def sign_in(self) -> Account:
        """Sign in to stay, as a person does once."""
        account = Account(self.provider, store=self.store)
        account.start_password_login(DORA.username, Secret(DORA.password), remember=True)
        assert account.wait(30).remember
        return account

    def start(self) -> Worker:
        """Start one process more."""
        environ = {
            **os.environ,
            "XDG_DATA_HOME": str(self._folder),
            "TERRASCOPE_ISSUER": self.provider.issuer,
            "TERRASCOPE_HOSTS": ",".join(self.provider.hosts),
            "TERRASCOPE_STORE": "file",
        }
        command = [sys.executable, "-c", WORKER, self._pace]
        worker = Worker(subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True))
        self.workers.append(worker)
        return worker

    def kill(self, worker: Worker) -> None:
        """Kill one of them."""
        worker.kill()
        self.workers.remove(worker)
        self.gone.append(worker)

    @property
    def rotations(self) -> int:
        """How many different tokens all of them have seen."""
        return len({rest for worker in (*self.workers, *self.gone) for kind, rest in worker.said if kind == "token"})

    def said(self, kind: str) -> list[str]:
        """Return what all of them said of a kind."""
        return [rest for worker in (*self.workers, *self.gone) for said, rest in worker.said if said == kind]

    def is_stored(self) -> bool:
        """Tell whether a login is stored. What is neither a whole login nor nothing at all raises."""
        try:
            self.store.look()
        except NothingStoredError:
            return False
        return True

    def until(self, is_so: Callable[[], object], patience_s: float = 60.0) -> None:
        """Wait until something is so, and look at the store all the while."""
        deadline = time.monotonic() + patience_s
        while not is_so():
            assert time.monotonic() < deadline, [worker.said[-5:] for worker in self.workers]
            assert all(worker.process.poll() is None for worker in self.workers)
            self.is_stored()
            time.sleep(0.005)


@pytest.fixture
def team(keycloak: Keycloak, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Let processes share a login under settings of the realm."""

    @contextmanager
    def team(pace: str, **realm: Any) -> Iterator[Team]:
        with ExitStack() as stack:
            stack.enter_context(keycloak.realm(revokeRefreshToken=True, **realm))
            team = Team(keycloak, tmp_path, pace)
            team.sign_in()
            try:
                for _ in range(PROCESSES):
                    team.start()
                # each has begun
                team.until(lambda: all(worker.count("token") for worker in team.workers))
                yield team
            finally:
                for worker in [*team.workers]:
                    team.kill(worker)

    return team


def test_processes_share_each_renewal(team: Any, keycloak: Keycloak, full_counts: bool) -> None:
    """Four processes go on with one login from token to token, each renewed once and used by all; none is lost."""
    wanted = 200 if full_counts else 6
    with team("as it ends", refreshTokenMaxReuse=0, accessTokenLifespan=3) as processes:
        processes.until(lambda: processes.rotations > wanted, patience_s=10 * wanted)
        seen = [{rest for kind, rest in worker.said if kind == "token"} for worker in processes.workers]
    assert processes.said("lost") == []
    assert keycloak.events("REFRESH_TOKEN_ERROR") == []
    # everybody uses what anybody renewed: nobody is more than a few tokens behind, and there is no renewal beside
    assert all(len(tokens) >= 0.9 * wanted - 2 for tokens in seen)
    refreshes = len(keycloak.events("REFRESH_TOKEN"))
    print(f"\n{refreshes} refreshes at Keycloak, {processes.rotations} tokens seen by {PROCESSES} processes")
    assert refreshes <= processes.rotations + 2
    # and it is whole to the end
    last = Account(processes.provider, sources=[stored_source(processes.store)], store=processes.store)
    assert last.sign_in_silently()
    assert last.logout() == "Signed out, and the session at Terrascope is ended."
    assert not processes.is_stored()


@pytest.mark.parametrize("reuse", [1, 0])
def test_processes_that_are_killed(team: Any, keycloak: Keycloak, full_counts: bool, reuse: int) -> None:
    """A process is killed at any moment, again and again: where one reuse is forgiven the login is never lost; where
    none is, each process has at most one clear error for a kill. What is stored is never damaged."""
    kills, moments = (50 if full_counts else 3), random.Random(11)
    logins = 1
    with team("at once", refreshTokenMaxReuse=reuse, accessTokenLifespan=60) as processes:
        for _ in range(kills):
            time.sleep(moments.uniform(0, 0.3))
            processes.kill(moments.choice(processes.workers))
            before = processes.rotations
            processes.start()
            newest = processes.workers[-1]

            def goes_on(before: int = before, newest: Worker = newest) -> bool:
                if reuse == 0 and not processes.is_stored():
                    return True
                return processes.rotations > before and newest.count("token") > 0

            processes.until(goes_on)
            if not processes.is_stored():
                processes.sign_in()
                logins += 1
                processes.until(lambda newest=newest: newest.count("token") > 0)
        lost = [worker.count("lost") for worker in (*processes.workers, *processes.gone)]
    words = Counter(processes.said("lost"))
    print(f"\n{kills} kills, {logins - 1} sessions lost, {processes.rotations} rotations, words: {dict(words)}")
    assert max(lost) <= logins - 1 <= kills
    if reuse == 1:
        assert (words, logins) == (Counter(), 1)
        assert keycloak.events("REFRESH_TOKEN_ERROR") == []
    # clear: the provider ended it, or another process was told so before
    assert all("ended the session" in text or "The stored login is gone" in text for text in words)
