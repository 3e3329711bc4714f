"""`make demo` as a person meets it: open the address, sign in in a second tab, run every cell."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servers import free_port, running
from testbed.keycloak import DORA
from testbed.lab import Notebook

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

DEMO = Path(__file__).parents[2] / "tools" / "demo.py"


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The address that a demonstration prints, while it runs."""
    log = tmp_path / "demo.log"
    command = [sys.executable, DEMO, "--no-browser", "--port", str(free_port()), "--folder", tmp_path / "demo"]
    with running(command, is_ready=lambda: "Ctrl-C" in log.read_text(), log=log):
        (found,) = re.findall(r"^JupyterLab  (http\S+)$", log.read_text(), re.MULTILINE)
        yield found


def run_next(notebook: Notebook, index: int) -> str:
    """Run a cell by the keyboard; before the kernel is there a key stroke is lost, or brings the question which one."""
    prompt = notebook.cell(index).locator(".jp-InputArea-prompt")
    which_kernel = notebook.page.locator(".jp-Dialog .jp-mod-accept")
    while not re.search(r"\[\d+\]", prompt.inner_text()):
        if which_kernel.count():
            which_kernel.click()
        elif "*" not in prompt.inner_text():
            notebook.cell(index).locator(".cm-content").focus()
            notebook.page.keyboard.press("Control+Enter")
        notebook.page.wait_for_timeout(500)
    return notebook.text(index)


def sign_in(page: Page) -> None:
    page.fill("#username", DORA.username)
    page.fill("#password", DORA.password)
    page.click("#kc-login")
    page.get_by_text("Grant Access to").wait_for()
    page.click("#kc-login")


def test_the_demonstration_runs_the_quickstart(address: str, browser_context: BrowserContext, tmp_path: Path) -> None:
    """The notebook for the real Terrascope works unchanged, and the widget says that this is the SANDBOX."""
    notebook = Notebook(browser_context.new_page(), tmp_path / "demo" / "quickstart.ipynb")
    notebook.page.goto(address)
    run_next(notebook, 1)
    run_next(notebook, 3)
    notebook.widget.get_by_text("SANDBOX").wait_for()
    notebook.widget.get_by_role("button", name="Use a password").click()
    notebook.widget.get_by_text(f"No real account: sign in as dora, password {DORA.password}.").wait_for()
    notebook.widget.get_by_role("button", name="Use a code").click()

    with browser_context.expect_page() as tab:
        notebook.widget.get_by_role("link", name="Copy code & open Terrascope").click()
    sign_in(tab.value)
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()

    assert "signed in as dora" in run_next(notebook, 5)
    assert run_next(notebook, 7).strip("'").startswith("S2")
    assert run_next(notebook, 9).count("http://127.0.0.1:") == 2
    run_next(notebook, 11)
    assert run_next(notebook, 12).count("MB, starts with b'II") == 2
    run_next(notebook, 14)
    assert "ended" in run_next(notebook, 16)
    assert len(list((tmp_path / "demo" / "data").rglob("*.tif"))) == 3
