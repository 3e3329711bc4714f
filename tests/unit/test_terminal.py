"""Signing in by text, seen from inside: what is printed, what is asked, and how it ends."""

from __future__ import annotations

import getpass
import io
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from ipyterrascope import terminal
from ipyterrascope.auth.account import Account
from ipyterrascope.errors import (
    AccountRefused,
    FlowUnavailable,
    LoginCancelled,
    LoginDenied,
    LoginRefused,
    LoginRequired,
    ProviderUnreachable,
    UsageError,
)
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.providers import Provider
from ipyterrascope.values.secret import Secret

Typed: TypeAlias = "list[str | type[BaseException]]"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(device_interval_s=1) as running:
        yield running


@pytest.fixture
def account(box: Sandbox) -> Iterator[Account]:
    made = Account(box.provider(methods=("device", "password", "basic")))
    yield made
    made.logout()


@pytest.fixture
def asked() -> list[str]:
    """The questions that were asked so far."""
    return []


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> Typed:
    """What the person will type at the next questions, or what that raises. The questions are in `asked`."""
    lines: Typed = []

    def answer(question: str) -> str:
        asked.append(question)
        line = lines.pop(0)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr("builtins.input", answer)
    monkeypatch.setattr(getpass, "getpass", answer)
    return lines


def when(account: Account, phase: str, act: Callable[[], Any]) -> None:
    """Do something in a thread once the account is in a phase."""
    reached = threading.Event()

    def wait() -> None:
        if reached.wait(30):
            act()

    threading.Thread(target=wait, daemon=True).start()
    account.observe(lambda state: reached.set() if state.phase == phase else None)


def test_link_and_code_are_printed_once(account: Account, box: Sandbox) -> None:
    """The invitation has the link with the code in it and the code, comes once, and the end is told."""
    out = io.StringIO()
    when(account, "awaiting_user", lambda: box.approve(box.waiting_codes[0]))
    terminal.login(account, out=out)
    text = out.getvalue()
    assert text.count("To sign in to Terrascope [SANDBOX], open this page in any browser, on any machine:") == 1
    assert f"    {box.issuer}/device?user_code=" in text
    assert "Waiting for up to 10 min. Ctrl-C cancels …" in text
    assert text.endswith("Signed in to Terrascope as dora, by device code.\n")


def test_what_replaces_what(account: Account, box: Sandbox) -> None:
    """Who can replace a text is given the invitation and then the end; nothing of both is printed."""
    out, shown = io.StringIO(), list[str]()
    when(account, "awaiting_user", lambda: box.approve(box.waiting_codes[0]))
    terminal.login(account, out=out, show=shown.append)
    assert shown[0].startswith("To sign in to Terrascope [SANDBOX], open this page")
    assert shown[1:] == ["Signed in to Terrascope as dora, by device code."]
    assert out.getvalue() == ""


def test_a_code_that_waits_already_is_taken_up(account: Account, box: Sandbox) -> None:
    """A device login that somebody started is followed, and no second code is made."""
    account.start_device_login()
    when(account, "awaiting_user", lambda: box.approve(box.waiting_codes[0]))
    terminal.login(account, out=io.StringIO())
    assert account.is_signed_in
    assert len(box.requests_to("/auth/device")) == 1


def test_a_login_that_is_cancelled_elsewhere_ends(account: Account) -> None:
    """When another thread cancels, the terminal stops waiting."""
    when(account, "awaiting_user", account.cancel)
    with pytest.raises(LoginCancelled):
        terminal.login(account, out=io.StringIO())


def test_a_denial_is_raised(account: Account, box: Sandbox) -> None:
    """What ends the login is the error of the call."""
    when(account, "awaiting_user", lambda: box.deny(box.waiting_codes[0]))
    with pytest.raises(LoginDenied):
        terminal.login(account, out=io.StringIO())


def test_basic_keeps_what_is_typed(account: Account, box: Sandbox, typed: Typed) -> None:
    """`method="basic"` asks for name and password, and sends nothing to the provider."""
    typed += ["  boots ", box.users["boots"]]
    out = io.StringIO()
    terminal.login(account, "basic", out=out)
    assert out.getvalue() == "Signed in to Terrascope as boots, by Basic authentication (not checked yet).\n"
    assert (account.state.source, account.state.user) == ("basic", "boots")
    assert not box.requests


def test_no_device_code_leads_to_the_password(account: Account, box: Sandbox, typed: Typed) -> None:
    """Where no code is to be had the password is asked for, unless the code was asked for by name."""
    box.device_flow = False
    typed += ["dora", box.users["dora"]]
    out = io.StringIO()
    terminal.login(account, out=out)
    assert "Terrascope offers no device code. User name and password instead:" in out.getvalue()
    with pytest.raises(FlowUnavailable):
        terminal.login(account, "device", out=io.StringIO())


NAME, PASSWORD, CODE = "user name", "password (not shown)", "One-time code (Enter if you have none)"


def questions(asked: list[str]) -> list[str]:
    return [question.removeprefix("Terrascope ").removesuffix(": ") for question in asked]


@pytest.mark.parametrize(("before", "what"), [([], "user name"), (["dora"], "password")])
def test_nothing_typed_is_asked_about_three_times(
    account: Account, box: Sandbox, typed: Typed, asked: list[str], before: list[str], what: str
) -> None:
    """A third Enter ends it in words, whichever question it answers; nothing is sent."""
    typed += [*before, "", " " if what == "user name" else "", ""]
    with pytest.raises(UsageError, match=f"There is no {what}"):
        terminal.login(account, "password", out=io.StringIO())
    assert len(asked) == len(before) + 3
    assert not box.requests


