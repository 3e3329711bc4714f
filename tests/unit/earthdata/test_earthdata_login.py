"""Signing in at Earthdata Login: by a pasted token, by a password that is typed, and by what lies ready."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import ipyterrascope as ts
from ipyterrascope.auth.account import Account
from ipyterrascope.auth.chain import WhyNot
from ipyterrascope.auth.netrc import netrc_source
from ipyterrascope.auth.user_tokens import profile_of
from ipyterrascope.errors import LoginError, LoginRefused, LoginRequired, UnknownProvider
from ipyterrascope.protocol.earthdata import TokenLimitReached
from ipyterrascope.sandbox.earthdata import EarthdataSandbox
from ipyterrascope.values.known import EARTHDATA, EARTHDATA_UAT
from ipyterrascope.values.secret import Secret

FOREIGN_TOKEN = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL3Nzby5leGFtcGxlLm9yZyIsInN1YiI6ImRvcmEifQ.c2ln"
PASSWORD = "s3cret-Pa55"
DAY_S = 86400


def typed(account: Account, password: str = PASSWORD) -> LoginError | None:
    account.start_password_login("dora", Secret(password))
    error = account.wait(30).error
    assert error is None or isinstance(error, LoginError)
    return error


def asked(box: EarthdataSandbox) -> list[str]:
    return [f"{record.method} {record.path}" for record in box.requests]


def lay_ready(monkeypatch: pytest.MonkeyPatch, account: Account, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"EARTHDATA_{name}", value)
    account.allow_sources()


def test_two_systems_are_known_by_name() -> None:
    """`earthdata` and `earthdata-uat` are there without any configuration, and no list of Terrascope's names them."""
    assert ts.providers["earthdata"] == EARTHDATA
    assert ts.providers["earthdata-uat"] == EARTHDATA_UAT
    assert EARTHDATA.may_carry("https://data.lpdaac.earthdatacloud.nasa.gov/file.h5")
    assert not EARTHDATA.may_carry("https://uat.urs.earthdata.nasa.gov/")
    with pytest.raises(UnknownProvider, match=r'terrascope.*earthdata.* earthdata-uat.*Did you mean "earthdata"'):
        ts.account("earthdat")


def test_a_token_that_is_pasted(account: Account, box: EarthdataSandbox) -> None:
    """The provider is asked whose it is; it serves as it is, is not renewed, and the logout leaves it alone."""
    token = box.make_token()
    account.start_token_login(Secret(f"  {token}\n"))
    state = account.wait(30)
    assert (state.phase, state.user, state.source, state.renewable) == ("signed_in", "dora", "token", False)
    assert state.expires_at == pytest.approx(time.time() + 60 * DAY_S, abs=60)
    assert asked(box) == ["GET /api/users/dora"]
    assert not account.is_unchecked
    assert account.tokens().access_token.reveal() == token
    assert "is not revoked" in account.logout()
    assert box.tokens_of() == [token]


@pytest.mark.parametrize("text", ["two words", "ended", "gone", "a-password", FOREIGN_TOKEN])
def test_a_token_that_is_no_good(account: Account, box: EarthdataSandbox, text: str) -> None:
    """What is no token, has ended, or was deleted is refused, with the page where one is made."""
    is_token = text != "two words"
    if text == "ended":
        text = box.make_token(lifetime_s=-5)
    if text == "gone":
        text = box.make_token()
        box.end_tokens()
    account.start_token_login(Secret(text))
    state = account.wait(30)
    assert isinstance(state.error, LoginRefused)
    assert text not in str(state.error)
    assert state.phase == "failed"
    assert (f"{box.issuer}/profile" in str(state.error)) is is_token


def test_a_password_that_is_typed_makes_a_token_and_is_forgotten(
    account: Account, box: EarthdataSandbox, holds: Callable[..., list[str]]
) -> None:
    """Where no token is there one is made; the password is nowhere afterwards, and the logout says what is left."""
    assert typed(account) is None
    assert asked(box) == ["GET /api/users/tokens", "POST /api/users/token"]
    assert account.tokens().access_token.reveal() == box.tokens_of()[0]
    assert holds(PASSWORD, account) == []
    assert (account.state.user, account.state.renewable) == ("dora", False)
    said = account.logout()
    assert "your password was not kept: delete it at" in said
    assert f"{box.issuer}/profile" in said
    assert len(box.tokens_of()) == 1


