"""Discovery: the issuer's own word, nothing insecure, and the known endpoints while it cannot be had."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NoReturn

import pytest

from ipyterrascope.errors import ProviderAnswerInvalid, ProviderError, ProviderUnreachable
from ipyterrascope.protocol.discovery import InsecureEndpoint, IssuerMismatch, discover
from ipyterrascope.protocol.http import Answer, HttpClient
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.providers import Endpoints, Provider
from ipyterrascope.values.secret import Secret

HTTP = HttpClient(Connection())


def known(box: Sandbox) -> Provider:
    """Return the sandbox as a provider whose endpoints are known beforehand."""
    return replace(box.provider(), endpoints=Endpoints(token_endpoint=f"{box.issuer}/known/token"))


def test_endpoints_are_discovered(box: Sandbox) -> None:
    """The endpoints are those that the issuer names."""
    oidc = f"{box.issuer}/protocol/openid-connect"
    assert discover(box.provider(), HTTP) == Endpoints(
        token_endpoint=f"{oidc}/token",
        device_authorization_endpoint=f"{oidc}/auth/device",
        authorization_endpoint=f"{oidc}/auth",
        revocation_endpoint=f"{oidc}/revoke",
        end_session_endpoint=f"{oidc}/logout",
    )


def test_what_is_not_named_is_not_there(box: Sandbox) -> None:
    """An endpoint that the metadata lacks is None."""
    box.discovery_changes = {"device_authorization_endpoint": None, "revocation_endpoint": None}
    found = discover(box.provider(), HTTP)
    assert (found.device_authorization_endpoint, found.revocation_endpoint) == (None, None)


@pytest.mark.parametrize("issuer", ["https://evil.example.org/realms/terrascope", "", None, 42, ["x"]])
def test_another_issuer_is_never_believed(box: Sandbox, issuer: object) -> None:
    """Metadata of another issuer is an error, and the known endpoints do not serve either (RFC 8414 section 3.3)."""
    box.discovery_changes = {"issuer": issuer}
    with pytest.raises(IssuerMismatch, match="somebody else"):
        OAuthClient(known(box)).endpoints()


def test_a_slash_at_the_end_makes_no_other_issuer(box: Sandbox) -> None:
    """An issuer that writes itself with a slash at its end is the same one."""
    box.discovery_changes = {"issuer": box.issuer + "/"}
    assert discover(box.provider(), HTTP).token_endpoint.startswith(box.issuer)


@pytest.mark.parametrize(
    "url",
    [
        *("http://sso.example.org/token", "javascript:alert(1)", "https://good.org@evil.org/", "", "/token"),
        *(42, True, ["https://x.org"]),
    ],
)
@pytest.mark.parametrize("name", ["token_endpoint", "device_authorization_endpoint", "revocation_endpoint"])
def test_an_insecure_endpoint_is_never_passed_over(box: Sandbox, name: str, url: object) -> None:
    """An endpoint that is neither https nor on loopback is an error, and the known endpoints do not serve either."""
    box.discovery_changes = {name: url}
    with pytest.raises(InsecureEndpoint, match=name):
        OAuthClient(known(box)).endpoints()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8888/token", "https://localhost/token", "https://127.1/token"])
def test_an_issuer_elsewhere_has_no_endpoint_on_this_machine(url: str) -> None:
    """Metadata from the internet sends no password to what happens to listen here."""
    issuer = "https://sso.example.org/realms/x"
    provider = Provider(name="x", label="X", issuer=issuer, client_id="public", hosts=frozenset())

    class Elsewhere(HttpClient):
        def get(self, url: str) -> Answer:
            return Answer(200, {"issuer": issuer, "token_endpoint": f"{issuer}/token", **changes})

    changes: dict[str, object] = {}
    assert discover(provider, Elsewhere(Connection())).token_endpoint == f"{issuer}/token"
    changes["token_endpoint"] = url
    with pytest.raises(InsecureEndpoint, match="token_endpoint"):
        discover(provider, Elsewhere(Connection()))


TROUBLES = {
    "HTML": ("html", ProviderAnswerInvalid),
    "missing": (404, ProviderAnswerInvalid),
    "forbidden": (403, ProviderAnswerInvalid),
    "redirected": (steps.redirect("/elsewhere"), ProviderAnswerInvalid),
    "no JSON": ("not_json", ProviderAnswerInvalid),
    "a list": (steps.payload([{"issuer": "x"}]), ProviderAnswerInvalid),
    "down": (500, ProviderUnreachable),
    "busy": (429, ProviderUnreachable),
    "gone": ("no_answer", ProviderUnreachable),
    "reset": ("reset", ProviderUnreachable),
    "drips": (steps.drip(1, 0.05), ProviderUnreachable),
    "stalls": (steps.stall(for_s=3), ProviderUnreachable),
}
SLOW = ("drips", "stalls")


@pytest.mark.parametrize("trouble", TROUBLES)
def test_metadata_that_cannot_be_had(box: Sandbox, trouble: str) -> None:
    """A page, a redirect, a failure or a drip instead of metadata is an error that says which it is."""
    step, kind = TROUBLES[trouble]
    box.timeline.discovery(step)
    http = HttpClient(Connection(), deadline_s=0.4) if trouble in SLOW else HTTP
    with pytest.raises(kind) as caught:
        discover(box.provider(), http)
    assert type(caught.value) is kind
    assert caught.value.retryable is (kind is ProviderUnreachable)
    assert len(box.requests) == 1


@pytest.mark.parametrize("trouble", [name for name in TROUBLES if name not in SLOW])
def test_known_endpoints_serve_meanwhile(box: Sandbox, trouble: str) -> None:
    """While metadata cannot be had, the known endpoints serve; without known ones the trouble is told."""
    box.timeline.discovery(TROUBLES[trouble][0], TROUBLES[trouble][0])
    assert OAuthClient(known(box)).endpoints().token_endpoint == f"{box.issuer}/known/token"
    with pytest.raises(ProviderError):
        OAuthClient(box.provider()).endpoints()


def test_a_name_that_nobody_knows_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server may take a while for its no: the known endpoints of the same host are not asked after it."""
    looked_up: list[str] = []

    def look_up(host: str, *_: object) -> NoReturn:
        looked_up.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    issuer = "https://sso.example.org/auth"
    endpoints = Endpoints(token_endpoint=f"{issuer}/token")
    provider = Provider(
        name="p", label="P", issuer=issuer, client_id="public", hosts=frozenset({"example.org"}), endpoints=endpoints
    )
    with pytest.raises(ProviderUnreachable, match=r"No server called sso\.example\.org:443 was found"):
        OAuthClient(provider).password("dora", Secret("s3cret-Pa55"))
    assert looked_up == ["sso.example.org"]


