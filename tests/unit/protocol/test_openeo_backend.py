"""What an openEO back-end says of itself: how it is found, and how little it is believed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ipyterrascope.errors import LoginRefused, ProviderAnswerInvalid, ProviderError, ProviderUnreachable, UsageError
from ipyterrascope.protocol.http import HttpClient
from ipyterrascope.protocol.openeo import address_of, basic_tokens, describe_me, discover_backend
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.openeo import Backend, DefaultClient
from ipyterrascope.values.providers import Provider
from ipyterrascope.values.secret import Secret
from testbed.loopback import Reply
from testbed.openeo import DEVICE, FakeBackend, as_json, fake_backend

ISSUER = "https://sso.example.org/realms/eo"


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    with fake_backend() as running:
        yield running


def found(backend: FakeBackend) -> Backend:
    return discover_backend(backend.address, HttpClient(Connection()))


def provider_of(backend: FakeBackend, **changes: Any) -> Provider:
    host = backend.address.removeprefix("http://")
    fields: dict[str, Any] = {
        "name": "eo", "label": "EO", "issuer": ISSUER, "client_id": "public", "hosts": frozenset({host}),
        "backend_url": backend.url, "bearer_prefix": "basic//",
    }  # fmt: skip
    return Provider(**{**fields, **changes})


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("openeo.terrascope.be", "https://openeo.terrascope.be"),
        ("https://openeo.terrascope.be/", "https://openeo.terrascope.be"),
        ("openeo.example.org:8443/eo/1.2/", "https://openeo.example.org:8443/eo/1.2"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_an_address_is_https_unless_it_says_else(text: str, address: str) -> None:
    """A person writes the host alone; http is for loopback."""
    assert address_of(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "http://openeo.example.org", "https://u:pa55w0rd@h.example.org", "ftp://h", "h?a=b", "h/%2e", "two words"],
)
def test_what_is_no_secure_address_is_refused_and_not_repeated(text: str) -> None:
    """No plain http, no user information, no query; the error does not show what may be a password."""
    with pytest.raises(UsageError) as raised:
        address_of(text)
    assert "pa55w0rd" not in str(raised.value)


def test_the_api_the_providers_and_their_clients_are_found(backend: FakeBackend) -> None:
    """`/.well-known/openeo` leads to the API, which tells its providers and whether it takes passwords itself."""
    backend.offer(ISSUER, scopes=["openid", "email"], authorization_parameters={"kc_idp_hint": "egi"})
    backend.users = {}
    told = found(backend)

    assert (told.url, told.host, told.offers_basic) == (backend.url, backend.address.removeprefix("http://"), True)
    (provider,) = told.providers
    assert (provider.id, provider.issuer, provider.scopes) == ("sso", ISSUER, ("openid", "email"))
    assert provider.default_clients == (DefaultClient(client_id="public", grant_types=(DEVICE, "refresh_token")),)
    assert provider.authorization_parameters == (("kc_idp_hint", "egi"),)


def test_the_newest_version_for_production_is_taken(backend: FakeBackend) -> None:
    """A version that is not for production, or older than 1.0, is passed over."""
    versions = [
        {"url": "https://h.example.org/0.4", "api_version": "0.4.2"},
        {"url": f"{backend.url}/", "api_version": "1.2.0"},
        {"url": "https://h.example.org/1.1", "api_version": "1.1.0"},
        {"url": "https://h.example.org/1.10", "api_version": "1.10.0", "production": False},
        {"url": "https://h.example.org/rc", "api_version": "1.2.0-rc.1"},
        {"url": "https://h.example.org/odd", "api_version": "newest"},
    ]
    backend.answers["/.well-known/openeo"] = as_json({"versions": versions})
    assert found(backend).url == backend.url


def test_an_address_without_the_well_known_document_is_the_api(backend: FakeBackend) -> None:
    """The root of the API can be named itself."""
    backend.offer(ISSUER)
    told = discover_backend(backend.url, HttpClient(Connection()))
    assert (told.url, len(told.providers)) == (backend.url, 1)


@pytest.mark.parametrize("url", ["http://h.example.org/eo", "https://u:p@h.example.org", "https://h.example.org/?a=b"])
def test_a_version_that_leads_astray_is_refused(backend: FakeBackend, url: str) -> None:
    """The API of a back-end has to be a secure address."""
    backend.answers["/.well-known/openeo"] = as_json({"versions": [{"url": url, "api_version": "1.2.0"}]})
    with pytest.raises(ProviderAnswerInvalid, match="not safe to ask"):
        found(backend)


@pytest.mark.parametrize(
    "reply",
    [Reply(404), Reply(200, b"<html>"), as_json([]), as_json({"endpoints": []}), Reply(302, b"", {"Location": "/"})],
)
def test_what_is_no_back_end_is_said_to_be_none(backend: FakeBackend, reply: Reply) -> None:
    """A web page, or JSON that is not openEO's, is no back-end."""
    backend.answers["/openeo/1.2/"] = reply
    with pytest.raises(ProviderAnswerInvalid, match="no openEO back-end"):
        found(backend)


@pytest.mark.parametrize("path", ["/.well-known/openeo", "/openeo/1.2/", "/openeo/1.2/credentials/oidc"])
def test_a_back_end_that_is_down_may_come_back(backend: FakeBackend, path: str) -> None:
    """503 at any step is a passing trouble, and so is no answer at all."""
    backend.answers[path] = Reply(503)
    with pytest.raises(ProviderUnreachable):
        found(backend)