def test_a_token_that_is_there_serves(account: Account, box: EarthdataSandbox) -> None:
    """The one that lasts longest is used, none is made, and the logout leaves it to whatever else uses it."""
    box.make_token(lifetime_s=20 * DAY_S)
    best = box.make_token(lifetime_s=30 * DAY_S)
    assert typed(account) is None
    assert asked(box) == ["GET /api/users/tokens"]
    assert account.tokens().access_token.reveal() == best
    assert "something else may use it" in account.logout()


def test_one_that_ends_soon_is_passed_over_while_there_may_be_another(account: Account, box: EarthdataSandbox) -> None:
    """Beside a token of few days a new one is made; where there are two of those already, it says what can be done."""
    soon = box.make_token(lifetime_s=3 * DAY_S)
    assert typed(account) is None
    assert account.tokens().access_token.reveal() != soon
    box.end_tokens()
    for days in (2, 3):
        box.make_token(lifetime_s=days * DAY_S)
    assert typed(account) is None
    assert "You have two already" in account.state.notice
    assert f"delete one at {box.issuer}/profile" in account.state.notice
    assert account.state.expires_at == pytest.approx(time.time() + 3 * DAY_S, abs=60)


def test_at_the_limit_with_nothing_to_use(account: Account, box: EarthdataSandbox) -> None:
    """Where no token can be had the error names the limit, and the page where one is deleted."""
    box.most_tokens = 0
    error = typed(account)
    assert isinstance(error, TokenLimitReached)
    assert "two already" in str(error)
    assert f"{box.issuer}/profile" in str(error)


def test_a_wrong_password(account: Account, box: EarthdataSandbox, caplog: pytest.LogCaptureFixture) -> None:
    """It is sent once, refused in plain words, and in no log and no error."""
    with caplog.at_level(logging.DEBUG):
        error = typed(account, "wr0ng-Pa55")
    assert isinstance(error, LoginRefused)
    assert asked(box) == ["GET /api/users/tokens"]
    assert "wr0ng-Pa55" not in f"{error}{error!r}{vars(error)}{caplog.text}"


def test_the_environment_goes_first(
    account: Account, box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """EARTHDATA_TOKEN, then EARTHDATA_USERNAME and _PASSWORD, then the netrc, as people know it from elsewhere."""
    netrc = Path(os.environ["NETRC"])
    netrc.write_text(f"machine 127.0.0.1 login boots password {box.users['boots']!r}\n".replace("'", '"'))
    netrc.chmod(0o600)
    account.allow_sources()
    assert account.sign_in_silently()
    assert (account.state.user, account.state.source) == ("boots", "netrc")
    account.logout()
    lay_ready(monkeypatch, account, USERNAME="dora", PASSWORD=PASSWORD)
    assert account.sign_in_silently()
    assert (account.state.user, account.came_from) == ("dora", "EARTHDATA_USERNAME and EARTHDATA_PASSWORD")
    account.logout()
    lay_ready(monkeypatch, account, TOKEN=box.make_token("boots"))
    assert account.sign_in_silently()
    assert (account.state.user, account.came_from) == ("boots", "EARTHDATA_TOKEN")


def test_what_lies_ready_is_renewed_and_revoked(
    account: Account, box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that was made by a password that lies ready is followed by another in time, and ended at the logout."""
    lay_ready(monkeypatch, account, USERNAME="dora", PASSWORD=PASSWORD)
    box.token_lifetime_s = 3
    assert account.sign_in_silently()
    first = account.tokens().access_token
    assert account.state.renewable
    box.token_lifetime_s = 60 * DAY_S
    time.sleep(1.6)
    second = account.tokens().access_token
    assert second != first
    assert account.logout() == "Signed out, and the token at Earthdata Login is ended."
    assert second.reveal() not in box.tokens_of()
    assert [record.path for record in box.requests][-1] == "/api/users/revoke_token"


def test_a_refused_token_is_asked_about_before_another_is_made(
    account: Account, box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A data centre that refuses a good token costs none."""
    lay_ready(monkeypatch, account, USERNAME="dora", PASSWORD=PASSWORD)
    box.token_lifetime_s = 3 * DAY_S
    assert account.sign_in_silently()
    session, url = ts.session("earthdata"), box.add_file("a.h5", b"data")
    account._vault._held._since -= 60  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess, reportPrivateUsage]
    box.script(401, to="a.h5")
    assert session.get(url).status_code == 401
    assert len(box.issued) == 1


def test_a_token_that_was_deleted_is_replaced(
    account: Account, box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it was deleted on the page another one is made, and the request repeated."""
    lay_ready(monkeypatch, account, USERNAME="dora", PASSWORD=PASSWORD)
    assert account.sign_in_silently()
    session, url = ts.session("earthdata"), box.add_file("a.h5", b"data")
    box.end_tokens()
    account._vault._held._since -= 60  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess, reportPrivateUsage]
    assert session.get(url).content == b"data"
    assert len(box.issued) == 2


def test_the_token_in_the_query_is_in_no_log(
    account: Account, box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the logout revokes, which the API wants in the query, no log at DEBUG has the token or the password."""
    lay_ready(monkeypatch, account, USERNAME="dora", PASSWORD=PASSWORD)
    with caplog.at_level(logging.DEBUG):
        assert account.sign_in_silently()
        (token,) = box.tokens_of()
        account.logout()
    assert box.tokens_of() == []
    assert "revoke_token?token=•••" in caplog.text
    for secret in (token, token[-20:], PASSWORD):
        assert secret not in caplog.text


def test_what_was_there_before_is_not_revoked(
    account: Account, box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that nobody made here goes on after the logout, though it could be ended."""
    token = box.make_token()
    lay_ready(monkeypatch, account, USERNAME="dora", PASSWORD=PASSWORD)
    assert account.sign_in_silently()
    assert "something else may use it" in account.logout()
    assert box.tokens_of() == [token]


def test_a_logout_that_is_not_heard(account: Account, box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the token cannot be ended it is wiped here, and the sentence says where to delete it."""
    lay_ready(monkeypatch, account, USERNAME="dora", PASSWORD=PASSWORD)
    assert account.sign_in_silently()
    box.script(503, to="revoke_token")
    said = account.logout()
    assert "goes on until" in said
    assert f"delete it at {box.issuer}/profile" in said
    assert not account.is_signed_in


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "There is no netrc"),
        ("machine elsewhere login a password b\n", "no user name and password for 127.0.0.1"),
        ("machine 127.0.0.1 login dora\n", "no user name and password for 127.0.0.1"),
        ("hunter2 what is this\n", "something in it is no entry"),
    ],
)
def test_a_netrc_that_cannot_serve(account: Account, box: EarthdataSandbox, content: str | None, reason: str) -> None:
    """It says why, and repeats nothing of the file."""
    netrc = Path(os.environ["NETRC"])
    if content is not None:
        netrc.write_text(content)
        netrc.chmod(0o600)
    assert not account.sign_in_silently()
    assert reason in account.why_not["netrc"].reason
    assert "hunter2" not in account.why_not["netrc"].reason
    assert box.requests == []


