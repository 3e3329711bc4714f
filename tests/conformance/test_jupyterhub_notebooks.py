"""Two people in two browsers at one JupyterHub: they sign in there, run the quickstart, and are asked nothing more."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from testbed.browser import loopback_context
from testbed.canary import found_in
from testbed.files import ProtectedFiles
from testbed.hub import Hub
from testbed.keycloak import BOOTS, DORA, Keycloak, User
from testbed.lab import Notebook

if TYPE_CHECKING:
    from playwright.sync_api import Browser

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"
# the cells of the quickstart, without those that only explain
LOAD, LOGIN, STATUS, FIND, CHOOSE, DOWNLOAD, LOOK = 1, 3, 5, 7, 9, 11, 12
# and those that are put behind it, in the place of the one that signs out
WORK, ENDED, AGAIN = 14, 15, 16

_WORK = """
import time
served, failures, ends_at = 0, [], time.monotonic() + {seconds}
while time.monotonic() < ends_at:
    try:
        s.get(urls[0]).raise_for_status()
        served += 1
    except Exception as exc:
        failures.append(f"{{time.strftime('%X')}} {{exc!r}}")
    time.sleep(0.25)
print(served, failures)
"""


class Person:
    """Somebody who opens the quickstart at the Hub, in a browser of their own."""

    def __init__(self, hub: Hub, user: User, seconds: float) -> None:
        self.hub, self.user = hub, user
        document = nbformat.read(QUICKSTART, 4)
        del document.cells[WORK:]
        for source in (_WORK.format(seconds=seconds), "s.get(urls[0])", "%terrascope login"):
            document.cells.append(nbformat.v4.new_code_cell(source))
        home = hub.home(user)
        home.mkdir(parents=True, exist_ok=True)
        self.path = home / "quickstart.ipynb"
        nbformat.write(document, self.path)

    def open(self, browser: Browser, stack: ExitStack) -> Notebook:
        """Follow a link to the notebook: sign in at the Hub, by Keycloak, and wait for the server and its kernel."""
        page = stack.enter_context(loopback_context(browser)).new_page()
        page.goto(f"{self.hub.url}/hub/user-redirect/lab/tree/quickstart.ipynb")
        page.get_by_role("link", name="Sign in with Terrascope").or_(
            page.get_by_role("button", name="Sign in with Terrascope")
        ).first.click()
        page.fill("#username", self.user.username)
        page.fill("#password", self.user.password)
        page.click("#kc-login")
        notebook = Notebook(page, self.path)
        notebook.wait_for_kernel(150)  # the server has to start first
        return notebook


@pytest.fixture
def catalogue(hub_files: ProtectedFiles) -> ProtectedFiles:
    """A catalogue with the one item that the quickstart asks for."""
    assets = {
        name: {
            "href": hub_files.add(f"/download/{name}.tif", b"II*\0" + name.encode()),
            "roles": ["data"],
            "file:size": 4 + len(name),
        }
        for name in ("B02", "B03")
    }
    items = {"features": [{"id": "S2B_TOC", "assets": assets}]}
    hub_files.files["/collections/terrascope-s2-toc-v2/items?limit=1"] = json.dumps(items).encode()
    return hub_files


def stored(hub: Hub, secrets: set[str], *users: User) -> None:
    """Add the tokens that the Hub holds now."""
    for user in users:
        state: Mapping[str, Any] = hub.api("GET", f"users/{user.username}").json()["auth_state"]
        secrets |= {state["access_token"], state["refresh_token"], state["id_token"]}


@pytest.fixture
def people() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_two_people_work_and_click_nothing(
    hub: Hub,
    keycloak: Keycloak,
    catalogue: ProtectedFiles,
    chromium: Browser,
    people: ExitStack,
    full_counts: bool,
) -> None:
    """Tokens are rotated, the Hub is restarted meanwhile, and not a single request fails.

    (They live for so long that more than half of it is enough for the Hub to start, also on a busy machine.)

    A session that Keycloak ends then gives one clear error, and after it the widget. No token is in the Hub's log, in
    what it wrote to disk, in a notebook, in a home or in the environment of a process.
    """
    life_s = max(45, round(6 * hub.start_s))
    seconds = max(120 if full_counts else 0, round(1.5 * life_s))
    secrets: set[str] = set()
    with keycloak.realm(revokeRefreshToken=True, accessTokenLifespan=life_s):
        notebooks = {user: Person(hub, user, seconds).open(chromium, people) for user in (DORA, BOOTS)}
        for user, notebook in notebooks.items():
            # the system-wide configuration has loaded it already
            assert "already loaded" in notebook.run(LOAD)
            notebook.run(LOGIN)
            status = notebook.run(STATUS)
            assert f"signed in as {user.username}, from the login at JupyterHub" in status
            assert "JupyterHub\tServes." in status
            assert "S2B_TOC" in notebook.run(FIND)
            notebook.run(CHOOSE)
            notebook.run(DOWNLOAD)
            notebook.output(DOWNLOAD).get_by_text("2 saved").first.wait_for(state="attached")  # in its widget
            assert "B02.tif" in notebook.run(LOOK)
            stored(hub, secrets, user)

        answered = len(catalogue.answered)
        for notebook in notebooks.values():
            notebook.run(WORK, wait=False)
        # both have a fresh token when the Hub goes
        deadline = time.monotonic() + life_s
        while min(catalogue.ends_at[user.username] for user in notebooks) - time.time() < 0.6 * life_s:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        hub.stop()
        hub.start()
        for notebook in notebooks.values():
            notebook.page.wait_for_function(f"window.testbedRuns[{WORK}] === false", timeout=(seconds + 60) * 1000)
            served, failures = notebook.text(WORK).split(" ", 1)
            assert failures == "[]"
            assert int(served) > seconds
        assert {status for _, status in catalogue.answered[answered:]} == {200}
        assert keycloak.events("REFRESH_TOKEN_ERROR", of_hub=True) == []
        stored(hub, secrets, DORA, BOOTS)

        keycloak.end_sessions(DORA)
        notebook = notebooks[DORA]
        deadline = time.monotonic() + life_s + 30
        while "LoginRequired" not in (said := notebook.run(ENDED)):
            assert time.monotonic() < deadline
            assert "200" in said
        assert "Terrascope has ended the session that the Hub had for you." in said
        assert "Open the Hub and sign in there" in said
        notebook.run(AGAIN)
        notebook.output(AGAIN).get_by_text("Copy code").first.wait_for()
        assert "200" in notebooks[BOOTS].run(ENDED)

    texts: dict[str, bytes] = {"the Hub's log": hub.log.encode()}
    for notebook in notebooks.values():
        notebook.save(widget_state=True)
    for process in hub.processes():
        texts[f"the environment of {process.name()} {process.pid}"] = Path(f"/proc/{process.pid}/environ").read_bytes()
    for path in hub.folder.rglob("*"):
        if path.is_file() and "environment" not in path.relative_to(hub.folder).parts:
            texts[str(path.relative_to(hub.folder))] = path.read_bytes()
    assert any(name.endswith("quickstart.ipynb") for name in texts)
    assert any(name.startswith("the environment of") for name in texts)
    assert not found_in(texts, secrets, ["dora", "boots"])


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_without_the_roles_the_widget_comes_and_the_status_says_why(
    stock_hub: Hub, chromium: Browser, people: ExitStack
) -> None:
    """A Hub that shares no login costs a click, and no error; the status says whom to ask for what."""
    why = "JupyterHub\tThe Hub does not share its login with this server."
    notebook = Person(stock_hub, DORA, seconds=1).open(chromium, people)
    notebook.run(LOGIN)
    notebook.output(LOGIN).get_by_text("Copy code").first.wait_for()
    status = notebook.run(STATUS)
    assert "waiting for approval of a code" in status
    assert why in status
    assert "Ask the Hub's administrator to give it to both roles, user and server" in status
    assert "Finish the sign-in above" in notebook.run(FIND)
    notebook.output(LOGIN).get_by_role("button", name="Cancel").click()
    notebook.output(LOGIN).get_by_text("Cancelled").first.wait_for()
    status = notebook.run(STATUS)
    assert "not signed in." in status
    assert why in status
