"""The canary in a real front-end: what was typed and issued is in no file of the server and nowhere in the browser."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from nbconvert import HTMLExporter

from ipyterrascope.sandbox import Sandbox
from private_jupyter import provider_traits
from testbed.canary import found_in, secrets_of
from testbed.lab import Lab, Notebook

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

_SPREAD = """token => {
  localStorage.planted = token;
  console.info(token);
  document.body.append(Object.assign(document.createElement("input"), { value: token }));
  history.replaceState(null, "", "#" + token);
  performance.mark(token);
}"""
WRONG = "wr0ng-Pa55-canary"
USERS = ("dora", "boots", "swiper")
CELLS = ["%load_ext ipyterrascope\nimport ipyterrascope as ts", "%terrascope login", "%terrascope status"]


class Story:
    """A person's session in a notebook that is saved again and again, with the state of its widgets."""

    def __init__(self, lab: Lab, context: BrowserContext, box: Sandbox, folder: Path) -> None:
        self.lab, self.context, self.box, self.folder = lab, context, box, folder
        self.began_at = time.time()
        self.lines: list[str] = []
        context.on("console", lambda line: self.lines.append(line.text))
        self.typed: set[str] = set()
        self.notebook = lab.open([*CELLS, "print(ts.token().reveal())"], traits=provider_traits(box.provider()))
        self.notebook.run(0)
        self.notebook.run(1)
        self.notebook.widget.locator("code").wait_for()

    def fill(self, user: str, password: str, code: str = "") -> None:
        self.typed |= {password, code} - {""}
        widget = self.notebook.widget
        widget.get_by_label("User name").fill(user)
        if code:
            widget.get_by_text("I have a one-time code").click()
            widget.get_by_label("One-time code").fill(code)
        widget.get_by_label("Password", exact=True).fill(password)

    def found(self) -> set[str]:
        """Save, and return where a secret is written."""
        self.notebook.save(widget_state=True)
        return found_in(self.places(), secrets_of(self.box, self.typed), USERS)

    def places(self) -> dict[str, bytes]:
        """Return every file of the server and the kernels, and all that the browser keeps or shows.

        What lies there unchanged since before the story, as other tests' downloads do, can hold no secret of it.
        """
        roots = (self.lab.server.folder, self.folder)
        paths = [path for root in roots for path in root.rglob("*") if path.is_file()]
        files = {str(path): path.read_bytes() for path in paths if path.stat().st_mtime > self.began_at - 2}
        kept = json.dumps(self.context.storage_state(indexed_db=True), ensure_ascii=False)
        page = self.notebook.page
        session = page.evaluate("JSON.stringify(sessionStorage)")
        return {
            **files,
            "storage of the browser": f"{kept}{session}".encode(),
            "page": page.content().encode(),
            "fields": json.dumps(page.evaluate("[...document.querySelectorAll('input')].map(i => i.value)")).encode(),
            "console": "\n".join(self.lines).encode(),
            "addresses": page.evaluate("performance.getEntries().map(e => e.name).join()").encode(),
        }


@pytest.fixture
def story(lab: Lab, browser_context: BrowserContext, box: Sandbox, tmp_path: Path) -> Story:
    return Story(lab, browser_context, box, tmp_path)


def saved_texts(notebook: Notebook) -> list[str]:
    """Return the texts of the notebook and its checkpoint, as they are on the disk."""
    checkpoints = (notebook.path.parent / ".ipynb_checkpoints").glob(f"{notebook.path.stem}*")
    return [path.read_text() for path in (notebook.path, *checkpoints)]


def test_no_secret_leaves_the_kernel(story: Story, box: Sandbox) -> None:
    """Both ways to sign in, with a wrong password, Undo and Redo, a one-time code, a form that is left: none."""
    widget = story.notebook.widget
    box.approve(box.waiting_codes[-1])
    widget.get_by_text("Signed in as dora.").first.wait_for()
    story.notebook.run(2)
    assert story.found() == set()

    widget.get_by_role("button", name="Log out").click()
    widget.get_by_role("button", name="Use a password").click()
    story.fill("boots", WRONG)
    widget.get_by_label("Password", exact=True).press("Enter")
    widget.get_by_role("alert").get_by_text("did not accept").wait_for()
    field = widget.get_by_label("Password", exact=True)
    field.focus()
    for command in ("undo", "undo", "redo", "redo"):  # as by the browser's menu: JupyterLab takes the keys
        story.notebook.page.evaluate("command => document.execCommand(command)", command)
        assert field.input_value() == "", command
    assert story.found() == set()

    story.fill("swiper", box.users["swiper"], box.one_time_code())
    widget.get_by_label("Password", exact=True).press("Enter")
    widget.get_by_text("Signed in as swiper.").first.wait_for()
    assert story.found() == set()
    saved = saved_texts(story.notebook)
    assert len(saved) == 2
    assert "application/vnd.jupyter.widget-state+json" in saved[0]


def test_a_code_that_still_waits_is_in_no_saved_notebook(story: Story, box: Sandbox) -> None:
    """Whoever gets the file while the code is good cannot approve it: it stands on the page and nowhere else."""
    story.notebook.save(widget_state=True)
    (code,) = box.waiting_codes
    assert story.notebook.widget.locator("code").inner_text() == code
    for text in saved_texts(story.notebook):
        assert "widget-state" in text or "widget-view" in text
        assert code not in text
    assert {place for place, text in story.places().items() if code.encode() in text} <= {"page"}


def test_the_canary_can_fail(story: Story, box: Sandbox) -> None:
    """A token that is put there is found in each place: file, checkpoint, workspace, log, storage, page and console."""
    box.approve(box.waiting_codes[-1])
    story.notebook.widget.get_by_text("Signed in as dora.").first.wait_for()
    story.notebook.run(3)
    token = story.notebook.text(3)
    story.notebook.page.evaluate(_SPREAD, token)
    requests.get(f"{story.lab.server.url}/no-such-page/{token}", timeout=30)  # the server notes a 404 in its log
    workspaces = story.lab.server.folder / "workspaces"
    (next(workspaces.rglob("*.jupyterlab-workspace")).parent / "planted").write_text(token)
    story.notebook.page.wait_for_timeout(500)

    found = " ".join(story.found())

    for place in ("workspaces/planted", "lab.log", "storage of the browser", "page", "fields", "console", "addresses"):
        assert f"{place} (secret" in found
    saved = story.notebook.path.relative_to(story.lab.server.notebooks)
    assert f"/notebooks/{saved} (secret" in found
    assert f"/notebooks/.ipynb_checkpoints/{saved.stem}-checkpoint.ipynb (secret" in found


@pytest.mark.parametrize("widget_state", [False, True])
def test_an_export_says_how_to_log_in_and_shows_no_code(story: Story, box: Sandbox, widget_state: bool) -> None:
    """As a web page the notebook has a sentence on the login, also where the widgets' state, which nbconvert shows by
    scripts of its own, takes the place of the widget's text."""
    story.notebook.save(widget_state=widget_state)
    page, _ = HTMLExporter().from_filename(str(story.notebook.path))
    assert ("Terrascope login: run this cell again to see it." in page) is not widget_state
    assert page.count("Else run the notebook's %load_ext cell and this one in JupyterLab") == 1
    assert box.waiting_codes[-1] not in page
    assert found_in({"export": page.encode()}, secrets_of(box, []), USERS) == set()
