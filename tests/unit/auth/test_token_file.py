"""A token file: what it may hold, that it is looked at again at every use, and what becomes of a login from it."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from ipyterrascope.auth.account import Account
from ipyterrascope.auth.chain import LentToken, WhyNot
from ipyterrascope.auth.token_file import token_file_source
from ipyterrascope.errors import LoginRequired, ProviderUnreachable
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.known import TERRASCOPE
from ipyterrascope.values.tokens import TokenSet
from testbed.leaks import places


def jwt(user: str = "dora", life_s: float = 300, **claims: object) -> str:
    claims = {"iat": time.time(), "exp": time.time() + life_s, "preferred_username": user, **claims}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.c2ln"


def write(path: Path, text: str) -> None:
    """Replace a file as a careful platform does it."""
    new = path.with_name("new")
    new.write_text(text)
    new.chmod(0o600)
    new.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "token"


def found(path: Path, **options: Any) -> Any:
    return token_file_source(str(path), **options).find(TERRASCOPE)


def lent(path: Path) -> TokenSet:
    offer = found(path)
    assert isinstance(offer, LentToken), offer
    return offer.lend(None)


def test_a_relative_path_is_meant_from_where_it_was_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who goes to another folder, where somebody else's file bears that name, is not signed in by it."""
    monkeypatch.chdir(path.parent)
    write(path, "mine")
    source = token_file_source("token")
    (path.parent / "other").mkdir()
    write(path.parent / "other" / "token", "theirs")
    monkeypatch.chdir(path.parent / "other")
    offer = source.find(TERRASCOPE)
    assert isinstance(offer, LentToken), offer
    assert offer.lend(None).access_token.reveal() == "mine"


@pytest.mark.parametrize("around", ["{}", "{}\n", "  {}\r\n\n"])
def test_a_bare_token(path: Path, around: str) -> None:
    """A token alone, with white space around it; its own claims tell its times."""
    token = jwt()
    write(path, around.format(token))
    tokens = lent(path)
    assert tokens.access_token.reveal() == token
    assert tokens.expires_at == pytest.approx(time.time() + 300, abs=5)


def test_a_token_answer(path: Path) -> None:
    """The JSON of a token endpoint serves too; an opaque token's life counts from when the file was written."""
    answer = {"access_token": "opaque", "expires_in": 300, "refresh_token": "never-used", "token_type": "Bearer"}
    write(path, json.dumps(answer))
    os.utime(path, (time.time() - 100,) * 2)
    tokens = lent(path)
    assert tokens.access_token.reveal() == "opaque"
    assert tokens.expires_at == pytest.approx(time.time() + 200, abs=5)
    assert tokens.lifetime_s == pytest.approx(300)
    assert tokens.refresh_token is None


def test_the_token_knows_better_than_the_answer(path: Path) -> None:
    """Where token and answer tell different ends, that of the token counts."""
    write(path, json.dumps({"access_token": jwt(life_s=60), "expires_in": 9999}))
    assert lent(path).expires_at == pytest.approx(time.time() + 60, abs=5)


def test_a_token_that_tells_no_end(path: Path) -> None:
    """An opaque token serves until somebody refuses it, or the file changes."""
    write(path, "opaque")
    assert lent(path).expires_at is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "It may be about to be written."),
        (" \n", "It may be about to be written."),
        ('{"access_token": ""}', "It may be about to be written."),
        ("{}", "It may be about to be written."),
        ("two words", "What it holds is no bearer token."),
        ("tök€n", "What it holds is no bearer token."),
        ('{"access_token": 5}', "What it holds is no bearer token."),
        ('{"access_token": "two words"}', "What it holds is no bearer token."),
        ('{"access_token": "abc", "token_type": "mac"}', "What it holds is no bearer token."),
        ('{"access_token": "abc"', "What it holds is neither a token nor JSON."),
        ("{" * 5000, "What it holds is neither a token nor JSON."),
        (jwt(life_s=-1), "The token in it has expired."),
        (json.dumps({"access_token": "abc", "expires_in": 0}), "The token in it has expired."),
    ],
)
def test_what_is_no_token_is_told(path: Path, text: str, reason: str) -> None:
    """One sentence, which repeats nothing of the file."""
    write(path, text)
    what = f"The token file {path} cannot be used. {reason}"
    assert found(path) == WhyNot(what, is_fault=True, do="Mend it, or name another.")


