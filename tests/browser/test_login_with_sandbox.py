"""What can go otherwise in the widget, in JupyterLab and Notebook 7 against the sandbox: refused, denied, expired …"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ipyterrascope.sandbox import Sandbox
from testbed.lab import Lab, Notebook, busy_until

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = pytest.mark.parametrize("lab", ["lab", "notebook"], indirect=True)

CELLS = [
    "%load_ext ipyterrascope",
    "%terrascope login",
    "%terrascope status",
    "s = %terrascope session",
    "%terrascope login",
]


@pytest.fixture
def notebook(lab: Lab, traits: Mapping[str, object]) -> Notebook:
    """A notebook whose widget is on screen, with a code that waits."""
    notebook = lab.open(CELLS, traits=traits)
    notebook.run(0)
    notebook.run(1)
    notebook.widget.locator("code").wait_for()
    return notebook


def code_on(notebook: Notebook) -> str:
    return notebook.widget.locator("code").inner_text()


def test_approved_code_signs_in(notebook: Notebook, box: Sandbox) -> None:
    """Code, badge and host are on screen; once approved, the widget says who, and every cell has a session."""
    assert re.fullmatch(r"[A-Z]{4}-[A-Z]{4}", code_on(notebook))
    notebook.widget.get_by_text("SANDBOX").wait_for()
    assert "Finish the sign-in above, then run this cell again." in notebook.run(3)

    box.approve(code_on(notebook))

    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()
    assert "signed in as dora, by device" in notebook.run(2)
    assert notebook.run(3) == ""

    notebook.widget.get_by_role("button", name="Log out").click()
    notebook.widget.get_by_text("Signed out, and the session at Terrascope is ended.").first.wait_for()
    assert "not signed in" in notebook.run(2)


def test_the_link_copies_the_code_and_opens_the_page_that_knows_it(
    notebook: Notebook, browser_context: BrowserContext
) -> None:
    """One click: the code is in the clipboard, a tab of its own shows it, and who signs in there is signed in here."""
    browser_context.grant_permissions(["clipboard-read", "clipboard-write"])
    code = code_on(notebook)
    with browser_context.expect_page() as tab:
        notebook.widget.get_by_role("link", name="Copy code & open Terrascope").click()
    page = tab.value
    page.get_by_text(code).wait_for()
    assert page.evaluate("window.opener") is None
    page.click("#kc-login")
    page.get_by_text("Grant Access to").wait_for()
    page.click("#kc-login")
    page.get_by_text("You may close this window").wait_for()

    notebook.page.bring_to_front()
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()
    assert notebook.page.evaluate("navigator.clipboard.readText()") == code


def test_a_box_that_is_ticked_spoils_no_code(notebook: Notebook, box: Sandbox) -> None:
    """A second code is on screen then, the keyboard is where it was, and who had copied the first one is signed in."""
    first, tick = code_on(notebook), notebook.widget.get_by_label("Stay signed in")
    tick.focus()
    notebook.page.keyboard.press("Space")
    notebook.widget.get_by_text("The code shown before is good too.").first.wait_for()
    assert code_on(notebook) != first
    assert tick.is_checked()
    assert tick.evaluate("node => node === document.activeElement")

    box.approve(first)

    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()
    notebook.widget.get_by_text("it ends when it is not used for 60 minutes").first.wait_for()
    notebook.widget.get_by_role("button", name="Log out").click()
    notebook.widget.get_by_text("Signed out, and the session at Terrascope is ended.").first.wait_for()


def test_denied_code_is_told_and_a_new_one_is_a_click_away(notebook: Notebook, box: Sandbox) -> None:
    """A "No" on the provider's page shows as an alert; New code brings another code."""
    first = code_on(notebook)
    box.deny(first)

    notebook.widget.get_by_role("alert").get_by_text("The sign-in was denied.").wait_for()
    notebook.widget.get_by_role("button", name="New code").click()
    notebook.widget.locator("code").wait_for()
    assert code_on(notebook) != first


def test_expired_code_waits_for_a_click(lab: Lab, box: Sandbox, traits: Mapping[str, object]) -> None:
    """A code that runs out says so and asks for nothing by itself."""
    box.device_lifetime_s = 3
    notebook = lab.open(CELLS, traits=traits)
    notebook.run(0)
    notebook.run(1)

    notebook.widget.get_by_role("alert").get_by_text("The code ran out.").wait_for()
    asked = len(box.requests_to("auth/device"))
    notebook.page.wait_for_timeout(1500)
    assert len(box.requests_to("auth/device")) == asked
    box.device_lifetime_s = 600
    notebook.widget.get_by_role("button", name="New code").click()
    notebook.widget.locator("code").wait_for()


