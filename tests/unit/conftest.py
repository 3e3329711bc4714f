"""Two servers on loopback: one whose host may see the credential, and one whose host may not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testbed.loopback import Loopback, Reply, loopback


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback(lambda _: Reply(200, b"data")) as running:
        yield running


@pytest.fixture
def foreign() -> Iterator[Loopback]:
    with loopback(lambda _: Reply(200, b"foreign")) as running:
        yield running
