"""Fixtures for the tests of transfers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from downloads import Downloads
from faulty import FaultyServer
from waits import Waits


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def one(server: FaultyServer, session: requests.Session, waits: Waits, tmp_path: Path) -> Downloads:
    return Downloads(server, session, waits, tmp_path / "data")
