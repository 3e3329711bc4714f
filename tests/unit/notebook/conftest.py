"""Fixtures for the tests of widgets: their lines are played, and nothing that a handler raises is swallowed."""

from __future__ import annotations

from collections.abc import Iterator

import comm
import pytest
from wires import Wire


@pytest.fixture(autouse=True)
def _wires(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comm, "create_comm", Wire)


@pytest.fixture(autouse=True)
def _nothing_is_swallowed(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """ipywidgets prints an exception of a message handler and goes on: here it fails the test."""
    yield
    assert "Traceback" not in capfd.readouterr().err
