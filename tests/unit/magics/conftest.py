"""An IPython shell of its own for each test, with the extension loaded, and a sandbox as Terrascope."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from ipyterrascope import api, configuration
from ipyterrascope.auth.account import Account
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.secret import Secret


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def shell(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell that works in `tmp_path`, where nobody can be asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "headless")
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.ipython_dir = str(tmp_path / "ipython")
    config.Terrascope.issuer = box.issuer
    config.Terrascope.hosts = {f"127.0.0.1:{box.port}"}
    shell = InteractiveShell(config=config)
    shell.extension_manager.load_extension("ipyterrascope")
    yield shell
    shell.extension_manager.unload_extension("ipyterrascope")
    configuration.configure(None)


@pytest.fixture
def account(shell: InteractiveShell) -> Iterator[Account]:
    """Terrascope's account, signed in as dora."""
    found = api.account()
    found.start_password_login("dora", Secret("s3cret-Pa55"))
    assert found.wait(30).phase == "signed_in"
    yield found
    found.logout()
