"""The driving of JupyterLab itself: what a cell shows, and that a click reaches the kernel and its answer the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from testbed.browser import STRANGE_HOST, loopback_context
from testbed.lab import Lab, Place
from testbed.scenes import THEMES
from testbed.shared_page import SharedPages

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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


@pytest.mark.usefixtures("browser_context")
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


_LEFT = {
    "a global": ("window.odd = 1", "delete window.odd"),
    "a style": ("document.body.style.zoom = 2", "document.body.style.zoom = ''"),
    "an entry": ("localStorage.odd = 1", "delete localStorage.odd"),
    "a question": (
        "document.body.append(Object.assign(document.createElement('div'), { className: 'jp-Dialog' }))",
        "document.querySelector('.jp-Dialog').remove()",
    ),
}


@pytest.mark.parametrize("place", ["lab", "notebook"])
def test_a_page_serves_the_next_test_only_as_it_was(pages: SharedPages, tmp_path: Path, place: Place) -> None:
    """Nothing is handed on to another test: neither the notebook and its theme, which are cleared away, nor what
    somebody left, which costs the page, as does a test that failed."""
    theme = "document.body.dataset.jpThemeName"

    def served(number: int, leave: str = "0", passed: bool = True) -> Page:
        lab = pages.lab(place, tmp_path.with_name(f"{tmp_path.name}-{number}"))
        notebook = lab.open([f"print({number})"])
        assert notebook.run(0) == str(number)
        assert notebook.panel.count() == 1
        before = notebook.page.evaluate(theme)
        notebook.use_theme(THEMES["contrast"])
        notebook.page.evaluate(leave)
        lab.close(passed=passed)
        assert notebook.page.evaluate(theme) == before
        return notebook.page

    page = served(1)
    lab = pages.lab(place, tmp_path)
    assert lab.open([]).page == page
    for name, (leave, undo) in _LEFT.items():
        page.evaluate(leave)
        assert not lab.shared.is_as_new(), name
        page.evaluate(undo)
        assert lab.shared.is_as_new(), name
    lab.close()
    assert served(3, _LEFT["a global"][0]) == page
    other = served(4, passed=False)
    assert page.is_closed()
    assert served(5) != other


def test_a_shared_page_is_for_one_notebook(pages: SharedPages, tmp_path: Path) -> None:
    """What would reach other tests is refused: the profile, another address, a second tab."""
    lab = pages.lab("lab", tmp_path)
    notebook = lab.open([])
    with pytest.raises(AssertionError, match="browser_context"):
        lab.context.clear_cookies()
    with pytest.raises(AssertionError, match="browser_context"):
        lab.open([], host=STRANGE_HOST)
    with pytest.raises(AssertionError, match="browser_context"):
        lab.view(notebook.path)
    lab.close()


def test_the_status_fits_in_a_narrow_panel(lab: Lab) -> None:
    """A long path in its table is broken, rather than cut or scrolled to."""
    path = f"/home/dora/{'a_long_name_of_a_project/' * 3}token"
    notebook = lab.open(["%load_ext ipyterrascope", "%terrascope status"], environ={"TERRASCOPE_TOKEN_FILE": path})
    notebook.run(0)
    assert path in notebook.run(1)
    output = notebook.output(1).locator(".jp-OutputArea-output")
    output.evaluate("node => { node.style.flex = 'none'; node.style.width = '320px'; }")
    assert output.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
