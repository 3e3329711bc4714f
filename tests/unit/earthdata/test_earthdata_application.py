"""A registered application at Earthdata Login: its client credentials, and a person's login by authorization code."""

from __future__ import annotations

import getpass
import io
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import ipyterrascope as ts
from ipyterrascope import terminal
from ipyterrascope.auth.account import Account
from ipyterrascope.errors import ConfigurationError, LoginRefused
from ipyterrascope.sandbox.earthdata import EarthdataSandbox
from ipyterrascope.values.secret import Secret

SECRET = "tool-secret"


@pytest.fixture
def application(box: EarthdataSandbox) -> Iterator[Account]:
    """The account of people who sign in at the tool of the sandbox."""
    made = ts.account(
        box.provider(
            name="tool",
            client_id="sandbox-tool",
            redirect_uri=f"{box.data_url}/tool",
            methods=("code", "oidc"),
            authorization_parameters=(("splash", "false"),),
        )
    )
    yield made
    made.logout()


def led_to(box: EarthdataSandbox, page: str) -> str:
    """Sign in as dora at the page that is shown; return where the browser is led."""
    answer = requests.get(page, auth=("dora", "s3cret-Pa55"), verify=box.ca_bundle, allow_redirects=False, timeout=10)
    return answer.headers["Location"]


def test_by_authorization_code(application: Account, box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page has the state and no splash screen; secret and address are pasted unseen; the logout names the page."""
    out = io.StringIO()

    def answer(question: str) -> str:
        if "Secret of client sandbox-tool" in question:
            return SECRET
        (page,) = [line.strip() for line in out.getvalue().splitlines() if "/oauth/authorize" in line]
        query = parse_qs(urlsplit(page).query)
        assert (query["splash"], query["response_type"]) == (["false"], ["code"])
        assert query["state"]
        return led_to(box, page)

    monkeypatch.setattr(getpass, "getpass", answer)
    terminal.login(application, out=out)
    assert application.state.phase == "signed_in"
    assert SECRET not in out.getvalue()
    first = application.tokens().access_token
    application._vault.renew()
    assert application.tokens().access_token != first
    (record, *_) = box.requests_to("/oauth/token")
    assert record.headers["Authorization"].startswith("Basic ")
    assert "client_secret" not in record.form
    assert f"{box.issuer}/logout?redirect_uri=https%3A%2F%2Flocalhost" in application.logout()


def test_a_wrong_secret(application: Account, box: EarthdataSandbox) -> None:
    """It is refused, and the next one is sent instead."""
    for secret, phase in (("wrong", "failed"), (SECRET, "signed_in")):
        request = application.request_code()
        redirected = Secret(led_to(box, request.url))
        application.start_code_login(request, redirected, client_secret=Secret(secret))
        assert application.wait(30).phase == phase


def test_an_answer_to_another_question(application: Account, box: EarthdataSandbox) -> None:
    """An address with another state is refused before anything is sent."""
    request, other = application.request_code(), application.request_code()
    redirected = Secret(led_to(box, other.url))
    application.start_code_login(request, redirected, client_secret=Secret(SECRET))
    assert isinstance(application.wait(30).error, LoginRefused)
    assert box.requests_to("/oauth/token") == []


def test_for_itself(application: Account, box: EarthdataSandbox) -> None:
    """By its client credentials, in a header, it signs in for itself."""
    application.start_client_login(Secret(SECRET))
    state = application.wait(30)
    assert (state.phase, state.user, state.source) == ("signed_in", "sandbox-tool", "oidc")
    (record,) = box.requests_to("/oauth/token")
    assert "client_secret" not in record.form


def test_from_the_environment(account: Account, box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """EARTHDATA_CLIENT_ID and EARTHDATA_CLIENT_SECRET are an application's, as those of Terrascope are a service's."""
    monkeypatch.setenv("EARTHDATA_CLIENT_ID", "sandbox-tool")
    monkeypatch.setenv("EARTHDATA_CLIENT_SECRET", SECRET)
    account.allow_sources()
    assert account.sign_in_silently()
    assert account.came_from == "EARTHDATA_CLIENT_ID and EARTHDATA_CLIENT_SECRET"


def test_no_field_of_the_protocol_is_overridden(box: EarthdataSandbox) -> None:
    """What goes along with the page is checked for an application too."""
    with pytest.raises(ConfigurationError, match="field of the protocol"):
        box.provider(authorization_parameters=(("redirect_uri", "https://evil.example.org"),))
