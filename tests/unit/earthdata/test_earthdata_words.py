"""What a person reads and types of Earthdata Login: at a terminal, in the status, in the widget."""

from __future__ import annotations

import getpass
import io
from typing import Any

import pytest

from ipyterrascope import terminal
from ipyterrascope.auth.account import Account
from ipyterrascope.errors import LoginCancelled, LoginRefused
from ipyterrascope.notebook.login_widget import LoginWidget
from ipyterrascope.sandbox.earthdata import EarthdataSandbox
from ipyterrascope.status import Status


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the person will paste at the next questions; the end of the input where nothing is left."""
    lines: list[str] = []

    def answer(question: str) -> str:
        assert "Access token for Earthdata Login (not shown)" in question
        if not lines:
            raise EOFError
        return lines.pop(0)

    monkeypatch.setattr(getpass, "getpass", answer)
    return lines


def test_a_token_is_pasted_at_the_terminal(account: Account, box: EarthdataSandbox, typed: list[str]) -> None:
    """The page where one is made is printed, and what is pasted is not; one that is no good is asked for again."""
    token, out = box.make_token(), io.StringIO()
    typed += ["two words", f"Authorization: Bearer {token}"]
    terminal.login(account, out=out)
    said = out.getvalue()
    assert f"{box.issuer}/profile" in said
    assert "That is no access token." in said
    assert "Signed in to Earthdata Login as dora, by a token that was given." in said
    assert token not in said


def test_three_that_are_no_good(account: Account, box: EarthdataSandbox, typed: list[str]) -> None:
    """After the third it gives up with the reason; the end of the input cancels."""
    typed += [box.make_token(lifetime_s=-1)] * 3
    with pytest.raises(LoginRefused, match="has ended"):
        terminal.login(account, out=io.StringIO())
    with pytest.raises(LoginCancelled):
        terminal.login(account, out=io.StringIO())


def test_the_status_has_the_profile(token: str, account: Account, box: EarthdataSandbox) -> None:
    """Who it is, where, and until which day; the rest of the profile is at hand, and not printed into a saved notebook.
    Without an answer, why there is none."""
    told = Status([account])
    text = str(told)
    assert "Earthdata Login" in text
    assert "first name: Dora" in text
    assert "affiliation: Education" in text
    assert "~/.netrc" in text
    profile = told.accounts[0].profile
    assert profile["registered_date"] == "7 Aug 2020 10:46:21AM"
    assert len(profile) == 14
    for private in ("registered_date", "email_address", "country", "middle_initial"):
        assert profile[private] not in text.splitlines()
        assert private.replace("_", " ") not in text
    box.script(503, to="/api/users/dora")
    assert "cannot answer right now" in str(Status([account]))
    assert token not in text


def test_the_widget_takes_a_token(account: Account, box: EarthdataSandbox) -> None:
    """Pasting comes first there, with the page where a token is made; it comes as bytes, and is in no trait."""
    widget = LoginWidget(account)
    provider: Any = widget.provider
    assert provider["methods"] == ["token", "password"]
    assert provider["token_url"] == f"{box.issuer}/profile"
    assert provider["links"] == []
    assert not provider["can_remember"]
    token = box.make_token()
    form = {"username": "", "method": "token", "has_one_time_code": False}
    message = {"kind": "submit_password", "boot_id": widget.boot_id, "view_id": "v", **form}
    widget._handle_custom_msg(message, [token.encode()])
    assert account.wait(30).user == "dora"
    assert token not in str(widget.get_state())
    widget.close()
