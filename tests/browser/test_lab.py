"""The driving of JupyterLab itself: what a cell shows, and that a click reaches the kernel and its answer the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.browser import loopback_context
from testbed.lab import Lab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BUTTON = """
import ipywidgets

button, label = ipywidgets.Button(description="Press"), ipywidgets.Label("not yet")
button.on_click(lambda _: setattr(label, "value", "pressed"))
ipywidgets.VBox([button, label])
"""


def test_a_cell_and_a_widget_work(lab: Lab) -> None:
    """A cell shows its result, a click on a widget runs Python, and the saved notebook has both."""
    notebook = lab.open(["print(1 + 1)", BUTTON])

    assert notebook.run(0) == "2"
    notebook.run(1)
    notebook.output(1).get_by_role("button", name="Press").click()
    notebook.output(1).get_by_text("pressed").wait_for()

    saved = notebook.save(widget_state=True)
    assert saved["cells"][0]["outputs"][0]["text"] == ["2\n"]
    assert "application/vnd.jupyter.widget-state+json" in saved["metadata"]["widgets"]


def test_a_kernel_is_configured_and_restarted(lab: Lab) -> None:
    """Traits and environment that a test asks for are those of the kernel, also after a restart."""
    cell = "import os; print(get_ipython().config.Terrascope.badge, os.environ['ASKED'])"
    notebook = lab.open([cell], traits={"Terrascope.badge": "SANDBOX"}, environ={"ASKED": "yes"})

    assert notebook.run(0) == "SANDBOX yes"
    notebook.restart_kernel()
    assert notebook.run(0) == "SANDBOX yes"


def test_what_a_message_handler_raises_fails_the_test(lab: Lab) -> None:
    """An exception in a widget's handler, which ipywidgets hides, is told at the end."""
    notebook = lab.open([BUTTON, "button.on_click(lambda _: 1 / 0)"])
    notebook.run(0)
    notebook.run(1)

    notebook.output(0).get_by_role("button", name="Press").click()
    notebook.output(0).get_by_text("pressed").wait_for()

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        lab.close()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("console.error('odd')", "on the console:\nodd"),
        ("setTimeout(() => { throw new Error('odd'); })", "uncaught:\nodd"),
    ],
    ids=["console", "uncaught"],
)
def test_what_goes_wrong_in_a_page_fails_the_test(lab: Lab, script: str, told: str) -> None:
    """An error on the console, and one that nobody caught, is told at the end."""
    page = lab.open([]).page
    page.evaluate(f"() => {{ {script}; }}")
    page.wait_for_timeout(200)
    with pytest.raises(AssertionError, match=told):
        lab.close()
    lab.console_errors.clear()
    lab.page_errors.clear()


@pytest.mark.parametrize(
    "asks",
    [
        "fetch('https://cdn.example.org/x').catch(() => 0)",
        "new Promise((end) => { new WebSocket('wss://cdn.example.org/x').onclose = end; })",
    ],
    ids=["fetch", "socket"],
)
def test_what_a_page_asks_of_the_world_fails_the_test(chromium: Browser, asks: str) -> None:
    """A request to another host than this machine gets no answer, and is told at the end."""
    with (
        pytest.raises(AssertionError, match=r"asked outside loopback: .*cdn\.example\.org"),
        loopback_context(chromium) as context,
    ):
        context.new_page().evaluate(f"async () => {{ await {asks}; }}")


def test_the_status_fits_in_a_narrow_panel(lab: Lab) -> None:
    """A long path in its table is broken, rather than cut or scrolled to."""
    path = f"/home/dora/{'a_long_name_of_a_project/' * 3}token"
    notebook = lab.open(["%load_ext ipyterrascope", "%terrascope status"], environ={"TERRASCOPE_TOKEN_FILE": path})
    notebook.run(0)
    assert path in notebook.run(1)
    output = notebook.output(1).locator(".jp-OutputArea-output")
    output.evaluate("node => { node.style.flex = 'none'; node.style.width = '320px'; }")
    assert output.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
