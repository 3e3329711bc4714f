"""The main story as a user lives it: the quickstart in JupyterLab, with a real Keycloak behind the login."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed.files import ProtectedFiles
from testbed.keycloak import DORA, Keycloak
from testbed.lab import Lab, Notebook

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"


@pytest.fixture
def traits(keycloak: Keycloak, keycloak_files: ProtectedFiles) -> Mapping[str, object]:
    """What an administrator would configure: this Keycloak, and a catalogue of one item beside its protected files."""
    product = "/download/Sentinel2/TOC_V2/S2C_20260807T104621_31TCN_TOC_V220/S2C_20260807T104621_31TCN_TOC"
    urls = [keycloak_files.add(f"{product}-{band}_10M_V220.tif", band.encode() * 1000) for band in ("B02", "B03")]
    assets = {url[-16:-13]: {"href": url, "roles": ["data"], "file:size": 3000} for url in urls}
    items = {"features": [{"id": "S2C_20260807T104621_31TCN_TOC_V220", "assets": assets}]}
    keycloak_files.add("/stac/collections/terrascope-s2-toc-v2/items?limit=1", json.dumps(items).encode())
    return {
        "Terrascope.issuer": keycloak.issuer,
        "Terrascope.client_id": "public",
        "Terrascope.hosts": ["127.0.0.1"],
        "Terrascope.stac_url": f"{keycloak_files.base_url}/stac",
        "Terrascope.label": "Terrascope",
    }


def cell_of(notebook: Notebook, text: str) -> int:
    """Return the index of the first code cell whose text begins so."""
    cells = json.loads(notebook.path.read_text())["cells"]
    return next(
        index
        for index, cell in enumerate(cells)
        if cell["cell_type"] == "code" and "".join(cell["source"]).startswith(text)
    )


def run(notebook: Notebook, text: str) -> str:
    return notebook.run(cell_of(notebook, text))


def look_around_and_log_out(notebook: Notebook, files: ProtectedFiles) -> None:
    assert "signed in as dora" in run(notebook, "%terrascope status")
    assert "S2C_20260807T104621_31TCN_TOC_V220" in run(notebook, "import ipyterrascope")
    assert "B02_10M_V220.tif" in run(notebook, "data = ")
    data = notebook.path.parent / "data"
    shutil.rmtree(data, ignore_errors=True)  # of another test: the server is the same
    run(notebook, "%download")
    saved = data / "S2C_20260807T104621_31TCN_TOC-B02_10M_V220.tif"
    assert saved.read_bytes() == b"B02" * 1000
    # none was refused; a file of which the length is not known is asked for in parts
    assert {status for _, status in files.answered} | {206} == {200, 206}

    assert "the session at Terrascope is ended" in run(notebook, "%terrascope logout")
    notebook.widget.get_by_role("button", name="Sign in with Terrascope").wait_for()
    saved.unlink()


def test_quickstart_by_device_code(
    lab: Lab,
    browser_context: BrowserContext,
    keycloak: Keycloak,
    keycloak_files: ProtectedFiles,
    traits: Mapping[str, object],
) -> None:
    """The code is approved on Keycloak's own page in a second tab; then all cells of the quickstart work."""
    notebook = lab.open(QUICKSTART, traits=traits)
    run(notebook, "%load_ext")
    run(notebook, "%terrascope login")
    link = notebook.widget.get_by_role("link", name="Copy code & open Terrascope")
    url = link.get_attribute("href")
    assert url is not None

    keycloak.answer_device_login(browser_context, url, DORA)

    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()
    look_around_and_log_out(notebook, keycloak_files)
    assert keycloak.sessions(DORA) == 0 or keycloak.events("REVOKE_GRANT")


def test_quickstart_by_password(
    lab: Lab, keycloak: Keycloak, keycloak_files: ProtectedFiles, traits: Mapping[str, object]
) -> None:
    """The form's Enter signs in; then all cells of the quickstart work, and the password is nowhere in the file."""
    notebook = lab.open(QUICKSTART, traits=traits)
    run(notebook, "%load_ext")
    run(notebook, "%terrascope login")
    notebook.widget.get_by_role("button", name="Use a password").click()
    notebook.widget.get_by_label("User name").fill(DORA.username)
    notebook.widget.get_by_label("Password", exact=True).fill(DORA.password)
    notebook.widget.get_by_label("Password", exact=True).press("Enter")

    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()
    look_around_and_log_out(notebook, keycloak_files)
    assert keycloak.sessions(DORA) == 0
    assert DORA.password not in json.dumps(notebook.save(widget_state=True))
