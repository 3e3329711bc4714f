"""The sign-in by authorization code with PKCE: what is asked, and which address that somebody pastes is believed."""

from __future__ import annotations

import base64
import getpass
import hashlib
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

import pytest

from ipyterrascope import terminal
from ipyterrascope.auth.account import Account
from ipyterrascope.errors import FlowUnavailable, LoginDenied, LoginRefused, TerrascopeError
from ipyterrascope.protocol.code import redeem, request_code
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.values.providers import Provider
from ipyterrascope.values.secret import Secret
from testbed.leaks import places
from testbed.loopback import Asked, Loopback, Reply, loopback
from testbed.openeo import as_json

BACK = "http://localhost:1410/"


@pytest.fixture
def issuer() -> Iterator[Loopback]:
    """A provider whose token endpoint takes the code "good" with the verifier of the challenge in `challenge`."""
    with loopback() as running:

        def answer(asked: Asked) -> Reply:
            if asked.method == "GET":
                endpoint = {"authorization_endpoint": f"{running.url}/auth", "token_endpoint": f"{running.url}/token"}
                return as_json({"issuer": running.url, **endpoint})
            form = dict(parse_qsl(asked.body.decode()))
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            if (form["code"], form["redirect_uri"]) != ("good", BACK) or challenge != running.challenge:  # type: ignore[attr-defined]
                return as_json({"error": "invalid_grant", "error_description": "Code not valid"}, 400)
            return as_json({"access_token": "at", "refresh_token": "rt", "token_type": "Bearer", "expires_in": 300})

        running.answer = answer
        yield running


def provider_of(issuer: Loopback, **changes: Any) -> Provider:
    fields: dict[str, Any] = {
        "name": "eo", "label": "EO", "issuer": issuer.url, "client_id": "public",
        "hosts": frozenset({f"127.0.0.1:{issuer.port}"}),
        "scope": "email openid", "redirect_uri": BACK, "methods": ("code",), "backend_url": issuer.url,
        "bearer_prefix": "oidc/eo/", "authorization_parameters": (("kc_idp_hint", "egi"),),
    }  # fmt: skip
    return Provider(**{**fields, **changes})


def led_back(issuer: Loopback, url: str, **changes: str) -> Secret:
    """Return the address that a browser is led to after a sign-in at `url`."""
    asked = {name: values[0] for name, values in parse_qs(url.partition("?")[2]).items()}
    issuer.challenge = asked["code_challenge"]  # type: ignore[attr-defined]
    answer = {"state": asked["state"], "code": "good", "session_state": "x", **changes}
    return Secret(f"{BACK}?{urlencode({name: value for name, value in answer.items() if value})}")


def test_the_page_is_asked_with_pkce_state_and_the_back_ends_parameters(issuer: Loopback) -> None:
    """Who asks, for what, where the answer goes, a fresh challenge and state; the verifier stays here."""
    client = OAuthClient(provider_of(issuer))
    first, second = request_code(client), request_code(client)
    endpoint, _, query = first.url.partition("?")
    asked = dict(parse_qsl(query))

    assert endpoint == f"{issuer.url}/auth"
    assert (asked["response_type"], asked["client_id"], asked["redirect_uri"]) == ("code", "public", BACK)
    assert (asked["scope"], asked["code_challenge_method"], asked["kc_idp_hint"]) == ("email openid", "S256", "egi")
    assert first.code_verifier.reveal() not in first.url
    assert (first.state, first.code_verifier) != (second.state, second.code_verifier)
    assert first.code_verifier.reveal() not in repr(first)


def test_the_address_is_exchanged_for_tokens(issuer: Loopback) -> None:
    """The code goes with the verifier that fits the challenge, and with the same redirect_uri."""
    client = OAuthClient(provider_of(issuer))
    request = request_code(client)
    tokens = redeem(client, request, Secret(f"  {led_back(issuer, request.url).reveal()}#_=_\n"))
    assert tokens.access_token.reveal() == "at"
    assert tokens.refresh_token is not None


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"state": "another"}, LoginRefused, "belongs to another sign-in"),
        ({"state": ""}, LoginRefused, "belongs to another sign-in"),
        ({"iss": "https://evil.example.org"}, LoginRefused, "belongs to another sign-in"),
        ({"code": ""}, LoginRefused, "no code in it"),
        ({"code": "used"}, LoginRefused, "not good any more"),
        ({"code": "", "error": "access_denied"}, LoginDenied, "was denied"),
        ({"code": "", "error": "unauthorized_client"}, FlowUnavailable, "the authorization code"),
    ],
)
def test_an_address_that_is_not_the_answer_is_refused(
    issuer: Loopback, changes: dict[str, str], error: type[TerrascopeError], words: str
) -> None:
    """Another sign-in's, another issuer's, one without a code, a used one, and a "no" are each told as such."""
    client = OAuthClient(provider_of(issuer))
    request = request_code(client)
    address = led_back(issuer, request.url, **changes)
    with pytest.raises(error, match=words) as raised:
        redeem(client, request, address)
    assert places(address.reveal(), raised.value) == []


@pytest.mark.parametrize(
    "text", ["", "good", "https://evil.example.org/?code=good", "http://localhost:1411/?code=good", BACK]
)
def test_what_is_no_such_address_is_never_sent(issuer: Loopback, text: str) -> None:
    """A code alone, an address elsewhere or without an answer: the token endpoint is not asked."""
    client = OAuthClient(provider_of(issuer))
    with pytest.raises(LoginRefused, match="not the address that the browser was led to"):
        redeem(client, request_code(client), Secret(text))
    assert [asked for asked in issuer.asked if asked.method == "POST"] == []


def test_a_client_without_a_redirect_address_has_no_such_way(issuer: Loopback) -> None:
    """It is not guessed where a provider would lead a browser."""
    with pytest.raises(FlowUnavailable, match="offers no sign-in by authorization code"):
        request_code(OAuthClient(provider_of(issuer, redirect_uri="")))


def test_at_a_terminal_the_address_is_pasted_unseen(issuer: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is printed, the address is asked for hidden, and the account is signed in."""
    out, account = io.StringIO(), Account(provider_of(issuer))

    def paste(question: str) -> str:
        (url,) = (line.strip() for line in out.getvalue().splitlines() if "/auth?" in line)
        assert "not shown" in question
        return led_back(issuer, url).reveal()

    monkeypatch.setattr(getpass, "getpass", paste)
    terminal.login(account, out=out)

    assert (account.state.phase, account.state.source, account.state.renewable) == ("signed_in", "code", True)
    assert "Signed in to EO, in a browser." in out.getvalue()
    assert "code=good" not in out.getvalue()
    assert account.headers(issuer.url) == {"Authorization": "Bearer oidc/eo/at"}