def test_cancel_ends_the_polling(notebook: Notebook, box: Sandbox) -> None:
    """After Cancel nothing is asked any more, and one may start again."""
    notebook.widget.get_by_role("button", name="Cancel").click()

    notebook.widget.get_by_role("button", name="Sign in with Terrascope").wait_for()
    polls = len(box.requests_to("/token"))
    notebook.page.wait_for_timeout(2500)
    assert len(box.requests_to("/token")) == polls


def test_wrong_password_keeps_the_name_and_empties_the_rest(notebook: Notebook) -> None:
    """The alert says what may be wrong; the user name stays, the password is gone, and the second try works."""
    notebook.widget.get_by_role("button", name="Use a password").click()
    name, password = notebook.widget.get_by_label("User name"), notebook.widget.get_by_label("Password", exact=True)
    name.fill("boots")
    password.fill("wr0ng-secret")
    password.press("Enter")

    notebook.widget.get_by_role("alert").get_by_text("did not accept the user name and password").wait_for()
    assert (name.input_value(), password.input_value()) == ("boots", "")
    password.fill("päss wörd+&%")
    notebook.widget.get_by_role("button", name="Sign in").click()
    notebook.widget.get_by_text("Signed in as boots.").first.wait_for()


@pytest.mark.parametrize("key", ["Shift+Enter", "Enter", "Space"])
def test_a_key_after_the_sign_in_does_not_log_out(
    lab: Lab, box: Sandbox, traits: Mapping[str, object], key: str
) -> None:
    """Whoever comes back and goes on with the keyboard stays signed in; Shift-Enter runs the next cell."""
    notebook = lab.open([*CELLS[:2], "print('next')"], traits=traits)
    notebook.run(0)
    notebook.run(1)
    notebook.widget.get_by_role("link", name="Copy code & open Terrascope").focus()
    box.approve(code_on(notebook))
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()

    notebook.page.keyboard.press(key)
    notebook.page.wait_for_timeout(1000)

    assert notebook.widget.get_by_role("button", name="Log out").is_visible()
    assert box.requests_to("/revoke") == []
    if key == "Shift+Enter":
        notebook.page.keyboard.press(key)
        notebook.output(2).get_by_text("next").wait_for()


@pytest.mark.usefixtures("browser_context")
def test_two_tabs_and_two_views_show_the_same(notebook: Notebook, lab: Lab, box: Sandbox) -> None:
    """A second cell and a second tab of the same notebook show the same code, and all are signed in at once."""
    code = code_on(notebook)
    notebook.run(4)
    notebook.output(4).locator("code").get_by_text(code).wait_for()
    other = lab.view(notebook.path)
    other.run(1)
    assert other.output(1).locator("code").inner_text() == code

    box.approve(code)

    for page, cell in ((other, 1), (notebook, 4), (notebook, 1)):
        page.page.bring_to_front()
        page.output(cell).get_by_text("Signed in as dora.").first.wait_for()


def test_view_of_an_earlier_kernel_says_so(notebook: Notebook) -> None:
    """After a restart the widget that is still on the page does not pretend to be alive."""
    notebook.restart_kernel()
    notebook.page.bring_to_front()

    notebook.widget.get_by_role("alert").get_by_text(re.compile("Run the")).wait_for(timeout=15_000)
    notebook.run(0)
    notebook.run(1)
    notebook.widget.locator("code").wait_for()


def test_an_approval_reaches_the_account_while_a_cell_runs(
    lab: Lab, box: Sandbox, traits: Mapping[str, object], tmp_path: Path
) -> None:
    """The login goes on beside the kernel's main thread: a code that is approved while a cell runs signs in."""
    notebook = lab.open([*CELLS, busy_until(tmp_path / "enough")], traits=traits)
    notebook.run(0)
    notebook.run(1)
    notebook.widget.locator("code").wait_for()
    notebook.run(5, wait=False)

    box.approve(code_on(notebook))

    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()
    (tmp_path / "enough").touch()
    notebook.wait_for(5)
    assert notebook.text(5) == "busy"
