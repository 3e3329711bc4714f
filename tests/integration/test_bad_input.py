"""What goes wrong between a person and the service: each a clear error of the tree, and nothing is lost by it.

Lines that cannot be read are in the tests of the magics, files that cannot be fetched in those of the transfers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from places import Ended

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.errors import (
    ConfigurationError,
    ProviderAnswerInvalid,
    ProviderUnreachable,
    ServerRefused,
    TerrascopeError,
)
from ipyterrascope.protocol import http
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.secret import Secret


@pytest.fixture(autouse=True)
def _nobody_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "headless")


@pytest.fixture
def account(box: Sandbox) -> Iterator[Account]:
    made = ts.account(box.provider())
    yield made
    made.logout()


def outcome_of(start: Callable[[], None], account: Account) -> TerrascopeError | None:
    start()
    return account.wait(30).error


def by_password(account: Account) -> TerrascopeError | None:
    return outcome_of(lambda: account.start_password_login("dora", Secret("s3cret-Pa55")), account)


def by_code(account: Account) -> TerrascopeError | None:
    return outcome_of(account.start_device_login, account)


def scripted(box: Sandbox, endpoint: str, step: str | int | steps.Step) -> None:
    getattr(box.timeline, endpoint)(step)


SLOW = steps.delayed(2)
TROUBLES = [
    ("discovery", "no_answer", ProviderUnreachable, "was not reached."),
    ("discovery", SLOW, ProviderUnreachable, "did not answer in time."),
    ("discovery", 503, ProviderUnreachable, "cannot answer right now."),
    ("discovery", "html", ProviderAnswerInvalid, "gave no OpenID configuration."),
    ("discovery", "not_json", ProviderAnswerInvalid, "gave no OpenID configuration."),
    ("discovery", "redirect_to_login", ProviderAnswerInvalid, "gave no OpenID configuration."),
    (
        "discovery",
        steps.payload({"issuer": "https://x.example.org"}),
        ProviderAnswerInvalid,
        "says it is somebody else",
    ),
    ("token", "no_answer", ProviderUnreachable, "was not reached."),
    ("token", SLOW, ProviderUnreachable, "did not answer in time."),
    ("token", 500, ProviderUnreachable, "cannot answer right now."),
    ("token", 429, ProviderUnreachable, "cannot answer right now."),
    ("token", "html", ProviderAnswerInvalid, "instead of JSON"),
    ("token", "missing_access_token", ProviderAnswerInvalid, "access_token"),
    ("token", "wrong_types", ProviderAnswerInvalid, ""),
    ("token", "truncated", ProviderUnreachable, ""),
]


@pytest.mark.parametrize(("endpoint", "step", "error", "text"), TROUBLES)
def test_trouble_at_the_provider_is_said_and_the_next_try_works(
    box: Sandbox, account: Account, endpoint: str, step: str | int | steps.Step, error: type[Exception], text: str
) -> None:
    """A provider that is down, slow or answers nonsense is a `ProviderError` in words; the next try signs in."""
    scripted(box, endpoint, step)
    with pytest.MonkeyPatch.context() as patch:
        if step is SLOW:
            patch.setattr(http, "_READ_TIMEOUT_S", 0.5)
        found = by_password(account)
    assert isinstance(found, error), repr(found)
    assert text in str(found)
    assert "s3cret-Pa55" not in str(found)
    assert found.do
    assert by_password(account) is None
    assert ts.session(account.provider).get(box.download_urls[0]).status_code == 200


@pytest.mark.parametrize(
    "step", ["no_answer", 503, "html", "not_json", steps.payload({"device_code": 1}), "redirect_to_login"]
)
def test_trouble_with_the_device_code_is_said_and_the_form_still_works(
    box: Sandbox, account: Account, step: str | int | steps.Step
) -> None:
    """A device endpoint that answers nonsense is an error in words, and does not stand in the way of the password."""
    scripted(box, "device", step)
    assert isinstance(by_code(account), TerrascopeError)
    assert by_password(account) is None


def test_an_issuer_that_is_down_is_said_at_once(tmp_path: Path) -> None:
    """Nobody listens at the issuer's address: the error names it, and asks for the network."""
    with Sandbox() as gone:
        provider = gone.provider()
    account = ts.account(provider)
    assert str(by_password(account)).startswith(f"127.0.0.1:{gone.port} was not reached.")


