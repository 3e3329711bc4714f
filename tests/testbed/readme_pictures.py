"""Take the README's pictures of what it says: `PYTHONPATH=tests:tools .venv/bin/python -m testbed.readme_pictures`."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbclient import NotebookClient

from ipyterrascope.sandbox import Sandbox
from private_jupyter import provider_traits
from testbed.browser import chromium, loopback_context
from testbed.download_scenes import download_theatre
from testbed.lab import Lab, lab_server
from testbed.scenes import theatre

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect

    from testbed.lab import Notebook

_ROOT = Path(__file__).parents[2]
_NOTEBOOKS = _ROOT / "notebooks"
_NOTEBOOK = _NOTEBOOKS / "authentication.ipynb"
_DRAWING = ("cog_xarray", "dask")
_IMAGES = _ROOT / "docs" / "images"
_SCALE = 1.25
_WIDE, _HIGH = 1100, 1600


def main() -> None:
    """Write the pictures that follow from the code: a code, the notebook that authenticates, a download, drawings."""
    with tempfile.TemporaryDirectory() as name, chromium() as browser, Sandbox(device_interval_s=1) as box:
        (Path(name) / "lab").mkdir()
        with loopback_context(browser, scale=_SCALE) as context, lab_server(Path(name) / "lab") as server:
            lab = Lab(server, context, Path(name))
            with theatre(lab) as stage:
                stage.show("code").screenshot(path=_IMAGES / "login.png")
            _authentication(lab, box)
            with download_theatre(lab) as stage:
                stage.show("download-many").screenshot(path=_IMAGES / "download.png")
            lab.server.end_kernels()
        for drawing in _DRAWING:
            _drawn(drawing, box, Path(name))


def _authentication(lab: Lab, box: Sandbox) -> None:
    kinds = [cell["cell_type"] for cell in json.loads(_NOTEBOOK.read_text())["cells"]]
    login, find, download = (index for index, kind in enumerate(kinds) if kind == "code")
    notebook = lab.open(_NOTEBOOK, traits=provider_traits(box.provider()))
    notebook.page.set_viewport_size({"width": _WIDE, "height": _HIGH})
    notebook.page.evaluate("async () => { await jupyterapp.commands.execute('application:toggle-left-area'); }")
    notebook.run(login)
    notebook.widget.locator("code").wait_for()
    box.approve(box.waiting_codes[-1])
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()
    notebook.run(find)
    notebook.run(download)
    notebook.download.get_by_text("1 saved").first.wait_for()
    notebook.page.screenshot(path=_IMAGES / "authentication.png", clip=_between(notebook, login, download))


def _drawn(name: str, box: Sandbox, folder: Path) -> None:
    """Run a notebook to its end, and keep what it draws."""
    document = nbformat.read(_NOTEBOOKS / f"{name}.ipynb", 4)
    environ = {
        **os.environ,
        "TERRASCOPE_ISSUER": box.issuer,
        "TERRASCOPE_HOSTS": f"127.0.0.1:{box.port}",
        "TERRASCOPE_STAC_URL": box.stac_url,
        "TERRASCOPE_USERNAME": "dora",
        "TERRASCOPE_PASSWORD": "s3cret-Pa55",
    }
    NotebookClient(document, timeout=120, resources={"metadata": {"path": str(folder)}}).execute(env=environ)
    outputs = [output for cell in document.cells for output in cell.get("outputs", ())]
    (drawn,) = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    (_IMAGES / f"{name}.png").write_bytes(base64.b64decode(drawn))


def _between(notebook: Notebook, first: int, last: int) -> FloatRect:
    """Return where some cells stand on the page."""
    # the cell that was run last has a frame and buttons
    notebook.page.evaluate("() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 0; }")
    notebook.cell(first).evaluate("cell => cell.scrollIntoView()")
    top, end = (notebook.cell(index).bounding_box() for index in (first, last))
    assert top is not None
    assert end is not None
    return {"x": top["x"], "y": top["y"], "width": top["width"], "height": end["y"] + end["height"] - top["y"]}


if __name__ == "__main__":
    main()
