"""What others repeat of the secrets that they were sent, or that are held here, is not passed on; all else is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from ipyterrascope.errors import TerrascopeError
from ipyterrascope.protocol.claims import user_of
from ipyterrascope.protocol.earthdata import UserTokenApi
from ipyterrascope.protocol.earthdata_answers import FinalAnswer, explain
from ipyterrascope.protocol.echoes import Echoes, without_secrets
from ipyterrascope.protocol.http import HttpClient
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.protocol.openeo import describe_me
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.known import EARTHDATA
from ipyterrascope.values.providers import Provider
from ipyterrascope.values.secret import Secret
from testbed.leaks import places
from testbed.loopback import Asked, loopback
from testbed.openeo import as_json

FORM = Secret("client_id=public&grant_type=password&username=dora&password=s3cret++Pa55&totp=123456")


@pytest.mark.parametrize(
    "text", ["Invalid user credentials", "dora is not known to public", "s3cret Pa55", "12345", ""]
)
def test_what_holds_nothing_of_the_form_is_passed_on(text: str) -> None:
    """Names that anybody may know, and other words, stay."""
    assert Echoes(FORM).without(text) == text
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "text", ["s3cret  Pa55", "'S3CRET  PA55' is wrong", "x" * 500 + "s3cret  Pa55", "code 123456?"]
)
def test_what_holds_a_value_of_the_form_is_not(text: str) -> None:
    """A password or a code is found in capitals, behind much else, and with all its blanks."""
    assert Echoes(FORM).without(text) == ""


@pytest.mark.parametrize("field", ["error", "error_description"])
def test_a_provider_that_repeats_a_refresh_token(box: Sandbox, field: str) -> None:
    """Also the refusal of another grant shows nothing of what was sent."""
    client = OAuthClient(box.provider())
    tokens = client.password("dora", Secret("s3cret-Pa55"))
    assert tokens.refresh_token is not None
    said = {"error": "invalid_grant", "error_description": "no"} | {field: f"not {tokens.refresh_token.reveal()}"}
    box.timeline.token(steps.payload(said, 400))
    with pytest.raises(TerrascopeError) as caught:
        client.refresh(tokens)
    assert places(tokens.refresh_token.reveal(), caught.value, besides=[tokens]) == []


def jwt(claims: object) -> Secret:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return Secret(f"e30.{payload}.c2ln")


TOKEN = "opaque-Token/0123+456=="
WAYS: dict[str, Callable[[str], str]] = {
    "as it is": lambda secret: secret,
    "in capitals": lambda secret: f"NOT {secret.upper()}",
    "percent-encoded": lambda secret: f"at https://eo.example/?token={quote(secret, safe='')}&x=1",
    "percent-encoded twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "in base64": lambda secret: f"Basic {base64.b64encode(f'dora:{secret}'.encode()).decode()}",
    "in base64 of an address": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_back_end_that_repeats_the_bearer(way: str) -> None:
    """Neither name nor role, nor the code of a refusal, tells the token that was shown; the rest is told."""
    answers = [
        (200, lambda said: {"user_id": "u-1", "name": said, "roles": [said, "tester"], "budget": 5}),
        (403, lambda said: {"code": said, "message": "no"}),
    ]

    def answer(asked: Asked) -> object:
        status, body = answers[len(service.asked) - 1]
        return as_json(body(WAYS[way](asked.headers["Authorization"].rpartition("oidc/sso/")[2])), status)

    with loopback() as service:
        service.answer = answer  # type: ignore[assignment]
        provider = Provider(
            name="eo", label="EO", issuer=service.url, client_id="public", backend_url=service.url,
            hosts=frozenset({service.url.removeprefix("http://")}), bearer_prefix="oidc/sso/",
        )  # fmt: skip
        bearer = Secret(f"Bearer oidc/sso/{TOKEN}")
        told = describe_me(HttpClient(Connection()), provider, bearer)
        assert told == {"user_id": "u-1", "budget": "5", "roles": "tester"}
        with pytest.raises(TerrascopeError) as caught:
            describe_me(HttpClient(Connection()), provider, bearer)
    assert WAYS[way](TOKEN) not in str(caught.value)
    assert "It answered 403, although" in str(caught.value)


def test_a_profile_that_repeats_the_bearer() -> None:
    """What Earthdata Login says of a person is told without the token, as a value and as a name."""
    token = jwt({"uid": "dora"})
    said = {"uid": "dora", "country": token.reveal(), token.reveal(): "x", "city": "Mol"}
    with loopback(lambda _: as_json(said)) as service:
        provider = Provider(name="e", label="E", issuer=service.url, client_id="public", hosts=frozenset())
        assert UserTokenApi(provider, HttpClient(Connection())).profile(token) == {"uid": "dora", "city": "Mol"}


def test_claims_that_repeat_another_secret() -> None:
    """A token that says the refresh token for a name gives another name."""
    refresh_token = Secret("refresh-token-0123456789")
    claims = {"preferred_username": f"dora {refresh_token.reveal()}", "name": "Dora"}
    assert user_of(jwt(claims)) == "Dora"
    del refresh_token
    assert user_of(jwt(claims)) == claims["preferred_username"]


@pytest.mark.parametrize("word", ["access_token", "authorization_pending", "token_endpoint", "{issuer}/protocol"])
def test_a_token_that_is_a_word_of_the_protocol_blots_out_nothing(box: Sandbox, word: str) -> None:
    """A back-end chooses the text of what it hands out; another provider's answers are read all the same."""
    hostile = Secret(word.format(issuer=box.issuer))
    client = OAuthClient(box.provider())
    tokens = client.password("dora", Secret("s3cret-Pa55"))
    box.timeline.token("authorization_pending")
    with pytest.raises(TerrascopeError) as caught:
        client.refresh(tokens)
    assert getattr(caught.value, "error", "authorization_pending") == "authorization_pending"
    assert client.refresh(tokens).access_token != tokens.access_token
    del hostile


