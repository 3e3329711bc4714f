"""JupyterLab in Chromium: one server for all tests, a fresh browser profile and kernels of its own for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipyterrascope.sandbox import Sandbox
from private_jupyter import provider_traits
from testbed import lab as testbed_lab
from testbed.lab import Lab, LabServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    with testbed_lab.lab_server(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox that is polled each second."""
    with Sandbox(device_interval_s=1) as box:
        yield box


@pytest.fixture
def traits(box: Sandbox) -> Mapping[str, object]:
    """What makes the sandbox a kernel's Terrascope."""
    return provider_traits(box.provider())


@pytest.fixture
def lab(
    request: pytest.FixtureRequest, lab_server: LabServer, browser_context: BrowserContext, tmp_path: Path
) -> Iterator[Lab]:
    """JupyterLab, or Notebook where a test says so, in a browser; pictures of what failed are in `build/failures`."""
    window = Lab(lab_server, browser_context, tmp_path, getattr(request, "param", "lab"))
    failed_before = request.session.testsfailed
    yield window
    try:
        if request.session.testsfailed > failed_before:
            _take_pictures(browser_context, request.config.rootpath / "build" / "failures", request.node.name)
    finally:
        window.close()


def _take_pictures(context: BrowserContext, folder: Path, test: str) -> None:
    name = re.sub(r"[^-\w]+", "-", test)
    for number, page in enumerate(context.pages):
        page.screenshot(path=folder / f"{name}-{number}.png")
