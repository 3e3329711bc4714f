"""Logins from and for openEO's own client: their client reads what we wrote, and we what it wrote."""

from __future__ import annotations

import json
import os
import signal
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import openeo
import pytest
from openeo.rest.auth.config import AuthConfig, RefreshTokenStore

import ipyterrascope as ts
from ipyterrascope.accounts import providers
from ipyterrascope.auth import openeo_json
from ipyterrascope.auth.account import Account
from ipyterrascope.auth.openeo_json import turn
from ipyterrascope.auth.shelves import FileShelf
from ipyterrascope.auth.stored_login import StoreTroubleError
from ipyterrascope.configuration import Configuration, configure
from ipyterrascope.errors import ConfigurationError, LoginError, LoginRefused, LoginRequired, UsageError
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.secret import Secret
from ipyterrascope.values.tokens import TokenSet
from testbed.openeo import FakeBackend
from testbed.waiting import until


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(device_interval_s=1) as running:
        yield running


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for openEO's files, a store for ours, and nobody to ask."""
    folder = tmp_path / "openeo"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("OPENEO_CONFIG_HOME", str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "headless")
    configure(replace(Configuration(), store="file"))
    yield folder
    configure(None)


def refresh_token(box: Sandbox) -> str:
    """A refresh token that openEO's client could have got."""
    tokens = OAuthClient(box.provider(scope="openid")).password("dora", Secret("s3cret-Pa55"))
    assert tokens.refresh_token is not None
    return tokens.refresh_token.reveal()


def account_of(backend: FakeBackend) -> Account:
    return providers.account(f"openeo:{backend.address}")


def approving(box: Sandbox) -> threading.Thread:
    """Approve the next code, as a person would."""

    def approve() -> None:
        deadline = time.monotonic() + 20
        while not box.waiting_codes and time.monotonic() < deadline:
            time.sleep(0.02)
        box.approve(box.waiting_codes[0])

    thread = threading.Thread(target=approve)
    thread.start()
    return thread


def test_an_import_moves_the_login(box: Sandbox, backend: FakeBackend, home: Path) -> None:
    """We are signed in and kept, the back-end accepts us; theirs has that login no more, and all others still."""
    theirs = RefreshTokenStore()
    token = refresh_token(box)
    theirs.set_refresh_token(f"{box.issuer}/", "public", token)
    theirs.set_refresh_token(box.issuer, "other", "another-token")

    said = ts.import_openeo(backend.address)

    account = account_of(backend)
    assert said.startswith("Moved: openEO's client has that login no more")
    assert (account.state.user, account.state.remember) == ("dora", True)
    assert ts.openeo_connection(backend.address).describe_account()["user_id"] == "sandbox-dora"
    assert theirs.get_refresh_token(box.issuer, "public") is None
    assert theirs.get_refresh_token(box.issuer, "other") == "another-token"
    assert token not in said
    account.logout()


def test_the_client_of_their_configuration_is_meant(box: Sandbox, backend: FakeBackend) -> None:
    """auth-config.json may name another client for the back-end than its default one."""
    AuthConfig().set_oidc_client_config(f"{backend.address}/", "sso", "nodevice")
    with pytest.raises(UsageError, match="for client nodevice"):
        ts.import_openeo(backend.address)


def test_a_login_that_is_dead_is_left_where_it_was(box: Sandbox, backend: FakeBackend, home: Path) -> None:
    """The provider's refusal is told, nobody is signed in, and their file is as before."""
    RefreshTokenStore().set_refresh_token(box.issuer, "public", refresh_token(box))
    before = (home / "refresh-tokens.json").read_bytes()
    box.revoke_all()
    with pytest.raises(LoginRefused, match="ended the session"):
        ts.import_openeo(backend.address)
    assert (home / "refresh-tokens.json").read_bytes() == before
    assert not account_of(backend).is_signed_in