@pytest.mark.parametrize(
    "word", ["/credentials/oidc", "openeo-default-client", "urn:ietf:params:oauth:grant-type:device_code+pkce"]
)
def test_a_token_that_is_a_word_of_openeo_blots_out_nothing(word: str) -> None:
    """Nor does it take anything from what another back-end says of itself."""
    hostile = Secret(word)
    said = {"endpoints": [{"path": word}], word: [word, "GET"]}
    assert Echoes().cleaned(said) == said
    assert Echoes(authorization=Secret(f"Bearer {word}")).cleaned([word]) == []
    del hostile


def test_a_data_centre_that_repeats_the_bearer() -> None:
    """Its reason and the page that it names are shown without the token that it was sent."""
    token = Secret(TOKEN)
    said = {
        "resolution_url": f"{EARTHDATA.issuer}/approve_app?client_id=1&t={quote(TOKEN)}",
        "error_description": f"{TOKEN} is not approved",
    }
    error = explain(EARTHDATA, FinalAnswer("https://d.example.org/f", 403, "", json.dumps(said).encode()))
    assert error is not None
    assert error.page_url == EARTHDATA.account_url
    assert places(TOKEN, error, besides=[token]) == []


def test_what_is_kept_by_its_own_name_stays(box: Sandbox) -> None:
    """A provider that does not rotate sends the refresh token back, which is no echo."""
    client = OAuthClient(box.provider())
    tokens = client.password("dora", Secret("s3cret-Pa55"))
    assert tokens.refresh_token is not None
    body = {"access_token": "another-one", "refresh_token": tokens.refresh_token.reveal(), "token_type": "Bearer"}
    box.timeline.token(steps.payload(body, 200))
    assert client.refresh(tokens).refresh_token == tokens.refresh_token
