"""JupyterLab in Chromium: one server for all tests, kernels of its own for each, and a page that is as new."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipyterrascope.sandbox import Sandbox
from private_jupyter import provider_traits
from testbed import lab as testbed_lab
from testbed.lab import Lab, LabServer
from testbed.shared_page import SharedPages, shared_pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


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


@pytest.fixture(scope="module")
def pages(chromium: Browser, lab_server: LabServer) -> Iterator[SharedPages]:
    with shared_pages(chromium, lab_server) as pages:
        yield pages


@pytest.fixture
def lab(request: pytest.FixtureRequest, lab_server: LabServer, tmp_path: Path) -> Iterator[Lab]:
    """JupyterLab, or Notebook where a test says so, in a browser; pictures of what failed are in `build/failures`.

    The page may have served other tests; a test that does more to it than to work with one notebook asks for
    `browser_context`, and has a fresh page in that.
    """
    place = getattr(request, "param", "lab")
    if "browser_context" in request.fixturenames:
        window = Lab(lab_server, request.getfixturevalue("browser_context"), tmp_path, place)
    else:
        window = request.getfixturevalue("pages").lab(place, tmp_path)
    failed_before = request.session.testsfailed
    yield window
    passed = request.session.testsfailed == failed_before
    try:
        if not passed:
            _take_pictures(window.pages, request.config.rootpath / "build" / "failures", request.node.name)
    finally:
        window.close(passed=passed)


def _take_pictures(pages: Sequence[Page], folder: Path, test: str) -> None:
    name = re.sub(r"[^-\w]+", "-", test)
    for number, page in enumerate(pages):
        page.screenshot(path=folder / f"{name}-{number}.png")
