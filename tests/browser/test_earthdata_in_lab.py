"""Earthdata Login in JupyterLab: a token is pasted, or user name and password find or make one."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from ipyterrascope.sandbox.earthdata import EarthdataSandbox
from testbed.lab import Lab, Notebook

DAY_S = 86400


@pytest.fixture
def earthdata() -> Iterator[EarthdataSandbox]:
    with EarthdataSandbox() as running:
        yield running


@pytest.fixture
def notebook(lab: Lab, earthdata: EarthdataSandbox) -> Notebook:
    """A notebook whose kernel knows the sandbox as "earthdata", with the login's widget on screen."""
    known = (
        "from ipyterrascope.configuration import Configuration, configure\n"
        "from ipyterrascope.values.connection import Connection\n"
        "from ipyterrascope.values.known import earthdata_at\n"
        f"provider = earthdata_at({earthdata.issuer!r}, [{earthdata.data_url.removeprefix('https://')!r}])\n"
        f"configure(Configuration(beside=(provider,), connection=Connection(verify={earthdata.ca_bundle!r})))"
    )
    cells = [
        f"%load_ext ipyterrascope\n{known}",
        "%terrascope login earthdata",
        "%terrascope status earthdata",
        f"import ipyterrascope as ts; ts.session('earthdata').get({earthdata.add_file('a.h5', b'data')!r}).text",
        "%terrascope logout earthdata",
    ]
    opened = lab.open(cells, environ={"NETRC": "/nonexistent"})
    opened.run(0)
    opened.run(1)
    opened.widget.get_by_label("Paste a token").wait_for()
    return opened


def test_a_token_is_pasted(notebook: Notebook, earthdata: EarthdataSandbox) -> None:
    """The card opens with one field beside the page where a token is made; pasted, it serves, and is saved nowhere."""
    widget, token = notebook.widget, earthdata.make_token()
    assert widget.get_by_role("link", name="Make a token").get_attribute("href") == f"{earthdata.issuer}/profile"
    assert widget.get_by_label("User name").count() == 0
    assert widget.get_by_label("Stay signed in").is_hidden()
    widget.get_by_label("Paste a token").fill(token)
    widget.get_by_label("Paste a token").press("Enter")
    widget.get_by_text("Signed in as dora.").first.wait_for()
    widget.get_by_text("With a token that you gave.").wait_for()

    assert notebook.run(3) == "'data'"
    assert "affiliation" in notebook.run(2)
    saved = json.dumps(notebook.save(widget_state=True))
    assert token not in saved
    assert token not in notebook.page.content()
    assert "is not revoked" in notebook.run(4)
    assert earthdata.tokens_of() == [token]


def test_a_wrong_token_is_told_and_another_one_may_be_pasted(notebook: Notebook, earthdata: EarthdataSandbox) -> None:
    """One that is none, and one that has ended: each in its own words; the field is empty, and the next one serves."""
    field = notebook.widget.get_by_label("Paste a token")
    for text, words in (
        ("two words", "That is no access token."),
        (earthdata.make_token(lifetime_s=-5), "That user token has ended."),
    ):
        field.fill(text)
        field.press("Enter")
        notebook.widget.get_by_role("alert").get_by_text(words).wait_for()
        assert field.input_value() == ""
        assert text not in notebook.widget.inner_text()
    assert notebook.widget.get_by_role("link", name="My account").get_attribute("href") == f"{earthdata.issuer}/profile"
    field.fill(earthdata.make_token())
    field.press("Enter")
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()


def sign_in_by_form(notebook: Notebook, password: str) -> None:
    if notebook.widget.get_by_label("User name").count() == 0:
        notebook.widget.get_by_role("button", name="Use a password").click()
    notebook.widget.get_by_label("User name").fill("dora")
    notebook.widget.get_by_label("Password", exact=True).fill(password)
    notebook.widget.get_by_label("Password", exact=True).press("Enter")


def test_the_form_is_a_click_away_and_so_is_the_way_back(notebook: Notebook, earthdata: EarthdataSandbox) -> None:
    """User name and password make a token, after one refusal; back at the token nothing of what was typed is left."""
    widget = notebook.widget
    widget.get_by_role("button", name="Use a password").click()
    widget.get_by_label("Password", exact=True).fill("half a passw")
    widget.get_by_role("button", name="Use a token").click()
    widget.get_by_label("Paste a token").wait_for()
    widget.get_by_role("button", name="Use a password").click()
    assert widget.get_by_label("Password", exact=True).input_value() == ""
    assert widget.get_by_text("It is sent once, for a token, and not kept.").is_visible()
    assert widget.get_by_text("I have a one-time code").is_hidden()

    sign_in_by_form(notebook, "wr0ng-Pa55")
    widget.get_by_role("alert").get_by_text("did not accept the user name and password").wait_for()
    sign_in_by_form(notebook, earthdata.users["dora"])
    widget.get_by_text("Signed in as dora.").first.wait_for()
    assert len(earthdata.tokens_of()) == 1
    assert notebook.run(3) == "'data'"
    widget.get_by_role("button", name="Log out").click()
    widget.get_by_text("your password was not kept: delete it at").first.wait_for()
    widget.get_by_label("Paste a token").wait_for()


def test_the_limit_of_two_tokens_is_told(notebook: Notebook, earthdata: EarthdataSandbox) -> None:
    """Where no token can be had it says why and what to do; of two that end soon one serves, and it says so."""
    earthdata.most_tokens = 0
    sign_in_by_form(notebook, earthdata.users["dora"])
    alert = notebook.widget.get_by_role("alert")
    alert.get_by_text("You have two already, which is all that it allows.").wait_for()
    assert f"Delete one at {earthdata.issuer}/profile, or paste one of the two." in alert.inner_text()
    notebook.widget.get_by_role("link", name="My account").wait_for()
    notebook.widget.get_by_role("button", name="Use a token").wait_for()

    earthdata.most_tokens = 2
    for days in (2, 3):
        earthdata.make_token(lifetime_s=days * DAY_S)
    sign_in_by_form(notebook, earthdata.users["dora"])
    notebook.widget.get_by_text("Signed in as dora.").first.wait_for()
    assert "You have two already" in notebook.widget.inner_text()
    assert f"delete one at {earthdata.issuer}/profile to get one that lasts longer" in notebook.widget.inner_text()
