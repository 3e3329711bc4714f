"""A sandbox for each test that asks for one, a way to wait for other threads, and an end to the timers of a test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend

from ipyterrascope.sandbox import Sandbox
from testbed import waiting


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


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
