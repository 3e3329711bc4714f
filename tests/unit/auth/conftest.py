"""A sandbox for each test that asks for one, a way to wait for other threads, and an end to the timers of a test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.accounts import Accounts
from ipyterrascope.configuration import Configuration
from ipyterrascope.sandbox import Sandbox
from testbed import waiting


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A provider whose codes may be asked about often."""
    with Sandbox(device_interval_s=0.05) as running:
        yield running


@pytest.fixture
def account(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account of a kernel that can keep a login; what is left of its sign-in ends with the test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    configuration = Configuration(terrascope=box.provider(), store="file")
    account = Accounts(lambda: configuration, environ={}).account()
    yield account
    account.cancel()


@pytest.fixture
def is_settled() -> Callable[[], bool]:
    """Tell whether no login is being kept or ended any more."""
    return lambda: not {"login", "replaced"} & {thread.name for thread in threading.enumerate()}


@pytest.fixture(autouse=True)
def _no_timer_is_left() -> Iterator[None]:
    """End the watches of accounts that stay signed in."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if isinstance(thread, threading.Timer):
            thread.cancel()
            thread.join(20)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Wait until something is so; fail after twenty seconds."""
    return waiting.until


@pytest.fixture
def use() -> Iterator[Callable[[KeyringBackend], KeyringBackend]]:
    """Let a backend be the system's keyring for this test."""
    before = keyring.core._keyring_backend  # type: ignore[attr-defined]

    def use(backend: KeyringBackend) -> KeyringBackend:
        keyring.set_keyring(backend)
        return backend

    yield use
    keyring.core._keyring_backend = before  # type: ignore[attr-defined]