def test_a_netrc_that_the_system_refuses_to_look_at(
    account: Account, box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it cannot even be told whether there is one, that is the reason, and no raw error; a FIFO is none."""
    fifo = Path(os.environ["NETRC"]).with_name("fifo")
    os.mkfifo(fifo, 0o600)
    for path, reason in ((f"/{'x' * 300}/netrc", "cannot be read"), (str(fifo), "no regular file")):
        monkeypatch.setenv("NETRC", path)
        source = netrc_source(os.environ)
        found = source.find(account.provider)
        assert isinstance(found, WhyNot)
        assert reason in found.reason


def test_a_netrc_that_others_can_read(account: Account, box: EarthdataSandbox) -> None:
    """It is refused, as a fault: somebody counts on it."""
    netrc = Path(os.environ["NETRC"])
    netrc.write_text(f"machine 127.0.0.1 login dora password {PASSWORD}\n")
    netrc.chmod(0o644)
    assert not account.sign_in_silently()
    assert account.why_not["netrc"].is_fault


def test_what_lies_ready_for_terrascope_is_not_sent_there(
    account: Account, box: EarthdataSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each provider has an environment of its own."""
    monkeypatch.setenv("TERRASCOPE_USERNAME", "dora")
    monkeypatch.setenv("TERRASCOPE_PASSWORD", PASSWORD)
    assert not account.sign_in_silently()
    assert box.requests == []
    with pytest.raises(LoginRequired, match="EARTHDATA_USERNAME and EARTHDATA_PASSWORD, or EARTHDATA_TOKEN"):
        ts.session("earthdata")


def test_the_profile_has_every_field(token: str, account: Account, box: EarthdataSandbox) -> None:
    """All that is sent is told, by its name; what is wrong with it is an error of the tree."""
    profile = profile_of(account)
    assert profile["uid"] == "dora"
    assert profile["middle_initial"] == "M"
    assert profile["registered_date"] == "7 Aug 2020 10:46:21AM"
    assert profile["allow_auth_app_emails"] == "no"
    assert len(profile) == 14
    box.end_tokens()
    with pytest.raises(LoginRefused, match="was deleted"):
        profile_of(account)