def test_no_file_is_configured() -> None:
    """Without a path there is nothing, and that is no fault."""
    source = token_file_source("")
    assert source.find(TERRASCOPE) == WhyNot("Neither c.Terrascope.token_file nor TERRASCOPE_TOKEN_FILE is set.")


def test_a_file_that_others_read_is_refused_unless_allowed(path: Path) -> None:
    """Group and world must not read it, unless a trait says so; `~` is the home folder."""
    write(path, "opaque")
    path.chmod(0o644)
    refused = found(path)
    assert isinstance(refused, WhyNot)
    assert refused.reason.startswith(f"The token file {path} cannot be used. Others can read")
    assert refused.do == f"Run chmod 600 {path}."
    assert isinstance(found(path, may_be_shared=True), LentToken)


def test_the_home_folder_may_be_written_as_a_tilde(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` in the path is the user's home."""
    write(path, "opaque")
    monkeypatch.setenv("HOME", str(path.parent))
    assert isinstance(token_file_source("~/token").find(TERRASCOPE), LentToken)


# In an account


@pytest.fixture
def account(box: Sandbox, path: Path) -> Account:
    write(path, jwt())
    account = Account(box.provider(), sources=[token_file_source(str(path))])
    assert account.sign_in_silently()
    return account


def test_a_login_from_a_file(account: Account, box: Sandbox, path: Path) -> None:
    """It is borrowed: nobody is asked, nothing is revoked, and the file stays as it is."""
    before = path.read_text()
    assert (account.state.user, account.state.source, account.state.renewable) == ("dora", "token_file", True)
    assert account.headers(f"{box.url}/x") == {"Authorization": f"Bearer {before}"}
    assert (
        account.logout()
        == "Signed out here. The token from the token file was not revoked; it rests until the next login."
    )
    assert not account.sign_in_silently()
    assert (path.read_text(), box.requests) == (before, [])


def test_every_use_takes_what_is_there_now(account: Account, path: Path) -> None:
    """A file that was replaced is seen at the next use, and with it whose token it is; else nothing is read again."""
    for number in range(5):
        write(path, jwt(f"user-{number}"))
        assert account.tokens().access_token.reveal() == path.read_text()
        assert account.state.user == f"user-{number}"
    held = account.tokens()
    assert account.tokens() is held


def test_a_file_written_in_place(account: Account, path: Path) -> None:
    """While it is empty the old token goes on; what comes then is taken."""
    before = path.read_text()
    path.write_text("")
    assert account.tokens().access_token.reveal() == before
    path.write_text(jwt("boots"))
    account._vault._retry_at = 0.0  # pyright: ignore[reportPrivateUsage] - five seconds later
    assert account.tokens().access_token.reveal() == path.read_text()


def test_a_file_that_is_empty_when_the_token_has_ended(box: Sandbox, path: Path) -> None:
    """That may pass, and is told so."""
    write(path, jwt(life_s=0.5))
    account = Account(box.provider(), sources=[token_file_source(str(path))])
    assert account.sign_in_silently()
    time.sleep(0.6)
    path.write_text("")
    with pytest.raises(ProviderUnreachable, match="holds nothing"):
        account.tokens()
    assert account.is_signed_in


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.unlink(), "It is not there."),
        (lambda path: path.chmod(0o644), "Others can read"),
        (lambda path: write(path, jwt(life_s=-1)), "has expired"),
    ],
)
def test_a_file_that_serves_no_more(account: Account, path: Path, change: Any, reason: str) -> None:
    """Taken away, opened to others or expired, it ends the login at the next use; a good one begins anew."""
    change(path)
    for _ in range(2):
        with pytest.raises(LoginRequired, match=reason):
            account.tokens()
    assert account.state.phase == "failed"
    write(path, jwt("boots"))
    assert account.tokens().access_token.reveal() == path.read_text()
    assert (account.state.phase, account.state.user) == ("signed_in", "boots")


def test_a_401_looks_at_the_file(account: Account, box: Sandbox, path: Path) -> None:
    """After a 401 the file is read once more: another token is worth a second try, the same one is not."""
    url = f"{box.url}/x"
    headers = account.headers(url)
    assert not account.refused(url, headers)
    write(path, jwt("boots"))
    assert account.refused(url, headers)
    assert account.headers(url) != headers


def test_no_error_holds_the_token(account: Account, path: Path) -> None:
    """What is raised leads to no token in clear."""
    token = path.read_text()
    path.chmod(0o644)
    with pytest.raises(LoginRequired) as caught:
        account.tokens()
    assert places(token, caught.value) == []