def test_a_back_end_that_is_not_there() -> None:
    """Nobody listens: that may pass."""
    with fake_backend() as gone:
        pass
    with pytest.raises(ProviderUnreachable, match="was not reached"):
        found(gone)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "a/b"}, {"id": ""}, {"id": "line\nbreak"}, {"id": 7}, {"id": "basic"},
        {"issuer": "http://sso.example.org"}, {"issuer": "https://u:p@sso.example.org"}, {"issuer": None},
        {"issuer": "https://sso.example.org?realm=eo"},
    ],
)  # fmt: skip
def test_an_odd_provider_is_passed_over(backend: FakeBackend, changes: dict[str, Any]) -> None:
    """Its id stands in a header and its issuer is asked: one that is not right is not there, the next one serves."""
    backend.offer(ISSUER, **changes)
    with pytest.raises(ProviderAnswerInvalid, match="no provider that can be used"):
        found(backend)
    backend.offer(ISSUER, id="good")
    assert [provider.id for provider in found(backend).providers] == ["good"]


def test_odd_parts_of_a_provider_are_left_out(backend: FakeBackend) -> None:
    """Scopes, clients, links and titles that no back-end has are left out; the rest serves."""
    backend.offer(
        ISSUER,
        title="two\nlines",
        scopes=["email", 'a"b', "two words", 7],
        default_clients=[{"id": "x\ny"}, "odd", {"grant_types": []}, {"id": "good", "grant_types": "device"}],
        links=[{"href": "javascript:alert(1)", "rel": "register"}, {"href": "https://h.example.org", "rel": "help"}],
    )
    (provider,) = found(backend).providers
    assert (provider.title, provider.scopes) == ("", ("email",))
    assert provider.default_clients == (DefaultClient(client_id="good", grant_types=()),)
    assert [(link.rel, link.url, link.title) for link in provider.links] == [("help", "https://h.example.org", "help")]


def test_authorization_parameters_override_no_field_of_the_protocol(backend: FakeBackend) -> None:
    """A back-end cannot say who asks, for what, or where the answer goes; numbers are text, odd values left out."""
    backend.offer(
        ISSUER,
        authorization_parameters={
            "client_id": "evil", "SCOPE": "all", "redirect_uri": "https://evil.example.org", "code_challenge": "x",
            "nonce": "n", "a b": "c", "nested": {"a": 1}, "line": "a\nb", "prompt": "login", "max_age": 60,
        },
    )  # fmt: skip
    (provider,) = found(backend).providers
    assert provider.authorization_parameters == (("max_age", "60"), ("prompt", "login"))


def test_a_huge_list_is_cut(backend: FakeBackend) -> None:
    """Nobody is asked to choose among thousands."""
    for n in range(80):
        backend.offer(ISSUER, id=f"p{n}")
    assert len(found(backend).providers) == 50


def test_user_name_and_password_are_exchanged_for_a_token(backend: FakeBackend) -> None:
    """`/credentials/basic` gives a token, and a wrong password is told as such."""
    backend.users, http = {"dora": "pa55w0rd"}, HttpClient(Connection())
    good, bad = (Secret(text) for text in ("ZG9yYTpwYTU1dzByZA==", "ZG9yYTp4"))

    tokens = basic_tokens(http, provider_of(backend), good, 1000.0)
    assert (tokens.access_token.reveal(), tokens.expires_at, tokens.refresh_token) == ("basic-dora-0", None, None)
    with pytest.raises(LoginRefused, match="did not accept the user name and password"):
        basic_tokens(http, provider_of(backend), bad, 1000.0)


def test_who_is_signed_in_is_told_in_text_that_can_be_shown(backend: FakeBackend) -> None:
    """Of `/me` only short, printable facts are kept."""
    me = {"user_id": "u\n1", "name": "x" * 500, "roles": ["a", 7, "b"], "budget": 12.5, "links": [], "storage": {}}
    backend.answers["/openeo/1.2/me"] = as_json(me)
    told = describe_me(HttpClient(Connection()), provider_of(backend), Secret("Bearer basic//x"))
    assert told == {"user_id": "u 1", "name": "x" * 99 + "…", "roles": "a, b", "budget": "12.5"}


def test_a_back_end_that_refuses_a_token_says_where_to_register(backend: FakeBackend) -> None:
    """403 with a token that the provider gave: the pages of the provider are named."""
    backend.offer(ISSUER, links=[{"href": "https://join.example.org", "rel": "register"}])
    links = found(backend).providers[0].links
    with pytest.raises(LoginRefused) as raised:
        describe_me(HttpClient(Connection()), provider_of(backend, links=links), Secret("Bearer basic//x"))
    assert "403 (TokenInvalid)" in str(raised.value)
    assert "https://join.example.org" in str(raised.value)


def test_me_that_is_no_json_is_a_fault_of_the_back_end(backend: FakeBackend) -> None:
    """What cannot be read is no account."""
    backend.answers["/openeo/1.2/me"] = Reply(200, b"<html>")
    with pytest.raises(ProviderError):
        describe_me(HttpClient(Connection()), provider_of(backend), Secret("Bearer basic//x"))
