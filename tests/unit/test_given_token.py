"""`ipyterrascope.login(token=…)`: a script signs in by a token that it has, at each kind of provider."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

import pytest

import ipyterrascope as ts
from ipyterrascope.configuration import Configuration, configure
from ipyterrascope.errors import LoginError, LoginRefused, TerrascopeError, UsageError
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.sandbox.earthdata import EarthdataSandbox
from ipyterrascope.status import Status
from ipyterrascope.values.connection import Connection
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.providers import Provider
from testbed.leaks import places
from testbed.openeo import FakeBackend, fake_backend

WRONG = ("wr0ng ", "t0ken")


@pytest.fixture(autouse=True)
def _nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "headless")


@pytest.fixture
def provider(box: Sandbox) -> Iterator[Provider]:
    """The sandbox as Terrascope, with its ways to sign in."""
    value = box.provider(methods=TERRASCOPE.methods, scope="openid")
    yield value
    ts.logout(value)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def backend(box: Sandbox) -> Iterator[FakeBackend]:
    with fake_backend() as running:
        running.offer(box.issuer)
        yield running


@pytest.fixture
def earthdata() -> Iterator[EarthdataSandbox]:
    with EarthdataSandbox() as running:
        configure(Configuration(beside=(running.provider(),), connection=Connection(verify=running.ca_bundle)))
        yield running
        ts.logout("earthdata")
        configure(None)


def token_of(provider: Provider) -> ts.Secret:
    return OAuthClient(provider).password("dora", ts.Secret("s3cret-Pa55")).access_token


def refusal(provider: Any, **options: Any) -> TerrascopeError:
    try:
        # whole in no variable here, for this frame is in the traceback too
        ts.login(provider, **{"token": "".join(WRONG), **options})
    except TerrascopeError as exc:
        return exc
    raise AssertionError("It was not refused.")


@pytest.mark.parametrize("is_text", [True, False])
def test_a_bearer_of_terrascope(provider: Provider, box: Sandbox, is_text: bool) -> None:
    """As text or as a `Secret` it serves until it ends: nobody is asked about it, nothing renews or revokes it."""
    token = token_of(provider)
    box.forget_requests()
    account = ts.login(provider, token=f"Bearer {token.reveal()}" if is_text else token)
    state = account.state
    assert (state.phase, state.user, state.source, state.renewable) == ("signed_in", "dora", "token", False)
    assert "by a token that was given (not checked at sign-in)" in str(Status([account]))
    assert ts.token(provider) == token
    assert box.requests == []
    assert "is not revoked" in ts.logout(provider)
    assert not account.is_signed_in


def test_a_token_of_a_back_end(backend: FakeBackend, provider: Provider) -> None:
    """The back-end is asked, and the connection of that name uses it from then on."""
    name = f"openeo:{backend.address}"
    account = ts.login(name, token=token_of(provider))
    assert (account.state.phase, account.state.source, account.is_unchecked) == ("signed_in", "token", False)
    assert ts.session(name).get(f"{backend.url}/me").json()["user_id"] == "sandbox-dora"
    account.logout()


def test_a_user_token_of_earthdata(earthdata: EarthdataSandbox) -> None:
    """Earthdata Login is asked whose it is; a session uses it."""
    account = ts.login("earthdata", token=earthdata.make_token())
    assert (account.state.user, account.is_unchecked) == ("dora", False)
    assert ts.session("earthdata").get(earthdata.add_file("a.h5", b"data")).content == b"data"


def test_a_token_that_is_refused_is_in_no_traceback(backend: FakeBackend, earthdata: EarthdataSandbox) -> None:
    """Neither in the error, nor in what a traceback with variables prints of our frames."""
    for name in (f"openeo:{backend.address}", "earthdata"):
        error = refusal(name)
        assert isinstance(error, LoginRefused)
        assert places("".join(WRONG), error) == []
        printed = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        assert "".join(WRONG) not in printed
        assert "secret = Secret('•••')" in printed


def test_a_token_that_cannot_serve(provider: Provider, box: Sandbox) -> None:
    """One that has ended, or is another issuer's, is refused before anything is sent; a login that is there goes on."""
    box.access_token_lifetime_s = 0
    with pytest.raises(LoginRefused, match="has ended"):
        ts.login(provider, token=token_of(provider))
    box.access_token_lifetime_s = 300
    account = ts.login(provider, token=token_of(provider))
    with Sandbox() as other, pytest.raises(LoginRefused, match="is no token of Terrascope"):
        ts.login(provider, token=token_of(other.provider(scope="openid")))
    assert account.is_signed_in


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"token": ""}, "That is no token"),
        ({"token": b"wr0ng t0ken"}, "That is no token"),
        ({"method": "device"}, "contradict"),
        ({"source": "hub"}, "contradict"),
        ({"remember": True}, "is not kept"),
    ],
)
def test_what_cannot_be_meant(provider: Provider, options: dict[str, Any], words: str) -> None:
    """No text, another way to sign in beside it, and the wish to keep it: each is told, and repeats nothing."""
    error = refusal(provider, **options)
    assert isinstance(error, UsageError)
    assert words in str(error)
    assert places("".join(WRONG), error) == []


def test_a_provider_that_takes_none(box: Sandbox) -> None:
    """Where the ways to sign in leave it out, a token is no way in either."""
    error = refusal(box.provider(methods=("device",)))
    assert not isinstance(error, LoginError)
    assert "It offers device." in str(error)
