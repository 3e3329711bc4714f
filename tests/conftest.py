"""Fixtures and settings for all tests. A server or a browser is started by the first test that asks for it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

    from ipyterrascope.sandbox import Sandbox
    from testbed.files import ProtectedFiles
    from testbed.keycloak import Keycloak
    from testbed.openeo import FakeBackend

# The demonstration and the tests start their servers by the same modules.
sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

# Before 3.12 an interpreter can stop dead where one thread looks at the frames of the others (python/cpython#106883),
# as Dask's profiler does a hundred times a second.
if sys.version_info < (3, 12):
    os.environ["DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"] = "False"

# `make soak` asks for the profile `soak`. No deadline: the machine may be busy with other tests.
settings.register_profile("default", max_examples=60, deadline=None)
settings.register_profile("soak", max_examples=3000, deadline=None)
settings.load_profile("default")


# these wait for servers, kernels and pages that are real
_MAY_BE_LATE = ("browser", "conformance", "integration")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See that `make soak` has what has full counts, and give the first test of Keycloak the time for its start.

    Beside other tests (`-n`), one that waited in vain for a real server or page is run once more; pytest counts it as
    "rerun" and says which it was.
    """
    from testbed.scheduling import KEYCLOAK, scope_of

    is_beside_others = "PYTEST_XDIST_WORKER" in os.environ
    for item in items:
        if is_beside_others and item.path.relative_to(Path(__file__).parent).parts[0] in _MAY_BE_LATE:
            item.add_marker(pytest.mark.flaky(reruns=1))
        fixtures = getattr(item, "fixturenames", ())
        if "full_counts" in fixtures and item.get_closest_marker("soak") is None:
            raise pytest.UsageError(f"{item.nodeid} is not marked soak")
        if "keycloak_server" in fixtures:
            if scope_of(item.nodeid) != KEYCLOAK:
                raise pytest.UsageError(f"{item.nodeid} would start a Keycloak of its own")
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(600))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let a test that is run once more have its time anew: pytest-timeout counts one time for both, and once only."""
    if getattr(item, "execution_count", 1) > 1:
        import pytest_timeout

        settings = pytest_timeout._get_item_settings(item)
        item.config.hook.pytest_timeout_set_timer(item=item, settings=settings)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """With `-n 2`, let tests that share what takes long to start stay on one worker."""
    from testbed.scheduling import BySharedServer

    return BySharedServer(config, log)


@pytest.fixture(autouse=True, scope="session")
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run all tests without the developer's own login, Hub and proxy, and without what was at an address before."""
    from testbed.ports import never_give_a_port_twice

    with pytest.MonkeyPatch.context() as patch:
        never_give_a_port_twice(patch)
        for name in os.environ:
            if name.startswith(("TERRASCOPE_", "JUPYTERHUB_")):
                patch.delenv(name)
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "127.0.0.1,localhost,::1")
        # where logins are kept
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def full_counts() -> bool:
    """Tell whether a test of random or repeated trouble shall run at its full count (`make soak`)."""
    return settings.get_current_profile_name() == "soak"


@pytest.fixture(scope="session")
def keycloak_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    from testbed.keycloak import keycloak

    with keycloak(tmp_path_factory.mktemp("keycloak") / "home") as server:
        yield server


@pytest.fixture
def keycloak(keycloak_server: Keycloak) -> Keycloak:
    """A real Keycloak with a realm like Terrascope's, without a session and an event of earlier tests."""
    keycloak_server.reset()
    return keycloak_server


@pytest.fixture
def backend(box: Sandbox) -> Iterator[FakeBackend]:
    """A back-end of openEO that sends people to the sandbox, and has a client there for everybody."""
    from testbed.openeo import fake_backend

    with fake_backend() as running:
        running.offer(box.issuer)
        yield running


@pytest.fixture
def keycloak_files(keycloak: Keycloak) -> Iterator[ProtectedFiles]:
    """A file service that gives files only to who shows Keycloak's bearer."""
    from testbed.files import protected_files

    with protected_files(keycloak.issuer) as service:
        yield service


# Not for the whole session: while Playwright runs, its event loop counts as running in the main thread, and
# `asyncio.run` in any later test would fail.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from testbed.browser import chromium

    with chromium() as browser:
        yield browser


@pytest.fixture
def browser_context(chromium: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile that reaches nothing but loopback; the test fails when one of its pages tried."""
    from testbed.browser import loopback_context

    with loopback_context(chromium) as context:
        yield context
