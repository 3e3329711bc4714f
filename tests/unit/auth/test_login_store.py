"""Whose turn it is to change what is stored: one process at a time, and none for ever."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ipyterrascope.auth.login_store import LoginStore, NothingStoredError
from ipyterrascope.auth.shelves import FileShelf
from ipyterrascope.auth.stored_login import StoredLogin, StoreTroubleError
from ipyterrascope.errors import ProviderUnreachable
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet

Until = Callable[[Callable[[], object]], None]
HOLDER = """
import sys, time
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def tokens(number: int) -> TokenSet:
    return TokenSet(access_token=Secret(f"access-{number}"), refresh_token=Secret(f"refresh-{number}"), issued_at=1.0)


def made(folder: Path, wait_s: float = 20) -> LoginStore:
    return LoginStore(TERRASCOPE, FileShelf(folder, "key"), folder / "key.lock", lock_wait_s=wait_s)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "logins"


@pytest.fixture
def store(folder: Path) -> LoginStore:
    return made(folder)


def test_keeping_looking_taking(store: LoginStore, folder: Path) -> None:
    """What was kept is looked at as often as one likes, and is gone once it was taken."""
    with pytest.raises(NothingStoredError):
        store.look()
    fresh, before = store.keep(tokens(1), "dora")
    assert (store.look(), before) == (fresh, None)
    assert (fresh.user, fresh.hosts, fresh.tokens) == ("dora", TERRASCOPE.hosts, tokens(1))
    again, before = store.keep(tokens(2), "dora")
    assert before == fresh
    assert again.login_id != fresh.login_id
    assert store.take(1, only=fresh.login_id) is None
    assert store.take(1, only=again.login_id) == again
    assert store.take(1) is None
    assert [path.name for path in folder.iterdir() if path.suffix == ".login"] == []


def test_what_is_being_ended_serves_nobody(store: LoginStore) -> None:
    """While the provider is asked, and after a kill in the middle of that, nobody finds it, and it can be ended."""

    def killed(login: StoredLogin) -> None:
        with pytest.raises(NothingStoredError, match="signed out"):
            store.look()
        raise KeyboardInterrupt

    fresh, _ = store.keep(tokens(1), "dora")
    with pytest.raises(KeyboardInterrupt):
        store.take(20, first=killed)
    with pytest.raises(NothingStoredError):
        store.look()
    taken = store.take(20)
    assert taken is not None
    assert (taken.login_id, taken.tokens) == (fresh.login_id, fresh.tokens)
    assert store.take(20) is None


def test_what_takes_the_place_of_one_that_is_being_ended(store: LoginStore) -> None:
    """It is told of, so that it is ended at the provider then."""
    store.keep(tokens(1), "dora")
    with pytest.raises(KeyboardInterrupt):
        store.take(20, first=lambda _: _interrupt())
    fresh, before = store.keep(tokens(2), "dora")
    assert before is not None
    assert (before.tokens, store.look()) == (tokens(1), fresh)


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_looking_for_nothing_makes_no_folder(store: LoginStore, folder: Path) -> None:
    """Who never kept a login finds no folder of it afterwards, nor does a logout make one."""
    with pytest.raises(NothingStoredError):
        store.look()
    assert store.take(1) is None
    assert not folder.exists()


def test_what_cannot_be_read_makes_way(store: LoginStore, folder: Path) -> None:
    """A damaged login is told, replaced by the next one, and removed by a logout."""
    store.keep(tokens(1), "dora")
    (folder / "key.login").write_text("damaged")
    with pytest.raises(StoreTroubleError, match="damaged"):
        store.look()
    assert store.keep(tokens(2), "dora")[1] is None
    assert store.look().tokens == tokens(2)
    (folder / "key.login").write_text("damaged")
    assert store.take(1) is None
    with pytest.raises(NothingStoredError):
        store.look()


def test_a_killed_process_leaves_nothing_that_is_not_found(store: LoginStore, folder: Path) -> None:
    """What it wrote, and had no time to put in its place, is what the next turn finds, and what a logout removes."""
    fresh, _ = store.keep(tokens(1), "dora")
    (folder / "key.login").rename(folder / "key.new")
    with store.turn():
        assert store.look() == fresh
    (folder / "key.login").rename(folder / "key.new")
    assert store.take(1) == fresh
    assert [path.name for path in folder.iterdir() if path.suffix in (".login", ".new")] == []


def test_threads_take_turns(store: LoginStore) -> None:
    """Two threads of one process are never both at it."""
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(10):
            with store.turn():
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (most, inside) == (1, 0)


def test_a_process_that_is_killed_lets_go(store: LoginStore, folder: Path) -> None:
    """While another process has its turn we wait, and say so after a while; its end, however it comes, is enough."""
    store.keep(tokens(1), "dora")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder / "key.lock")], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    impatient = made(folder, wait_s=0.1)
    with pytest.raises(ProviderUnreachable, match="Another kernel is renewing") as caught, impatient.turn():
        raise AssertionError("it had its turn")
    assert caught.value.retryable
    with pytest.raises(ProviderUnreachable):
        store.take(0.1)
    assert store.look().tokens == tokens(1)  # reading needs no turn
    holder.send_signal(signal.SIGKILL)
    holder.wait(20)
    with store.turn():
        pass
    holder.stdout.close()


def test_the_lock_file_is_private_too(store: LoginStore, folder: Path) -> None:
    """Nobody else can open it, and so nobody can hold up our turns."""
    store.keep(tokens(1), "dora")
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_folder_that_is_open_to_others(store: LoginStore, folder: Path) -> None:
    """There is no turn in a folder that others can look into; what is stored there is not used up."""
    folder.mkdir(parents=True, mode=0o755)
    with pytest.raises(StoreTroubleError, match="Others can read or change it"), store.turn():
        raise AssertionError("it had its turn")


def test_an_error_during_the_turn_ends_it(store: LoginStore) -> None:
    """What goes wrong inside leaves nobody waiting."""
    with pytest.raises(ZeroDivisionError), store.turn():
        raise ZeroDivisionError
    with store.turn():
        pass
