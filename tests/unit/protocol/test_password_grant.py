"""The password grant: what goes over the wire, what each refusal means, and that a failure holds no password."""

from __future__ import annotations

import io
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from ipyterrascope.errors import (
    FlowUnavailable,
    LoginRefused,
    ProviderAnswerInvalid,
    ProviderError,
    ProviderUnreachable,
    TerrascopeError,
    UsageError,
)
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.sandbox.messages import ReceivedRequest
from ipyterrascope.threads.errand import Errand
from ipyterrascope.values.providers import Endpoints
from ipyterrascope.values.secret import Secret
from testbed.leaks import places
from testbed.loopback import Reply, loopback

WRONG = "wr0ng-Pa55-kept-secret"
CODE = "471199-kept-secret"


def token_requests(box: Sandbox) -> list[ReceivedRequest]:
    return box.requests_to("/token", "POST")


def failure_of(call: Callable[[], object]) -> TerrascopeError:
    try:
        call()
    except TerrascopeError as exc:
        return exc
    raise AssertionError("nothing was raised")


def assert_clean(error: TerrascopeError, *secrets: str) -> None:
    """Nothing of an error holds a secret or a request: chain, attributes, frames with their locals, pickle, texts."""
    stream = io.StringIO()
    stream.writelines(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    for secret in secrets:
        assert secret not in stream.getvalue()
        assert secret.encode() not in pickle.dumps(error)
        assert places(secret, error) == []
    assert error.__cause__ is None
    assert error.__context__ is None
    assert set(vars(error)) == {"what", "why", "do", "error", "status", "retry_after_s", "page_url"}


def test_the_form(box: Sandbox, client: OAuthClient) -> None:
    """RFC 6749 section 4.3: grant type, client, name and password in the body, nothing in address or headers."""
    tokens = client.password("dora", Secret("s3cret-Pa55"))
    (asked,) = token_requests(box)
    assert dict(asked.form) == {
        "grant_type": "password",
        "client_id": "public",
        "username": "dora",
        "password": "s3cret-Pa55",
    }
    assert (dict(asked.query), "Authorization" in asked.headers) == ({}, False)
    assert tokens.refresh_token is not None
    assert tokens.lifetime_s == 300


def test_unicode_and_symbols(box: Sandbox, client: OAuthClient) -> None:
    """A password of umlauts, blanks and symbols arrives as it was typed, encoded as UTF-8."""
    client.password("boots", Secret("päss wörd+&%"))
    body = token_requests(box)[0].body
    assert parse_qs(body.decode("ascii"))["password"] == ["päss wörd+&%"]


@pytest.mark.parametrize("password", ["=&;#%+ ", "\x00\x01", "日本語🛰", "'\"<>\\", "x" * 5000])
def test_any_password_arrives(box: Sandbox, client: OAuthClient, password: str) -> None:
    """Whatever the characters of a password, the provider sees exactly them."""
    failure_of(lambda: client.password("dora", Secret(password)))
    assert parse_qs(token_requests(box)[0].body.decode("ascii"))["password"] == [password]


def test_the_one_time_code(box: Sandbox, client: OAuthClient) -> None:
    """With two factors, the code goes along as `totp`."""
    client.password("swiper", Secret("otp-Pa55"), Secret(box.one_time_code()))
    assert set(token_requests(box)[0].form) == {"grant_type", "client_id", "username", "password", "totp"}
    assert isinstance(failure_of(lambda: client.password("swiper", Secret("otp-Pa55"))), LoginRefused)


def test_half_a_character_cannot_be_sent(box: Sandbox, client: OAuthClient) -> None:
    """A password that is no text, as an environment that is not UTF-8 may give, is refused before it is sent."""
    error = failure_of(lambda: client.password("dora", Secret(f"{WRONG}\udcff")))
    assert isinstance(error, UsageError)
    assert_clean(error, WRONG)
    assert token_requests(box) == []


@pytest.mark.parametrize(
    ("user", "password", "words"),
    [
        ("dora", WRONG, "did not accept the user name and password"),
        ("nobody", WRONG, "did not accept the user name and password"),
        ("swiper", "otp-Pa55", "one-time code"),
        ("disabled", "x", 'It said "Account disabled". Only Terrascope can change that'),
        ("mustact", "x", 'It said "Account is not fully set up". Open your account at http'),
    ],
)
def test_what_a_refusal_means(client: OAuthClient, user: str, password: str, words: str) -> None:
    """Keycloak says `invalid_grant` to all: the description tells a wrong password from an account's trouble."""
    error = failure_of(lambda: client.password(user, Secret(password)))
    assert isinstance(error, LoginRefused)
    assert words in str(error)
    assert (error.error, error.status, error.retryable) == ("invalid_grant", 400, False)


def test_an_older_keycloak(box: Sandbox, client: OAuthClient) -> None:
    """A wrong password answered by 401, as older Keycloaks do, is the same refusal."""
    box.timeline.token(steps.oauth_error("invalid_grant", "Invalid user credentials", 401))
    error = failure_of(lambda: client.password("dora", Secret(WRONG)))
    assert isinstance(error, LoginRefused)
    assert error.status == 401


@pytest.mark.parametrize(
    "step",
    [
        *(401, 403, steps.payload({"message": "Forbidden"}, 403)),
        *(steps.payload([], 401), steps.payload({"error": 7}, 401)),
    ],
)
def test_a_bare_no_is_a_refusal_too(box: Sandbox, client: OAuthClient, step: int | steps.Step) -> None:
    """401 or 403 without an OAuth error, as some providers and gateways answer, means a wrong password."""
    box.timeline.token(step)
    error = failure_of(lambda: client.password("dora", Secret(WRONG)))
    assert isinstance(error, LoginRefused)
    assert (error.error, error.status in (401, 403), error.retryable) == (None, True, False)
    assert "did not accept the user name and password" in str(error)
    assert_clean(error, WRONG)


@pytest.mark.parametrize("step", [400, 404, 405, steps.payload({"message": "?"}, 400)])
def test_another_bare_answer_blames_no_password(box: Sandbox, client: OAuthClient, step: int | steps.Step) -> None:
    """Any other answer that is no OAuth message is the provider's fault."""
    box.timeline.token(step)
    assert isinstance(failure_of(lambda: client.password("dora", Secret(WRONG))), ProviderAnswerInvalid)


@pytest.mark.parametrize("code", ["unauthorized_client", "invalid_client", "unsupported_grant_type"])
def test_a_client_that_may_not(box: Sandbox, client: OAuthClient, code: str) -> None:
    """A client without the password grant is no fault of the person: the flow is not on offer."""
    box.timeline.token(code)
    error = failure_of(lambda: client.password("dora", Secret("s3cret-Pa55")))
    assert isinstance(error, FlowUnavailable)
    assert error.error == code


def test_an_error_that_nobody_foresaw(box: Sandbox, client: OAuthClient) -> None:
    """Any other code is told as the provider said it, made fit to be shown."""
    box.timeline.token(steps.oauth_error("made_up", "Who\x1b[2J knows\u202e"))
    error = failure_of(lambda: client.password("dora", Secret("s3cret-Pa55")))
    assert type(error) is ProviderError
    assert 'It said made_up: "Who [2J knows".' in str(error)


@pytest.mark.parametrize("code", ["not_allowed", "invalid_scope"])
def test_staying_signed_in_is_given_up_where_it_is_not_allowed(box: Sandbox, code: str) -> None:
    """Where `offline_access` is refused, the same question is asked once more without it."""
    client = OAuthClient(box.provider(scope="offline_access email"))
    box.timeline.token(code)
    tokens = client.password("dora", Secret("s3cret-Pa55"))
    assert [asked.form.get("scope") for asked in token_requests(box)] == ["offline_access email", "email"]
    assert "offline_access" not in tokens.scope.split()


def test_staying_signed_in_by_real_rules(box: Sandbox) -> None:
    """Who may stay has a refresh token that does not end; who may not is signed in all the same."""
    client = OAuthClient(box.provider(scope="offline_access"))
    assert client.password("dora", Secret("s3cret-Pa55")).refresh_expires_at is None
    assert client.password("boots", Secret("päss wörd+&%")).refresh_expires_at is not None


def test_to_stay_signed_in_is_asked_for_by_one_login(box: Sandbox) -> None:
    """`remember` asks for `offline_access` beside the configured scope, once; the next login does as it says."""
    client = OAuthClient(box.provider(scope="email"))
    assert client.password("dora", Secret("s3cret-Pa55"), remember=True).refresh_expires_at is None
    assert client.password("dora", Secret("s3cret-Pa55")).refresh_expires_at is not None
    client = OAuthClient(box.provider(scope="offline_access"))
    client.password("dora", Secret("s3cret-Pa55"), remember=True)
    assert [asked.form.get("scope") for asked in token_requests(box)] == [
        *("email offline_access", "email", "offline_access"),
    ]


def test_a_one_time_code_is_not_sent_twice(box: Sandbox) -> None:
    """Where `offline_access` is refused together with a one-time code, that is told, and the next code does without."""
    client = OAuthClient(box.provider())
    code = box.one_time_code()
    with pytest.raises(LoginRefused, match="with a new one-time code") as caught:
        client.password("swiper", Secret("otp-Pa55"), Secret(code), remember=True)
    assert caught.value.error == "not_allowed"
    assert client.password("swiper", Secret("otp-Pa55"), Secret(code), remember=True).refresh_expires_at is not None
    assert [asked.form.get("scope") for asked in token_requests(box)] == ["offline_access", None]
    client.password("dora", Secret("s3cret-Pa55"), remember=True)
    assert token_requests(box)[-1].form.get("scope") == "offline_access"


def test_a_refused_scope_is_asked_once_more_only(box: Sandbox) -> None:
    """A scope that is refused for another reason is an error, not a loop."""
    client = OAuthClient(box.provider(scope="offline_access"))
    box.timeline.token("not_allowed", "not_allowed", "not_allowed")
    error = failure_of(lambda: client.password("dora", Secret("s3cret-Pa55")))
    assert (type(error), error.error) == (ProviderError, "not_allowed")
    assert len(token_requests(box)) == 2
    box.timeline.clear()
    box.timeline.token("invalid_scope")
    client = OAuthClient(box.provider(scope="email  profile"))
    assert failure_of(lambda: client.password("dora", Secret("s3cret-Pa55"))).error == "invalid_scope"
    assert len(token_requests(box)) == 3


def test_no_redirect_takes_a_password_away(box: Sandbox, client: OAuthClient) -> None:
    """A 307 to another server, which asks to repeat the body there, gets nothing."""
    with loopback() as foreign:
        for status in (301, 302, 303, 307, 308):
            box.timeline.token(steps.redirect(f"{foreign.url}/token", status))
            error = failure_of(lambda: client.password("dora", Secret(WRONG)))
            assert isinstance(error, ProviderAnswerInvalid)
            assert "follow no redirect" in str(error)
            assert_clean(error, WRONG)
        assert foreign.asked == []


def test_netrc_is_not_used(box: Sandbox, client: OAuthClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ~/.netrc for the provider's host neither adds to nor replaces what is sent."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    client.password("dora", Secret("s3cret-Pa55"))
    assert not any("Authorization" in asked.headers for asked in box.requests)


FAULTS = {
    "wrong password": None,
    "HTML with 200": "html",
    "not JSON": "not_json",
    "no access token": "missing_access_token",
    "wrong types": "wrong_types",
    "down": 503,
    "reset": "reset",
    "no answer": "no_answer",
    "another token type": steps.payload({"access_token": "minted-kept-secret", "token_type": "mac"}),
    "a bad refresh token": steps.payload({"access_token": "minted-kept-secret", "refresh_token": "a b"}),
    "a null": steps.payload(None),
    "a list": steps.payload([1]),
    "an odd error": steps.oauth_error("made_up"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_failure_holds_the_password(box: Sandbox, client: OAuthClient, fault: str) -> None:
    """However it fails, nothing of the error leads to password, code or tokens: chain, locals, pickle, text."""
    step = FAULTS[fault]
    if step is not None:
        box.timeline.token(step)
    error = failure_of(lambda: client.password("dora", Secret(WRONG), Secret(CODE)))
    assert_clean(error, WRONG, CODE, "minted-kept-secret")


def test_a_provider_that_repeats_the_password(box: Sandbox, client: OAuthClient) -> None:
    """What a provider says is not passed on where the password is in it."""
    box.timeline.token(steps.oauth_error("invalid_grant", f"'{WRONG}' is not the password"))
    error = failure_of(lambda: client.password("dora", Secret(WRONG)))
    assert "did not accept" in str(error)
    assert places(WRONG, error) == []


def test_an_interrupt_holds_no_password_either(
    box: Sandbox, client: OAuthClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while the answer is waited for raises without a frame that holds the form."""

    def interrupted(self: Errand[object], timeout_s: float | None = None, signal: object = None) -> object:
        raise KeyboardInterrupt

    client.endpoints()
    monkeypatch.setattr(Errand, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        client.password("dora", Secret(WRONG))
    assert places(WRONG, caught.value) == []


def test_nothing_is_logged(box: Sandbox, client: OAuthClient, caplog: pytest.LogCaptureFixture) -> None:
    """At DEBUG, with every library talking, neither password nor token reaches a log."""
    caplog.set_level(logging.DEBUG)
    tokens = client.password("dora", Secret("s3cret-Pa55"))
    failure_of(lambda: client.password("dora", Secret(WRONG)))
    assert "s3cret-Pa55" not in caplog.text
    assert WRONG not in caplog.text
    assert tokens.access_token.reveal() not in caplog.text


def test_known_endpoints_are_asked_while_discovery_fails(box: Sandbox) -> None:
    """With known endpoints a sign-in needs no discovery."""
    box.discovery = False
    endpoints = Endpoints(token_endpoint=f"{box.issuer}/protocol/openid-connect/token")
    client = OAuthClient(replace(box.provider(), endpoints=endpoints))
    assert client.password("dora", Secret("s3cret-Pa55")).access_token


def test_times_count_from_the_question() -> None:
    """A slow answer does not make a token live longer: its life counts from when it was asked for."""
    now = [1000.0]

    def answer(_: object) -> Reply:
        now[0] += 15
        return Reply(200, b'{"access_token": "abc", "expires_in": 300}')

    with loopback(answer) as server:
        box = Sandbox()
        with box:
            endpoints = Endpoints(token_endpoint=f"{server.url}/token")
            box.discovery = False
            client = OAuthClient(replace(box.provider(), endpoints=endpoints), clock=lambda: now[0])
            tokens = client.password("dora", Secret("x"))
    assert (tokens.issued_at, tokens.expires_at) == (1000.0, 1300.0)


def test_unreachable_is_passing() -> None:
    """A provider that is down is told as passing."""
    with Sandbox() as box:
        provider = box.provider()
    error = failure_of(lambda: OAuthClient(provider).password("dora", Secret(WRONG)))
    assert isinstance(error, ProviderUnreachable)
    assert_clean(error, WRONG)
