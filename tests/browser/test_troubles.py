"""Each trouble of a login has its own words and a way on: the sandbox's timeline plays it, a real browser shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from ipyterrascope.sandbox import Sandbox, steps
from testbed.browser import STRANGE_HOST
from testbed.lab import Lab, Notebook
from testbed.waiting import until

pytestmark = pytest.mark.parametrize("lab", ["lab", "notebook"], indirect=True)

CELLS = ["%load_ext ipyterrascope", "%terrascope login", "%terrascope login --method password"]
CODE = re.compile("^[A-Z]{4}-[A-Z]{4}$")


@pytest.fixture
def notebook(lab: Lab, traits: Mapping[str, object]) -> Notebook:
    notebook = lab.open(CELLS, traits=traits)
    notebook.run(0)
    return notebook


def waiting(notebook: Notebook) -> Notebook:
    notebook.run(1)
    notebook.widget.get_by_text(CODE).wait_for()
    return notebook


def test_a_provider_that_stumbles_is_told_of_and_the_code_goes_on(notebook: Notebook, box: Sandbox) -> None:
    """503, no answer and slow_down while a code waits: the status line says what is wrong, and then no more."""
    waiting(notebook)
    box.timeline.token(503, "reset", 503, "slow_down")
    notebook.widget.get_by_text(re.compile("127.0.0.1.* Still trying…")).first.wait_for(timeout=20_000)
    assert notebook.widget.get_by_role("alert").count() == 0
    assert notebook.widget.get_by_text(CODE).is_visible()
    box.timeline.clear()
    notebook.widget.get_by_text("Waiting for your approval").wait_for(timeout=60_000)
    box.approve(box.waiting_codes[-1])
    # the person comes back from the other tab, and is not kept waiting
    notebook.page.evaluate("window.dispatchEvent(new Event('focus'))")
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for(timeout=30_000)


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("invalid_grant", "The code is not good any more."),
        ("access_denied", "The sign-in was denied."),
        ("expired_token", "The code ran out."),
    ],
)
def test_a_code_that_is_over_says_why_and_a_new_one_is_a_click_away(
    notebook: Notebook, box: Sandbox, answer: str, what: str
) -> None:
    """Used elsewhere, denied or expired: each says so in its own words, and waits for a click."""
    waiting(notebook)
    box.timeline.token(answer)
    notebook.widget.get_by_role("alert").get_by_text(what).wait_for()
    notebook.widget.get_by_role("button", name="New code").click()
    notebook.widget.get_by_text(CODE).wait_for()


def test_a_provider_that_is_down_can_be_tried_again(notebook: Notebook, box: Sandbox) -> None:
    """No code is to be had: the alert says who does not answer, and "Try again" works once it is back."""
    box.timeline.device(503, 503, 503, 503, 503, 503)
    notebook.run(1)
    notebook.widget.get_by_role("alert").get_by_text("127.0.0.1").wait_for(timeout=30_000)
    box.timeline.clear()
    notebook.widget.get_by_role("button", name="Try again").click()
    notebook.widget.get_by_text(CODE).wait_for()


def test_a_provider_without_device_codes_leads_to_the_form(notebook: Notebook, box: Sandbox) -> None:
    """The form is there at once, says why, and offers no way back to a code."""
    box.device_flow = False
    notebook.run(1)
    notebook.widget.get_by_role("alert").get_by_text("offers no device code").wait_for()
    assert notebook.widget.get_by_label("User name").is_visible()
    assert notebook.widget.get_by_role("button", name="Use a code").count() == 0


def test_a_session_that_ends_says_sign_in_again(notebook: Notebook, box: Sandbox) -> None:
    """An idle session is warned about before, then over: the button says what is to be done, and does it."""
    box.refresh_token_lifetime_s = 6
    waiting(notebook)
    box.approve(box.waiting_codes[-1])
    notebook.widget.get_by_text("this login ends in 1 minute").first.wait_for(timeout=20_000)
    notebook.widget.get_by_role("alert").get_by_text("The session has ended.").wait_for(timeout=20_000)
    box.refresh_token_lifetime_s = 3600
    notebook.widget.get_by_role("button", name="Sign in again").click()
    notebook.widget.get_by_text(CODE).wait_for()


@pytest.mark.parametrize(
    ("user", "words"), [("disabled", "Account disabled"), ("mustact", "Account is not fully set up")]
)
def test_an_account_that_needs_its_owner_leads_to_its_own_page(
    notebook: Notebook, box: Sandbox, user: str, words: str
) -> None:
    """What the provider wants done in a browser is a link in the form."""
    notebook.run(2)
    notebook.widget.get_by_label("User name").fill(user)
    notebook.widget.get_by_label("Password", exact=True).fill("x")
    notebook.widget.get_by_label("Password", exact=True).press("Enter")
    notebook.widget.get_by_role("alert").get_by_text(words).wait_for()
    assert notebook.widget.get_by_role("link", name="My account").get_attribute("href") == f"{box.issuer}/account/"


def test_a_one_time_code_is_asked_for_by_who_has_one(notebook: Notebook, box: Sandbox) -> None:
    """An account with a second factor signs in by the field that is folded away."""
    notebook.run(2)
    notebook.widget.get_by_label("User name").fill("swiper")
    notebook.widget.get_by_text("I have a one-time code").click()
    notebook.widget.get_by_label("One-time code").fill(box.one_time_code())
    notebook.widget.get_by_label("Password", exact=True).fill(box.users["swiper"])
    notebook.widget.get_by_label("Password", exact=True).press("Enter")
    notebook.widget.get_by_text("Signed in as swiper.").first.wait_for()


def test_a_slow_sign_in_can_be_cancelled(notebook: Notebook, box: Sandbox) -> None:
    """While the provider takes its time the form stays, says so, and can be cancelled."""
    notebook.run(2)
    box.timeline.token(steps.delayed(20))
    notebook.widget.get_by_label("User name").fill("dora")
    notebook.widget.get_by_label("Password", exact=True).fill(box.users["dora"])
    notebook.widget.get_by_label("Password", exact=True).press("Enter")
    notebook.widget.get_by_role("button", name="Signing in…").wait_for()
    notebook.widget.get_by_role("button", name="Cancel").click()
    notebook.widget.get_by_role("button", name="Sign in", exact=True).wait_for()
    assert notebook.widget.get_by_label("User name").input_value() == "dora"


def test_switch_account_lets_another_person_in(notebook: Notebook, box: Sandbox) -> None:
    """Who is signed in stays so until somebody else is, in all words; Cancel goes back, and only the end ends it."""
    waiting(notebook)
    box.approve(box.waiting_codes[-1])
    notebook.widget.get_by_role("button", name="Switch account").click()
    notebook.widget.get_by_text("Signed in as dora. Switching: Approve this code at").wait_for()
    notebook.widget.get_by_text("Use a private window").first.wait_for()
    notebook.widget.get_by_role("button", name="Cancel").click()
    notebook.widget.get_by_text("Cancelled.").first.wait_for()
    notebook.widget.get_by_role("button", name="Switch account").click()
    notebook.widget.get_by_text("Switching: ").wait_for()
    notebook.widget.get_by_text(CODE).wait_for()
    assert not box.requests_to("/revoke")
    box.approve(box.waiting_codes[-1], user="boots")
    notebook.widget.get_by_text("Signed in as boots.").first.wait_for()
    until(lambda: box.requests_to("/revoke"))


@pytest.mark.usefixtures("browser_context")
def test_a_page_that_is_not_encrypted_warns_and_still_copies(
    lab: Lab, traits: Mapping[str, object], box: Sandbox
) -> None:
    """On plain http under a strange name the form hides behind a warning; a code is selected where it cannot be copied;
    the device login works."""
    notebook = lab.open(CELLS, traits=traits, host=STRANGE_HOST)
    notebook.run(0)
    waiting(notebook)
    assert not notebook.page.evaluate("window.isSecureContext")
    notebook.widget.get_by_role("button", name="Copy the code").click()
    notebook.widget.get_by_text(re.compile("Code copied|The code is selected")).first.wait_for()
    assert notebook.page.evaluate("String(getSelection())") == box.waiting_codes[-1]

    notebook.widget.get_by_role("button", name="Use a password").click()
    notebook.widget.get_by_text("This page is not encrypted").wait_for()
    assert not notebook.widget.get_by_label("Password", exact=True).is_visible()
    notebook.widget.get_by_role("button", name="Show the form anyway").click()
    notebook.widget.get_by_label("Password", exact=True).wait_for()

    notebook.widget.get_by_role("button", name="Use a code").click()
    notebook.widget.get_by_text(CODE).wait_for()
    box.approve(box.waiting_codes[-1])
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()


def test_a_login_by_keyboard_alone(notebook: Notebook, box: Sandbox) -> None:
    """Tab and Enter reach everything, in the order of reading, and the focus is never lost between two faces."""
    page = notebook.page
    waiting(notebook)
    focused = """() => {
        const it = document.activeElement;
        return it.getAttribute("aria-label") || it.innerText || it.labels[0].innerText.trim();
    }"""
    notebook.widget.get_by_role("button", name="Copy the code").focus()
    seen = [page.evaluate(focused)]
    for _ in range(6):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(focused))
    assert seen == [
        "Copy the code",
        "Show the address as a QR code",
        "Copy code & open Terrascope (in a new tab)",
        "New code",
        "Cancel",
        "Stay signed in on this machine",
        "Use a password",
    ]
    page.keyboard.press("Enter")
    notebook.widget.get_by_label("User name").wait_for()
    page.wait_for_function("document.activeElement.name === 'username'")
    page.keyboard.type("boots")
    page.keyboard.press("Tab")
    page.keyboard.type(box.users["boots"])
    page.keyboard.press("Enter")
    notebook.widget.get_by_text("Signed in as boots.").first.wait_for()
    assert page.evaluate(focused) == "Signed in as boots."
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Log out"
    page.keyboard.press("Enter")
    notebook.widget.get_by_role("button", name="Sign in with Terrascope").wait_for()
    assert page.evaluate(focused) == "Sign in with Terrascope"


def test_a_choice_of_providers_turns_the_widget(lab: Lab, traits: Mapping[str, object], box: Sandbox) -> None:
    """Once a second provider is known, the widget offers both; each keeps its own login."""
    with Sandbox(device_interval_s=1) as second:
        mine = (
            "import ipyterrascope as ts; mine = ts.account(ts.Provider(name='mine', label='Mine', client_id='public', "
            f"issuer={second.issuer!r}, hosts=frozenset({{'127.0.0.1'}})))"
        )
        notebook = lab.open([CELLS[0], mine, "%terrascope login", "mine"], traits=traits)
        for index in range(3):
            notebook.run(index)
        notebook.widget.get_by_text(box.waiting_codes[-1]).wait_for()
        box.approve(box.waiting_codes[-1])
        notebook.widget.get_by_text("Signed in as dora.").first.wait_for()

        notebook.widget.get_by_label("Provider").select_option("Mine")
        notebook.widget.get_by_role("button", name="Sign in with Mine").click()
        notebook.widget.get_by_text(CODE).wait_for()
        second.approve(second.waiting_codes[-1], user="boots")
        notebook.widget.get_by_text("Signed in as boots.").first.wait_for()

        notebook.widget.get_by_label("Provider").select_option("Terrascope")
        notebook.widget.get_by_text("Signed in as dora.").first.wait_for()
