"""`notebooks/authentication.ipynb` as a person runs it: three cells, and a click between the first and the second."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from ipyterrascope.sandbox import Sandbox
from private_jupyter import provider_traits
from testbed.lab import Lab

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "authentication.ipynb"


def test_three_cells_are_enough(lab: Lab) -> None:
    """Each of the three code cells works as it stands, and the saved file keeps no token."""
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    login, find, download = (index for index, cell in enumerate(cells) if cell["cell_type"] == "code")
    with Sandbox(device_interval_s=1) as box:
        notebook = lab.open(NOTEBOOK, traits=provider_traits(box.provider()))
        data = notebook.path.parent / "data"
        shutil.rmtree(data, ignore_errors=True)  # of another test: the server is the same
        notebook.run(login)
        notebook.widget.locator("code").wait_for()
        box.approve(box.waiting_codes[-1])
        notebook.widget.get_by_text("Signed in as dora.").first.wait_for()

        assert notebook.run(find).startswith(f"'{box.url}/download/")
        notebook.run(download)
        (saved,) = data.rglob("*.tif")
        assert saved.stat().st_size > 1000
        saved.unlink()

        text = json.dumps(notebook.save(widget_state=True))
        assert not [secret for secret in box.issued if secret in text]
