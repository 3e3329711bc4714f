"""Asking for a device code: PKCE on the wire, hostile answers, a flow that is missing (RFC 8628, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest

from ipyterrascope.errors import (
    FlowUnavailable,
    LoginDenied,
    LoginExpired,
    LoginRefused,
    ProviderAnswerInvalid,
    ProviderError,
    ProviderUnreachable,
    TerrascopeError,
)
from ipyterrascope.protocol.device import AuthorizationPending, SlowDown, authorize, poll
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox, steps
from testbed.leaks import places
from testbed.loopback import loopback

CODE = "dev1ce-code-kept-secret"
ANSWER: dict[str, Any] = {
    "device_code": CODE,
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://sso.example.org/device",
    "verification_uri_complete": "https://sso.example.org/device?user_code=WDJB-MJHT",
    "expires_in": 600,
    "interval": 5,
}


def changed(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**ANSWER, **fields}.items() if value is not ...}


def test_what_goes_over_the_wire(box: Sandbox, client: OAuthClient) -> None:
    """The client, and an S256 challenge whose verifier stays here until the poll (RFC 7636 section 4)."""
    authorization = authorize(client)
    (asked,) = box.requests_to("/auth/device")
    verifier = authorization.code_verifier.reveal()
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert asked.method == "POST"
    assert dict(asked.form) == {"client_id": "public", "code_challenge": digest, "code_challenge_method": "S256"}
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
    assert verifier.encode() not in asked.body


def test_each_code_has_a_verifier_of_its_own(client: OAuthClient) -> None:
    """No verifier is used twice."""
    assert authorize(client).code_verifier != authorize(client).code_verifier


def test_the_poll_over_the_wire(box: Sandbox, client: OAuthClient) -> None:
    """A poll carries grant type, device code, client and verifier, and its answer is tokens once it was approved."""
    box.pkce_required = True
    authorization = authorize(client)
    box.approve(authorization.user_code)
    tokens = poll(client, authorization)
    asked = box.requests_to("/token", "POST")[-1]
    assert dict(asked.form) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "client_id": "public",
        "device_code": authorization.device_code.reveal(),
        "code_verifier": authorization.code_verifier.reveal(),
    }
    assert tokens.refresh_token is not None


@pytest.mark.parametrize("code", ["not_allowed", "invalid_scope"])
def test_staying_signed_in_is_given_up_where_it_is_not_allowed(box: Sandbox, code: str) -> None:
    """Where `offline_access` is refused, the same question is asked once more without it."""
    client = OAuthClient(box.provider(scope="offline_access email"))
    box.timeline.device(code)
    assert authorize(client).user_code
    assert [asked.form.get("scope") for asked in box.requests_to("/auth/device")] == ["offline_access email", "email"]


def test_a_refusal_that_shows_when_the_code_is_approved(box: Sandbox) -> None:
    """Keycloak tells only then who may not stay signed in: the next code is asked for without, the one after with."""
    client = OAuthClient(box.provider(scope="offline_access email"))
    authorization = authorize(client)
    box.approve(authorization.user_code, user="boots")
    with pytest.raises(LoginRefused, match="Get a new sign-in code") as caught:
        poll(client, authorization)
    assert (caught.value.error, caught.value.status) == ("not_allowed", 400)
    authorization = authorize(client)
    box.approve(authorization.user_code, user="boots")
    assert poll(client, authorization).refresh_expires_at is not None
    authorize(client)
    assert [asked.form.get("scope") for asked in box.requests_to("/auth/device")] == [
        *("offline_access email", "email", "offline_access email"),
    ]


def test_to_stay_signed_in_is_asked_for_by_one_code(box: Sandbox) -> None:
    """`remember` asks for `offline_access` with this code; where it is refused late, the next one does without."""
    client = OAuthClient(box.provider(scope="email"))
    for user in ("dora", "boots", "boots"):
        authorization = authorize(client, remember=True)
        box.approve(authorization.user_code, user=user)
        if "offline_access" in authorization.scope and user == "boots":
            with pytest.raises(LoginRefused, match="Get a new sign-in code"):
                poll(client, authorization)
        else:
            assert poll(client, authorization).refresh_token
    authorize(client)
    scopes = [asked.form.get("scope") for asked in box.requests_to("/auth/device")]
    assert scopes == ["email offline_access", "email offline_access", "email", "email"]


def test_a_refused_scope_that_is_another_s_is_told(box: Sandbox) -> None:
    """Without `offline_access` there is nothing to leave out: the error is told as it is."""
    client = OAuthClient(box.provider(scope="email"))
    authorization = authorize(client)
    box.timeline.token("invalid_scope")
    with pytest.raises(ProviderError, match="invalid_scope"):
        poll(client, authorization)


def test_what_is_shown(box: Sandbox, client: OAuthClient) -> None:
    """The answer is taken over as it is, with its end in POSIX seconds."""
    box.timeline.device(steps.payload(ANSWER))
    client.clock = lambda: 1000.0
    authorization = authorize(client)
    assert authorization.user_code == "WDJB-MJHT"
    assert authorization.verification_uri == ANSWER["verification_uri"]
    assert authorization.verification_uri_complete == ANSWER["verification_uri_complete"]
    assert (authorization.expires_at, authorization.interval) == (1600.0, 5.0)
    assert CODE not in repr(authorization)


def test_the_draft_s_spelling(box: Sandbox, client: OAuthClient) -> None:
    """`verification_url`, as some servers still write it, is read too."""
    box.timeline.device(steps.payload(changed(verification_uri=..., verification_url="https://sso.example.org/go")))
    assert authorize(client).verification_uri == "https://sso.example.org/go"


BAD_ADDRESSES: list[Any] = [
    *("javascript:alert(1)", "data:text/html,x", "http://sso.example.org/device", "https://good.org@evil.org/", ""),
    *("sso.example.org/device", "//sso.example.org", "https://sso.example.org/\x1b[2J", "https://sso.example.org/a b"),
    *("https://sso.example.org/\n", "https://sso.example.org/\u202egpj.exe", "https://sso.exаmple.org/", 42, None, []),
    *("https://sso.example.org/" + "x" * 3000, {"a": 1}),
]


@pytest.mark.parametrize("uri", BAD_ADDRESSES)
def test_an_address_that_nobody_should_open(box: Sandbox, client: OAuthClient, uri: object) -> None:
    """An address that is not secure, or would do something to a page or a terminal, is refused."""
    box.timeline.device(steps.payload(changed(verification_uri=uri)))
    with pytest.raises(ProviderAnswerInvalid, match="can be shown") as caught:
        authorize(client)
    assert places(CODE, caught.value) == []


@pytest.mark.parametrize("uri", BAD_ADDRESSES)
def test_a_complete_address_that_nobody_should_open(box: Sandbox, client: OAuthClient, uri: object) -> None:
    """A bad complete address is left out: the plain one and the code do."""
    box.timeline.device(steps.payload(changed(verification_uri_complete=uri)))
    assert authorize(client).verification_uri_complete is None


def test_a_complete_address_at_another_host(box: Sandbox, client: OAuthClient) -> None:
    """A link that leads to another host than the one that is shown beside the code is left out."""
    box.timeline.device(steps.payload(changed(verification_uri_complete="https://sso-example.evil.example/device")))
    assert authorize(client).verification_uri_complete is None


@pytest.mark.parametrize(
    "user_code", [..., "", None, 42, "AB\nCD", "AB\x1b[31m", " AB", "AB ", "A\u202eB", "ÄB", "x" * 65, ["A"]]
)
def test_a_code_that_cannot_be_shown(box: Sandbox, client: OAuthClient, user_code: object) -> None:
    """A user code is a short line of visible ASCII, or the answer is invalid."""
    box.timeline.device(steps.payload(changed(user_code=user_code)))
    with pytest.raises(ProviderAnswerInvalid, match="can be shown") as caught:
        authorize(client)
    assert places(CODE, caught.value) == []


@pytest.mark.parametrize("user_code", ["A", "WDJB-MJHT", "123 456", "<script>", "x" * 64])
def test_a_code_that_can_be_shown(box: Sandbox, client: OAuthClient, user_code: str) -> None:
    """Codes of all common forms are taken over as they are."""
    box.timeline.device(steps.payload(changed(user_code=user_code)))
    assert authorize(client).user_code == user_code


@pytest.mark.parametrize("code", [..., "", None, 42, [], "a\nb", "ä"])
def test_no_device_code(box: Sandbox, client: OAuthClient, code: object) -> None:
    """Without a device code that can be sent the answer is invalid."""
    box.timeline.device(steps.payload(changed(device_code=code)))
    with pytest.raises(ProviderAnswerInvalid, match="gave no device code"):
        authorize(client)


ODD: list[Any] = [..., None, "soon", "-5", True, [], float("nan")]


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [
        (5, 5),
        (2.5, 2.5),
        ("7", 7),
        (90, 90),
        (0, 1),
        (-5, 1),
        (10**400, 3600),
        (1e308, 3600),
        *[(odd, 5) for odd in ODD],
    ],
)
def test_intervals(box: Sandbox, client: OAuthClient, interval: object, seconds: float) -> None:
    """An interval is at least a second and never shortened; absent or odd it is the five seconds of the RFC."""
    box.timeline.device(steps.payload(changed(interval=interval)))
    assert authorize(client).interval == seconds


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [
        (600, 600),
        ("300", 300),
        (1, 1),
        (0, 1),
        (-5, 1),
        (10**400, 3600),
        (float("inf"), 3600),
        *[(odd, 600) for odd in ODD],
    ],
)
def test_lives(box: Sandbox, client: OAuthClient, expires_in: object, seconds: float) -> None:
    """A code lives between a second and an hour; absent or odd, ten minutes."""
    box.timeline.device(steps.payload(changed(expires_in=expires_in)))
    client.clock = lambda: 1000.0
    assert authorize(client).expires_at == 1000.0 + seconds


def test_no_endpoint(box: Sandbox) -> None:
    """A provider whose metadata names no device endpoint offers no device flow; nothing is asked."""
    box.device_flow = False
    with pytest.raises(FlowUnavailable, match="names no device_authorization_endpoint") as caught:
        authorize(OAuthClient(box.provider()))
    assert caught.value.do == "Use the password."
    assert len(box.requests) == 1
    with pytest.raises(FlowUnavailable) as caught:
        authorize(OAuthClient(box.provider(methods=("device", "basic"))))
    assert "password" not in caught.value.do


@pytest.mark.parametrize(
    "step",
    [
        404,
        steps.payload({"error": "HTTP 404 Not Found"}, 404),
        "unauthorized_client",
        "invalid_client",
        "unsupported_grant_type",
        steps.oauth_error("unauthorized_client", "Client is not allowed", 403),
    ],
)
def test_a_flow_that_is_not_on_offer(box: Sandbox, client: OAuthClient, step: Any) -> None:
    """A 404, with or without JSON, and a client that may not: the flow is not on offer, which leads to the form."""
    box.timeline.device(step)
    with pytest.raises(FlowUnavailable) as caught:
        authorize(client)
    assert caught.value.status in (400, 401, 403, 404)


def test_a_client_without_the_flow(box: Sandbox) -> None:
    """So it is with the provider's own rules: an unknown client, and one without the device grant."""
    for client_id in ("nodevice", "unknown"):
        with pytest.raises(FlowUnavailable, match=client_id):
            authorize(OAuthClient(box.provider(client_id=client_id)))


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (503, ProviderUnreachable),
        ("no_answer", ProviderUnreachable),
        ("html", ProviderAnswerInvalid),
        (steps.payload([]), ProviderAnswerInvalid),
        (steps.payload({}), ProviderAnswerInvalid),
        (steps.payload(ANSWER, 201), ProviderAnswerInvalid),
        (steps.oauth_error("made_up"), ProviderError),
    ],
)
def test_other_troubles(box: Sandbox, client: OAuthClient, step: Any, kind: type[TerrascopeError]) -> None:
    """Other troubles are what they are, and do not take the flow off the offer."""
    box.timeline.device(step)
    with pytest.raises(TerrascopeError) as caught:
        authorize(client)
    assert type(caught.value) is kind
    assert places(CODE, caught.value) == []


