"""Each face that the download widget can show, in a real front-end: how a test or a picture gets it there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from testbed.scenes import TESTS, Scene, ask_a_busy_kernel, forget, shut_down

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from testbed.lab import Lab, Notebook


def _list_all(widget: Locator) -> None:
    widget.get_by_role("button", name="All 10,000").click()
    widget.get_by_role("list").evaluate("list => { list.scrollTop = 1190 * 56; }")


def _list_failed(widget: Locator) -> None:
    widget.get_by_role("button", name="Failed 3").click()


def _ask_a_busy_kernel(widget: Locator) -> None:
    ask_a_busy_kernel(widget, "Pause")


DOWNLOAD_SCENES = {
    "download-starting": Scene("starting", "Starting…"),
    "download-running": Scene("running", "1 of 3 files"),
    "download-waiting": Scene("waiting", "Next try in"),
    "download-paused": Scene("paused", "Paused"),
    "download-done": Scene("done", "All files are there."),
    "download-failed": Scene("failed", "A web page came instead"),
    "download-cancelled": Scene("cancelled", "2 cancelled"),
    "download-many": Scene("many", "1,197 of 10,000 files"),
    "download-many-all": Scene("many", "_01199_", _list_all),
    "download-many-failed-so-far": Scene("many", "answered 403", _list_failed),
    "download-many-failed": Scene("many failed", "6,666 failed"),
}

# these need a stage of their own, which they end
DOWNLOAD_ENDINGS = {
    "download-busy": Scene("running", "interrupt the kernel", _ask_a_busy_kernel),
    "download-gone": Scene("running", "earlier session", forget),
    "download-stopped": Scene("running", "has stopped", shut_down),
}


class DownloadTheatre:
    """A notebook whose download widget shows any scene."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook

    def show(self, name: str) -> Locator:
        """Show a scene in a widget of its own, and return that."""
        scene = (DOWNLOAD_SCENES | DOWNLOAD_ENDINGS)[name]
        self.notebook.execute(f"scene = {scene.state!r}")
        self.notebook.run(2)
        widget = self.notebook.download
        self.notebook.panel.locator(".ipyterrascope-download[data-line=live]").wait_for()
        scene.act(widget)
        widget.get_by_text(scene.reads).first.wait_for()
        return widget


@contextmanager
def download_theatre(lab: Lab) -> Iterator[DownloadTheatre]:
    """Open a notebook with a stage for downloads."""
    cells = [
        "%load_ext ipyterrascope",
        "from testbed.download_stage import DownloadStage; stage = DownloadStage()",
        "display(stage.play(scene))",
    ]
    notebook = lab.open(cells, environ={"PYTHONPATH": str(TESTS)})
    for index in range(2):
        notebook.run(index)
    yield DownloadTheatre(notebook)