def test_an_import_needs_a_place_to_keep_it(box: Sandbox, backend: FakeBackend) -> None:
    """Without a store it would end with this kernel: nothing is touched."""
    RefreshTokenStore().set_refresh_token(box.issuer, "public", "a-token")
    configure(replace(Configuration(), store="none"))
    with pytest.raises(UsageError, match="cannot be kept here"):
        ts.import_openeo(backend.address)
    assert RefreshTokenStore().get_refresh_token(box.issuer, "public") == "a-token"


def test_an_import_where_the_folder_cannot_be_made(
    box: Sandbox, backend: FakeBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is found out before the provider sees the token, of which there is one."""
    RefreshTokenStore().set_refresh_token(box.issuer, "public", token := refresh_token(box))
    (tmp_path / "a-file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "a-file"))
    box.forget_requests()
    with pytest.raises(UsageError, match="cannot be kept here"):
        ts.import_openeo(backend.address)
    assert RefreshTokenStore().get_refresh_token(box.issuer, "public") == token
    assert not box.requests_to("/token")


def test_an_import_that_could_not_be_kept_is_given_back(
    box: Sandbox, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk is full at the last moment, openEO's client has the renewed token, and it is good."""
    RefreshTokenStore().set_refresh_token(box.issuer, "public", token := refresh_token(box))

    def full(_: object, text: Secret) -> None:
        raise StoreTroubleError("The store cannot be written (No space left on device).")

    monkeypatch.setattr(FileShelf, "write", full)
    with pytest.raises(LoginError, match=r"was not moved.*No space left") as raised:
        ts.import_openeo(backend.address)
    renewed = RefreshTokenStore().get_refresh_token(box.issuer, "public")
    assert renewed not in (None, token)
    assert renewed not in str(raised.value)
    assert not account_of(backend).is_signed_in
    assert not box.requests_to("/revoke")
    monkeypatch.undo()
    again = TokenSet(access_token=Secret(""), refresh_token=Secret(str(renewed)), issued_at=time.time())
    assert OAuthClient(box.provider(scope="openid")).refresh(again).refresh_token is not None


def test_an_interrupt_waits_for_the_provider_s_answer(box: Sandbox, backend: FakeBackend) -> None:
    """Ctrl-C in the middle of it loses no login: what the provider renewed is stored here, and the move is told."""
    RefreshTokenStore().set_refresh_token(box.issuer, "public", refresh_token(box))
    box.forget_requests()
    box.timeline.token(steps.delayed(1.0))

    def interrupt() -> None:
        until(lambda: box.requests_to("/token"))
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    assert ts.import_openeo(backend.address).startswith("Moved: ")
    thread.join(20)
    assert (account_of(backend).state.user, account_of(backend).has_kept_login) == ("dora", True)
    assert RefreshTokenStore().get_refresh_token(box.issuer, "public") is None
    account_of(backend).logout()


def test_an_import_takes_the_login_that_there_is(box: Sandbox, backend: FakeBackend, home: Path) -> None:
    """Of several providers the one whose login openEO's client has, not the one where somebody is signed in here."""
    backend.offer(box.issuer, id="second", default_clients=[{"id": "nodevice", "grant_types": ["password"]}])
    account = providers.account(f"openeo:{backend.address}#second")
    account.start_password_login("dora", Secret("s3cret-Pa55"))
    assert account.wait(30).phase == "signed_in"
    RefreshTokenStore().set_refresh_token(box.issuer, "public", refresh_token(box))
    assert "(sso)" in ts.import_openeo(backend.address)
    ts.logout(f"openeo:{backend.address}")


def test_nothing_to_import(backend: FakeBackend) -> None:
    """It is said which provider and client were looked for."""
    with pytest.raises(UsageError, match=r"keeps no login of 127\.0\.0\.1 for client public"):
        ts.import_openeo(backend.address)


@pytest.mark.parametrize(("text", "mode"), [("{half a", 0o600), ("[]", 0o600), ('{"a-secret": 1}', 0o644)])
def test_a_file_that_is_damaged_or_open_is_not_used(backend: FakeBackend, home: Path, text: str, mode: int) -> None:
    """Their file stays as it is, and the error repeats nothing of it."""
    path = home / "refresh-tokens.json"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="cannot be used") as raised:
        ts.import_openeo(backend.address)
    assert path.read_text() == text
    assert "secret" not in str(raised.value)


