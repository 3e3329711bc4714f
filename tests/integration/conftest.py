"""The sandbox, and the place in which each story is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from kernels import FrontEnd, front_end
from places import PASSWORD, Ended, environment_for, run_script

from ipyterrascope.sandbox import Sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox whose device logins may be polled every second."""
    with Sandbox(device_interval_s=1) as running:
        yield running


@pytest.fixture
def script(box: Sandbox, tmp_path: Path) -> Callable[..., Ended]:
    """Run a Python script without a terminal, with the sandbox as Terrascope and further variables."""
    return lambda text, **variables: run_script(text, environment_for(tmp_path, box, **variables), tmp_path)


@pytest.fixture
def credentials() -> dict[str, str]:
    """What signs dora in from the environment."""
    return {"TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": PASSWORD}


@pytest.fixture
def bearer(box: Sandbox) -> str:
    """An access token of the sandbox that somebody else obtained."""
    form = {"grant_type": "password", "client_id": "public", "username": "dora", "password": PASSWORD}
    answer = requests.post(f"{box.issuer}/protocol/openid-connect/token", data=form, timeout=10)
    box.forget_requests()
    return str(answer.json()["access_token"])


@pytest.fixture
def notebook(box: Sandbox, tmp_path: Path) -> Iterator[FrontEnd]:
    """A notebook in front of a person, the extension loaded, with the sandbox as Terrascope."""
    with front_end(environment_for(tmp_path, box), tmp_path) as opened:
        opened.run("%load_ext ipyterrascope")
        yield opened
