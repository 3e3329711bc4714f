"""Fixtures for the tests of transfers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from downloads import Downloads, Nobody
from faulty import FaultyServer
from waits import Waits

from ipyterrascope.transfer import CurlEngine


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as running:
        yield running


@pytest.fixture
def nobody() -> Nobody:
    return Nobody()


@pytest.fixture
def engine(nobody: Nobody) -> CurlEngine:
    return CurlEngine(nobody)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def one(server: FaultyServer, nobody: Nobody, waits: Waits, tmp_path: Path) -> Downloads:
    return Downloads(server, nobody, waits, tmp_path / "data")