@pytest.mark.parametrize(
    "fields",
    [
        {"issuer": "http://sso.example.org/realm"},
        {"issuer": "https://dora:pa55@sso.example.org/realm"},
        {"issuer": "https://sso.example.org/realm?x=1"},
        {"hosts": frozenset({"https://data.example.org"})},
        {"hosts": frozenset({"*.example.org"})},
        {"hosts": "data.example.org"},
        {"client_id": ""},
        {"name": "my provider"},
    ],
)
def test_a_provider_that_cannot_be_right_is_not_made(box: Sandbox, fields: dict[str, object]) -> None:
    """A wrong issuer, host, client or name is said when the `Provider` is made, before anything is sent."""
    with pytest.raises(ConfigurationError) as caught:
        box.provider(**fields)
    assert "pa55" not in str(caught.value)


def test_a_provider_that_is_away_is_not_noticed_while_the_token_lives(box: Sandbox, account: Account) -> None:
    """Requests with a live token ask the provider nothing."""
    assert by_password(account) is None
    box.timeline.token(503)
    assert ts.session(account.provider).get(box.download_urls[0]).status_code == 200
    assert box.timeline.left("token") == 1


def test_a_provider_that_is_away_costs_no_login() -> None:
    """When the token has ended meanwhile the error says that it will pass; then all goes on without a new login."""
    with Sandbox(access_token_lifetime_s=2) as box:
        account = ts.account(box.provider())
        assert by_password(account) is None
        session = ts.session(account.provider)
        time.sleep(2.1)
        box.timeline.token(503)
        for _ in range(2):
            with pytest.raises(ProviderUnreachable) as caught:
                session.get(box.download_urls[0])
            assert caught.value.retryable
        time.sleep(1.1)
        assert session.get(box.download_urls[0]).status_code == 200
        account.logout()


def test_a_session_that_ended_says_so_and_what_was_fetched_stays(
    box: Sandbox, account: Account, tmp_path: Path
) -> None:
    """When the provider ended the session the download stops with what to do; signing in again fetches the rest."""
    assert by_password(account) is None
    first, second = box.download_urls[:2]
    ts.download([first], tmp_path, provider=account.provider)
    box.revoke_all()
    with pytest.raises(TerrascopeError):
        ts.download([first, second], tmp_path, provider=account.provider)
    assert len([*tmp_path.glob("*.tif")]) == 1
    assert by_password(account) is None
    report = ts.download([first, second], tmp_path, provider=account.provider)
    assert (len(report.saved), len(report.skipped)) == (1, 1)


@pytest.mark.parametrize("seconds", [-86_400, 86_400 * 365])
def test_a_providers_clock_that_jumps_is_survived(box: Sandbox, account: Account, seconds: int) -> None:
    """Whether the provider's clock is a day behind or a year ahead, a login made then works."""
    box.advance(seconds)
    assert by_password(account) is None
    assert ts.session(account.provider).get(box.download_urls[0]).status_code == 200


@pytest.mark.parametrize("seconds", [-86_400, 7_200])
def test_this_machines_clock_that_jumps_costs_no_login(
    script: Callable[..., Ended], box: Sandbox, credentials: dict[str, str], seconds: int
) -> None:
    """When the clock of this machine jumps by hours, the session goes on, with one renewal at most."""
    done = script(
        f"""
import time
real, jumped = time.time, 0
time.time = lambda: real() + jumped
import ipyterrascope as ts

session = ts.session()
jumped = {seconds}
print([session.get({box.download_urls[0]!r}).status_code for _ in range(3)])
""",
        **credentials,
    )
    assert done.stdout == "[200, 200, 200]\n", done.stderr
    assert len(box.requests_to("/token")) <= 2


def test_file_of_a_host_that_gets_no_login(box: Sandbox, tmp_path: Path) -> None:
    """A host that is none of the provider's refuses for want of a login; the error says so, and which hosts get it."""
    elsewhere = replace(box.provider(), name="hosts-elsewhere", hosts=frozenset({"data.example.org"}))
    for source in (box.download_urls[0], box.download_urls[:1]):
        with pytest.raises(TerrascopeError, match=r"\(401\), and no login was sent there") as caught:
            ts.download(source, tmp_path, provider=elsewhere)
        assert "--provider" in str(caught.value)
        assert "c.Terrascope.hosts" in str(caught.value)
    with pytest.raises(ServerRefused, match=r"only: data\.example\.org\."):
        ts.download(box.download_urls[0], tmp_path, provider=elsewhere)
