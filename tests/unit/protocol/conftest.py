"""A sandbox for each test, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(box: Sandbox) -> OAuthClient:
    return OAuthClient(box.provider())