def test_metadata_without_a_token_endpoint(box: Sandbox) -> None:
    """Metadata that names no token endpoint is no metadata."""
    box.discovery_changes = {"token_endpoint": None}
    with pytest.raises(ProviderAnswerInvalid, match="token_endpoint"):
        discover(box.provider(), HTTP)


def test_discovery_is_asked_once(box: Sandbox, client: OAuthClient) -> None:
    """What was discovered is kept for the life of the client, also when eight threads ask for it at once."""
    with ThreadPoolExecutor(8) as pool:
        found = [future.result(30) for future in [pool.submit(client.endpoints) for _ in range(8)]]
    assert all(endpoints is found[0] for endpoints in found)
    assert len(box.requests_to("openid-configuration")) == 1


def test_after_a_failure_it_is_asked_again_a_minute_later(box: Sandbox) -> None:
    """Known endpoints serve for a minute, then discovery is tried anew, and what it finds stays."""
    now = [1000.0]
    client = OAuthClient(known(box), monotonic=lambda: now[0])
    box.timeline.discovery(503)
    assert client.endpoints().token_endpoint.endswith("/known/token")
    now[0] += 59
    assert client.endpoints().token_endpoint.endswith("/known/token")
    assert len(box.requests_to("openid-configuration")) == 1
    now[0] += 2
    assert client.endpoints().token_endpoint.endswith("/openid-connect/token")
    now[0] += 1e6
    client.endpoints()
    assert len(box.requests_to("openid-configuration")) == 2


def test_a_failure_without_known_endpoints_is_not_kept(box: Sandbox, client: OAuthClient) -> None:
    """Where nothing is known, each call asks, so that the first answer counts."""
    box.timeline.discovery(503)
    with pytest.raises(ProviderUnreachable):
        client.endpoints()
    assert client.endpoints().token_endpoint.startswith(box.issuer)


def test_nobody_queues_behind_a_slow_issuer(box: Sandbox, client: OAuthClient) -> None:
    """However many sign-ins wait for the metadata (cancelled ones too), one failure is for all of them."""
    box.timeline.discovery(*[steps.delayed(0.5, 503)] * 8)
    with ThreadPoolExecutor(8) as pool:
        failures = [future.exception(30) for future in [pool.submit(client.endpoints) for _ in range(8)]]
    assert {type(failure) for failure in failures} == {ProviderUnreachable}
    assert len(box.requests_to("openid-configuration")) == 1