def test_no_redirect_is_followed(box: Sandbox, client: OAuthClient) -> None:
    """A device endpoint that redirects sends nobody anywhere."""
    with loopback() as foreign:
        box.timeline.device(steps.redirect(foreign.url, 307))
        with pytest.raises(ProviderAnswerInvalid, match="follow no redirect"):
            authorize(client)
        assert foreign.asked == []


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("authorization_pending", AuthorizationPending),
        ("slow_down", SlowDown),
        (steps.oauth_error("slow_down", "", 429), SlowDown),
        ("access_denied", LoginDenied),
        ("expired_token", LoginExpired),
        ("invalid_grant", LoginRefused),
        ("unauthorized_client", FlowUnavailable),
        (steps.oauth_error("made_up"), ProviderError),
        (503, ProviderUnreachable),
        (429, ProviderUnreachable),
        ("reset", ProviderUnreachable),
        ("html", ProviderAnswerInvalid),
    ],
)
def test_what_a_poll_can_say(box: Sandbox, client: OAuthClient, step: Any, kind: type[TerrascopeError]) -> None:
    """Each answer of RFC 8628 section 3.5 is an error of its own, and none holds the codes."""
    authorization = authorize(client)
    box.timeline.token(step)
    with pytest.raises(TerrascopeError) as caught:
        poll(client, authorization)
    assert type(caught.value) is kind
    assert places(authorization.device_code.reveal(), caught.value) == []
    assert places(authorization.code_verifier.reveal(), caught.value) == []


def test_an_approved_code_needs_its_verifier(box: Sandbox, client: OAuthClient) -> None:
    """Who has a device code but not its verifier gets nothing; the right one still does."""
    mine, other = authorize(client), authorize(client)
    box.approve(mine.user_code)
    stolen = type(mine)(**{**{name: getattr(mine, name) for name in vars(mine)}, "code_verifier": other.code_verifier})
    with pytest.raises(LoginRefused):
        poll(client, stolen)
    box.advance(6)
    assert poll(client, mine).access_token
