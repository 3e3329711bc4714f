"""The widget tells the truth about its kernel: busy, stopped, restarted, replaced, or one that has no subshells."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipyterrascope.sandbox import Sandbox
from testbed.ipykernel6 import ipykernel6
from testbed.lab import Lab, Notebook, busy_until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, WebSocketRoute

pytestmark = pytest.mark.parametrize("lab", ["lab", "notebook"], indirect=True)

CELLS = [
    "%load_ext ipyterrascope",
    "%terrascope login",
    "import ipykernel, os; print(os.getpid(), ipykernel.__version__)",
]
STOPPED = "The kernel has stopped, or was restarted."
EARLIER = "This login belongs to an earlier session."


def opened(lab: Lab, traits: Mapping[str, object], environ: Mapping[str, str] | None = None, *more: str) -> Notebook:
    """Open a notebook whose widget is on screen, with a code that waits."""
    notebook = lab.open([*CELLS, *more], traits=traits, environ=environ)
    notebook.run(0)
    notebook.run(1)
    notebook.widget.get_by_text(re.compile("^[A-Z]{4}-[A-Z]{4}$")).wait_for()
    return notebook


def assert_stopped(notebook: Notebook, *texts: str, within_ms: float = 30_000) -> None:
    alert = notebook.widget.get_by_role("alert")
    alert.get_by_text(re.compile("|".join(map(re.escape, texts or (STOPPED,))))).wait_for(timeout=within_ms)
    assert "Run the" in alert.inner_text()
    assert notebook.widget.locator("code").count() == 0
    assert notebook.widget.get_by_role("button").count() == 0


def test_a_kernel_that_is_shut_down_is_said_to_have_stopped(lab: Lab, traits: Mapping[str, object]) -> None:
    """ "Shut down" in the menu ends the count-down at once; the cells bring a login back."""
    notebook = opened(lab, traits)
    notebook.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")
    # sooner than the view would ask by itself
    assert_stopped(notebook, within_ms=8000)


def test_a_kernel_that_dies_is_said_to_have_stopped(lab: Lab, traits: Mapping[str, object]) -> None:
    """Jupyter starts a killed kernel anew, which knows nothing of the login: the widget says so, unasked."""
    notebook = opened(lab, traits)
    os.kill(int(notebook.run(2).split()[0]), signal.SIGKILL)
    assert_stopped(notebook)


@pytest.mark.usefixtures("browser_context")
def test_a_kernel_that_somebody_else_ends_is_said_to_have_stopped(lab: Lab, traits: Mapping[str, object]) -> None:
    """Ended elsewhere, by the culler or another tab, the code that waits is not pretended to for long."""
    notebook = opened(lab, traits)
    lab.server.end_kernels()
    assert_stopped(notebook, STOPPED, EARLIER)
    lab.console_errors.clear()  # of JupyterLab, on the kernel that it still looks for


@pytest.mark.usefixtures("browser_context")
def test_a_notebook_that_is_reopened_does_not_pretend(lab: Lab, traits: Mapping[str, object], box: Sandbox) -> None:
    """A saved widget in front of a new kernel says "Run the cell again" after five seconds, and that works."""
    notebook = opened(lab, traits)
    notebook.save(widget_state=True)
    notebook.page.close()
    lab.server.end_kernels()

    again = lab.reopen(notebook)

    assert_stopped(again, EARLIER, STOPPED)
    again.run(0)
    again.run(1)
    again.widget.get_by_text(box.waiting_codes[-1]).wait_for()


@pytest.mark.usefixtures("browser_context")
def test_a_notebook_that_kept_no_widget_says_what_to_do(lab: Lab, traits: Mapping[str, object], box: Sandbox) -> None:
    """Jupyter, which by default saves no widgets, only says that one is missing; our sentence stands there then, and
    not beside a login that is alive."""
    notebook = opened(lab, traits)
    says = "No Terrascope login to be seen here?"
    assert not notebook.output(1).get_by_text(says).is_visible()
    assert notebook.output(1).get_by_text(says).count() == 1
    notebook.save()
    notebook.page.close()
    lab.server.end_kernels()

    again = lab.view(notebook.path)

    again.output(1).get_by_text(says).wait_for()
    again.run(0)
    again.run(1)
    again.widget.get_by_text(box.waiting_codes[-1]).wait_for()
    assert not again.output(1).get_by_text(says).is_visible()
    lab.console_errors.clear()  # of JupyterLab, on the widget that it misses


@pytest.mark.usefixtures("browser_context")
def test_a_page_that_is_loaded_while_a_cell_runs(lab: Lab, traits: Mapping[str, object], tmp_path: Path) -> None:
    """Jupyter brings no widget back before the cell has ended: a sentence says to wait, and then the login is there."""
    notebook = opened(lab, traits, None, busy_until(tmp_path / "enough"))
    notebook.run(3, wait=False)
    notebook.output(3).get_by_text("busy").wait_for()
    notebook.save()
    notebook.page.reload()
    waits = notebook.output(1).get_by_text("While a cell runs, wait for its end.")
    waits.wait_for()
    notebook.page.wait_for_timeout(3000)
    assert waits.is_visible()
    (tmp_path / "enough").touch()
    notebook.widget.get_by_role("link", name="Copy code").wait_for()
    assert not waits.is_visible()


def test_a_kernel_without_subshells_signs_in_too(lab: Lab, traits: Mapping[str, object], box: Sandbox) -> None:
    """The main story with ipykernel 6: code, approval, log out, and the form."""
    notebook = opened(lab, traits, ipykernel6())
    assert notebook.run(2).split()[1].startswith("6.")
    box.approve(box.waiting_codes[-1])
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()
    notebook.widget.get_by_role("button", name="Log out").click()
    notebook.widget.get_by_role("button", name="Use a password").click()
    notebook.widget.get_by_label("User name").fill("boots")
    notebook.widget.get_by_label("Password", exact=True).fill(box.users["boots"])
    notebook.widget.get_by_label("Password", exact=True).press("Enter")
    notebook.widget.get_by_text("Signed in as boots.").first.wait_for()


def test_a_kernel_without_subshells_is_waited_for(
    lab: Lab, traits: Mapping[str, object], box: Sandbox, tmp_path: Path
) -> None:
    """While a cell runs, ipykernel 6 hears no click: the widget says so after two seconds, does it afterwards, and an
    approval signs in meanwhile all the same."""
    notebook = opened(lab, traits, ipykernel6(), busy_until(tmp_path / "enough"))
    notebook.run(3, wait=False)
    notebook.output(3).get_by_text("busy").wait_for()
    notebook.widget.get_by_role("button", name="New code").click()
    notebook.widget.get_by_text("Waiting for the running cell…").first.wait_for(timeout=5000)
    box.approve(box.waiting_codes[0])
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()
    (tmp_path / "enough").touch()
    notebook.wait_for(3)
    # the click came too late, and says so instead of throwing the login away
    notebook.widget.get_by_role("alert").get_by_text("Nothing was done.").wait_for()
    assert notebook.widget.get_by_role("button", name="Log out").is_visible()


def test_a_widget_shown_by_a_busy_cell_comes_alive_when_that_ends(
    lab: Lab, traits: Mapping[str, object], tmp_path: Path
) -> None:
    """`login()` at the top of a long cell: without subshells the widget waits, and is not said to be an earlier one."""
    cells = [f"import ipyterrascope as ts; ts.login()\n{busy_until(tmp_path / 'enough')}"]
    notebook = lab.open(["%load_ext ipyterrascope", *cells], traits=traits, environ=ipykernel6())
    notebook.run(0)
    notebook.run(1, wait=False)
    notebook.widget.get_by_text("Waiting for the running cell…").first.wait_for(timeout=9000)
    notebook.page.wait_for_timeout(4000)  # longer than an earlier session is given
    assert notebook.widget.get_by_role("alert").count() == 0
    (tmp_path / "enough").touch()
    notebook.wait_for(1)
    notebook.widget.get_by_role("link", name="Copy code").wait_for()


def test_the_network_goes_and_comes_back(
    lab: Lab, browser_context: BrowserContext, traits: Mapping[str, object], box: Sandbox
) -> None:
    """With the line to the Jupyter server cut, nothing is pretended; when it is back the login is where it stands."""
    lines: list[WebSocketRoute] = []
    is_cut = False

    def route(line: WebSocketRoute) -> None:
        if is_cut:
            line.close()
        else:
            line.connect_to_server()
            lines.append(line)

    browser_context.route_web_socket(re.compile("/channels"), route)
    notebook = opened(lab, traits)
    is_cut = True
    for line in lines:
        line.close()
    box.approve(box.waiting_codes[-1])
    notebook.page.wait_for_timeout(4000)
    assert not notebook.widget.get_by_text("Signed in as dora.").first.is_visible()
    is_cut = False
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for(timeout=60_000)
    lab.console_errors.clear()  # of JupyterLab, on the line that it lost