def test_a_wrong_password_is_asked_for_again(account: Account, box: Sandbox, typed: Typed, asked: list[str]) -> None:
    """After a refusal the password is asked for again, and not the name, where it would be shown."""
    typed += ["boots", "wr0ng-Pa55", "wr0ng-Pa55", "", box.users["boots"], ""]
    out = io.StringIO()
    terminal.login(account, "password", out=out)
    assert account.state.user == "boots"
    again = ["password of boots (not shown)", CODE]
    assert questions(asked) == [NAME, PASSWORD, *again, *again]
    assert out.getvalue().count("Terrascope did not accept the user name and password.") == 2
    assert "wr0ng-Pa55" not in out.getvalue() + "".join(asked)


def test_the_third_refusal_ends_it(account: Account, box: Sandbox, typed: Typed) -> None:
    """No more than three tries are made, lest the person is locked out; the last refusal is the error."""
    typed += ["wr0ng-Pa55", *["wr0ng-Pa55", ""] * 2]
    with pytest.raises(LoginRefused):
        terminal.login(account, "password", username="dora", out=io.StringIO())
    assert len(box.requests_to("/token")) == 3
    assert typed == []


def test_an_account_that_is_disabled_is_not_asked_about_again(account: Account, box: Sandbox, typed: Typed) -> None:
    """No other password would help: the first refusal is the error."""
    typed += ["disabled", box.users["disabled"]]
    with pytest.raises(AccountRefused, match="ask its help desk"):
        terminal.login(account, "password", out=io.StringIO())
    assert len(box.requests_to("/token")) == 1


def test_a_one_time_code_is_asked_for_where_one_may_be_missing(
    account: Account, box: Sandbox, typed: Typed, asked: list[str]
) -> None:
    """After a refusal, which may mean that a code is missing, one can be typed, and signs in."""
    typed += ["swiper", box.users["swiper"], box.users["swiper"], box.one_time_code()]
    terminal.login(account, "password", out=io.StringIO())
    assert account.state.user == "swiper"
    assert questions(asked)[-1] == CODE


def test_only_a_refusal_is_asked_about_again(account: Account, box: Sandbox, typed: Typed) -> None:
    """A provider that does not answer is the error at once."""
    box.timeline.token("no_answer")
    typed += [box.users["dora"]]
    with pytest.raises(ProviderUnreachable):
        terminal.login(account, "password", username="dora", out=io.StringIO())


@pytest.mark.parametrize("key", [KeyboardInterrupt, EOFError])
@pytest.mark.parametrize("answers", [0, 1, 2, 3])
def test_ctrl_c_and_ctrl_d_cancel_each_question(
    account: Account, box: Sandbox, typed: Typed, asked: list[str], answers: int, key: type[BaseException]
) -> None:
    """Name, password, and after a refusal password and code: whichever is asked, either key cancels."""
    typed += [*["dora", "wr0ng-Pa55", box.users["dora"], ""][:answers], key]
    with pytest.raises(LoginCancelled):
        terminal.login(account, "password", out=io.StringIO())
    assert len(asked) == answers + 1
    assert not account.is_signed_in
    assert len(box.requests_to("/token")) == (answers >= 2)


def test_where_nothing_may_be_typed_only_a_code_signs_in(account: Account, box: Sandbox) -> None:
    """Under the cell of a notebook no password is asked for, neither at once nor instead of a code."""
    for method in ("password", "basic"):
        with pytest.raises(UsageError, match="A cell cannot wait for the form"):
            terminal.login(account, method, may_type=False, out=io.StringIO())
    box.device_flow = False
    with pytest.raises(FlowUnavailable):
        terminal.login(account, may_type=False, out=io.StringIO())


def test_a_terminal_that_would_show_the_password_is_refused(
    account: Account, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where getpass cannot hide what is typed, nothing is asked for."""

    def shows(_question: str) -> str:
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        raise AssertionError("the password was asked for in the clear")

    monkeypatch.setattr(getpass, "getpass", shows)
    with pytest.raises(LoginRequired, match="This terminal would show it"):
        terminal.login(account, "password", username="dora", out=io.StringIO())
    assert not box.requests


def token_of(provider: Provider) -> str:
    return OAuthClient(provider).password("dora", Secret("s3cret-Pa55")).access_token.reveal()


def test_a_token_is_typed_as_a_password_is(box: Sandbox, typed: Typed, asked: list[str]) -> None:
    """Asked for without showing it; one of another provider is told and asked for again, and no word repeats it."""
    account, out = Account(box.provider(methods=("device", "token"), scope="openid")), io.StringIO()
    right = token_of(account.provider)
    with Sandbox() as other:
        wrong = token_of(other.provider(scope="openid"))
    typed += [wrong, right]
    terminal.login(account, "token", out=out)
    assert asked == ["Access token for Terrascope (not shown): "] * 2
    assert "This is no token of Terrascope." in out.getvalue()
    assert "Signed in to Terrascope as dora, by a token that was given (not checked yet)." in out.getvalue()
    assert not [token for token in (wrong, right) if token in out.getvalue()]
    account.logout()