def test_their_client_signs_in_by_what_we_exported(
    box: Sandbox, backend: FakeBackend, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person approves a code; then openEO's own `authenticate_oidc` is signed in, and our login is another one."""
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "terminal")
    ours = account_of(backend)
    RefreshTokenStore().set_refresh_token(box.issuer, "other", "another-token")
    thread = approving(box)
    said = ts.export_openeo(backend.address)
    thread.join(20)

    assert "a login of its own" in said
    assert "check that it shows the code" in capsys.readouterr().out
    assert not ours.is_signed_in
    con = openeo.connect(backend.address).authenticate_oidc()
    assert con.describe_account()["user_id"] == "sandbox-dora"
    assert "Authenticated using refresh token" in capsys.readouterr().out
    assert RefreshTokenStore().get_refresh_token(box.issuer, "other") == "another-token"
    assert AuthConfig().get_oidc_client_configs(backend.address, "sso") == ("public", None)
    assert AuthConfig().load()["metadata"]["type"] == "AuthConfig"
    for name in ("refresh-tokens.json", "auth-config.json"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in home.glob("*.new")) == []


def test_a_login_that_cannot_be_left_is_ended(
    box: Sandbox, backend: FakeBackend, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where their file cannot be written, the session that was approved for it ends at the provider."""
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "terminal")
    (home / "refresh-tokens.new").mkdir()
    thread = approving(box)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        ts.export_openeo(backend.address)
    thread.join(20)
    (revoked,) = box.requests_to("/revoke")
    assert revoked.form["token"] in box.issued
    assert not (home / "refresh-tokens.json").exists()


def test_what_was_exported_can_be_imported_again(
    box: Sandbox, backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There and back, through their client's own renewal."""
    monkeypatch.setattr("ipyterrascope.frontend.place", lambda: "terminal")
    thread = approving(box)
    ts.export_openeo(backend.address)
    thread.join(20)
    openeo.connect(backend.address).authenticate_oidc()
    ts.import_openeo(backend.address)
    assert account_of(backend).is_signed_in
    account_of(backend).logout()


def test_an_export_asks_a_person(backend: FakeBackend, home: Path) -> None:
    """Where nobody can approve a code, it raises within a second, and writes nothing."""
    with pytest.raises(LoginRequired, match="Nobody can approve a code"):
        ts.export_openeo(backend.address)
    assert list(home.iterdir()) == []


def test_readers_never_find_half_a_file(box: Sandbox, home: Path) -> None:
    """While one of ours changes it again and again, openEO's client reads it whole each time."""
    from ipyterrascope.auth.openeo_json import branch_of, change_file

    path, stop = home / "refresh-tokens.json", threading.Event()
    RefreshTokenStore().set_refresh_token("https://a.example.org", "public", "kept")

    def change() -> None:
        for n in range(200):
            change_file(
                path, lambda tree, n=n: branch_of(tree, "https://b.example.org").update({f"c{n}": {"x": "y" * n}})
            )
        stop.set()

    thread = threading.Thread(target=change)
    thread.start()
    reads = 0
    while not stop.is_set():
        assert RefreshTokenStore().get_refresh_token("https://a.example.org", "public") == "kept"
        reads += 1
    thread.join()
    assert reads > 10
    assert len(json.loads(path.read_text())["https://b.example.org"]) == 200


def test_processes_take_turns(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has the file is waited for, and not for ever."""
    monkeypatch.setattr(openeo_json, "_LOCK_WAIT_S", 0.05)
    path = home / "refresh-tokens.json"
    with turn(path), pytest.raises(ConfigurationError, match="Another process has it"), turn(path):
        pass
    assert os.path.exists(path.with_suffix(".lock"))
