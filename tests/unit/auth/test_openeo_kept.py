"""A login that is kept for an openEO back-end is found by its name, whichever provider and client it is of."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import keyring
import pytest

from ipyterrascope.auth import stored_login
from ipyterrascope.auth.account import Account
from ipyterrascope.auth.accounts import Accounts
from ipyterrascope.auth.kept_logins import kept_logins
from ipyterrascope.auth.openeo_choice import Wish
from ipyterrascope.configuration import Configuration
from ipyterrascope.errors import UsageError
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.secret import Secret
from testbed.keyrings import Memory
from testbed.openeo import DEVICE, FakeBackend, as_json, fake_backend

PASSWORD = Secret("s3cret-Pa55")
TYPED = [DEVICE, "password", "refresh_token"]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where logins are kept."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "ipyterrascope" / "logins"


@pytest.fixture(params=["file", "keyring"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each store that there is."""
    before = keyring.get_keyring()
    keyring.set_keyring(Memory())
    yield request.param
    keyring.set_keyring(before)


@pytest.fixture
def several(backend: FakeBackend, box: Sandbox) -> FakeBackend:
    """A back-end with two providers, of one issuer and one client, and with passwords of its own."""
    backend.providers[0]["default_clients"] = [{"id": "public", "grant_types": TYPED}]
    backend.offer(box.issuer, id="second", default_clients=[{"id": "public", "grant_types": TYPED}])
    backend.users = {"dora": PASSWORD.reveal()}
    return backend


def process(environ: Mapping[str, str] | None = None, **configured: object) -> Accounts:
    """Return what another process would begin with."""
    configuration = replace(Configuration(), **{"store": "file", **configured})  # type: ignore[arg-type]
    return Accounts(lambda: configuration, environ=environ or {})


def name_of(backend: FakeBackend) -> str:
    return f"openeo:{backend.address}"


def keep(backend: FakeBackend, wish: Wish, store: str = "file") -> Account:
    """Sign in as a process of its own, and let it be kept."""
    account = process(store=store).of_backend(name_of(backend), wish)[0]
    method = "basic" if account.provider.is_basic else "password"
    account.start_password_login("dora", PASSWORD, method=method, remember=True)
    assert account.wait(30).remember, account.state
    return account


SECOND, BASIC, OWN = Wish(provider_id="second"), Wish(method="basic"), Wish(client_id="nodevice")


@pytest.mark.parametrize("wish", [SECOND, BASIC, OWN], ids=["provider", "basic", "client"])
def test_what_is_kept_is_meant_by_the_back_ends_name(several: FakeBackend, store: str, wish: Wish) -> None:
    """The next process is signed in by it, with the right prefix, by the name, by the id, and by no other client."""
    kept = keep(several, wish, store)
    for name in (name_of(several), f"{name_of(several)}#{kept.provider.name.partition('#')[2]}"):
        later = process(store=store).account(name)
        assert later.sign_in_silently(), name
        assert later.state.source == "stored"
        assert (later.provider.bearer_prefix, later.provider.client_id) == (
            kept.provider.bearer_prefix,
            kept.provider.client_id,
        )


def test_what_a_person_asks_for_goes_before_what_is_kept(several: FakeBackend) -> None:
    """An id, a client, a way to sign in, and what the environment says: each beats a login that is kept elsewhere."""
    keep(several, BASIC)
    ask = process().of_backend
    assert ask(f"{name_of(several)}#sso")[0].provider.bearer_prefix == "oidc/sso/"
    assert ask(name_of(several), SECOND)[0].provider.bearer_prefix == "oidc/second/"
    assert ask(name_of(several), OWN)[0].provider.client_id == "nodevice"
    assert ask(name_of(several), Wish(method="password"))[0].provider.bearer_prefix == "oidc/sso/"
    for environ in ({"OPENEO_AUTH_PROVIDER_ID": "second"}, {"OPENEO_AUTH_METHOD": "client_credentials"}):
        assert not process(environ).account(name_of(several)).provider.is_basic
    assert process({"OPENEO_AUTH_PROVIDER_ID": "elsewhere"}).account(name_of(several)).provider.is_basic


def test_of_several_the_one_that_was_used_last_is_meant(several: FakeBackend) -> None:
    """Keeping one makes it the one, and so does using one."""
    keep(several, OWN)
    keep(several, BASIC)
    assert process().account(name_of(several)).provider.is_basic
    time.sleep(0.02)
    assert process().of_backend(name_of(several), OWN)[0].sign_in_silently()
    assert process().account(name_of(several)).provider.client_id == "nodevice"


def test_a_kept_login_serves_no_other_back_end(several: FakeBackend, box: Sandbox, folder: Path) -> None:
    """Not where that has the same providers, nor where a file was renamed or says that it is of that back-end."""
    keep(several, SECOND)
    with fake_backend() as other:
        other.providers = several.providers
        assert process().account(name_of(other)).provider.bearer_prefix == "oidc/sso/"
        assert not any(each.sign_in_silently() for each in process().of_backend(name_of(other)))
        assert process().sign_out(name_of(other)).told == []
    (kept,) = folder.glob("*.login")
    kept.rename(folder / f"{'0' * 32}.login")
    assert process().account(name_of(several)).provider.bearer_prefix == "oidc/sso/"
    assert [each.name for each in kept_logins()] == [""]


def test_visitors_and_a_store_of_another_kind_inherit_nothing(several: FakeBackend) -> None:
    """What is kept in a file does not count where the keyring is the store, or where nothing that lies ready serves."""
    keep(several, SECOND)
    for configured in ({"store": "none"}, {"store": "keyring"}, {"use_silent_sources": False}):
        assert process(**configured).account(name_of(several)).provider.bearer_prefix == "oidc/sso/"


def test_a_provider_that_the_back_end_dropped_is_not_meant(several: FakeBackend) -> None:
    """It serves no more, and can be signed out of still."""
    keep(several, OWN)
    keep(several, SECOND)
    del several.providers[1]
    several.providers[0]["issuer"] = "https://sso.example.org"
    assert process().account(name_of(several)).provider.bearer_prefix == "oidc/sso/"
    (ended,) = process().sign_out(f"{name_of(several)}#second").told
    assert ended[0] == f"dora at openeo:{several.url}#second"
    assert ended[1].endswith("(second) is ended.")


@pytest.mark.parametrize("wish", [SECOND, BASIC, OWN], ids=["provider", "basic", "client"])
def test_logging_out_of_a_back_end_leaves_nothing(several: FakeBackend, store: str, wish: Wish, folder: Path) -> None:
    """Whatever is kept for it is ended and gone, and the sentence is that of one logout."""
    keep(several, wish, store)
    ended = process(store=store).sign_out(name_of(several))
    assert (len(ended.told), ended.is_left) == (1, False)
    assert str(ended).startswith("Signed out")
    assert kept_logins() == []
    assert [path.suffix for path in folder.iterdir()] == [".lock"]
    assert str(process(store=store).sign_out(name_of(several))) == "Nobody was signed in."


def test_each_of_several_is_named_at_the_end(several: FakeBackend) -> None:
    """All at the back-end are ended, or by its id the one of a provider."""
    keep(several, OWN)
    keep(several, BASIC)
    keep(several, SECOND)
    only = process().sign_out(name_of(several), "basic")
    assert ([label for label, _ in only.told], len(kept_logins())) == (
        [f"openEO at {several.address.removeprefix('http://')} (user name and password)"],
        2,
    )
    ended = process().sign_out(name_of(several))
    assert sorted(label.rpartition(" ")[2] for label, _ in ended.told) == ["(second)", "(sso)"]
    assert kept_logins() == []


def test_a_back_end_that_an_address_leads_to_is_named(several: FakeBackend) -> None:
    """Whoever gives one address and is signed out at another one reads where that was."""
    keep(several, SECOND)
    with fake_backend() as front:
        versions = {"versions": [{"url": f"{several.url}/", "api_version": "1.2.0", "production": True}]}
        front.answers["/.well-known/openeo"] = as_json(versions)
        told = str(process().sign_out(name_of(front)))
    host = several.address.removeprefix("http://")
    assert told.startswith(f"openEO at {host} (second): Signed out")
    assert kept_logins() == []


def test_a_login_in_the_other_store_is_ended_too(several: FakeBackend) -> None:
    """What was kept before the configuration changed is a secret on the disk all the same."""
    keep(several, SECOND)
    ended = process(store="none").sign_out(name_of(several))
    assert ("is ended" in str(ended), kept_logins()) == (True, [])


def test_a_back_end_that_does_not_answer_is_no_hindrance(several: FakeBackend, box: Sandbox) -> None:
    """What is kept for it is removed, whoever was never signed in there is nobody, and what may be its is named."""
    with fake_backend() as gone:
        gone.providers = several.providers
    assert str(process().sign_out(name_of(gone))) == "Nobody was signed in."
    keep(several, SECOND)
    told = str(process().sign_out(name_of(gone)))
    assert told.startswith("Nobody was signed in. ")
    assert told.endswith(f"Kept here: dora at openeo:{several.url}#second.")
    several.service.answer = lambda _: (_ for _ in ()).throw(ConnectionError())
    ended = process().sign_out(name_of(several))
    assert ("is ended" in str(ended), kept_logins()) == (True, [])
    with pytest.raises(UsageError):
        process().sign_out("openeo:")


def test_a_file_of_before_is_found_too(several: FakeBackend, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """One that does not tell which provider it is of serves at the first of its issuer, and is ended by the name."""
    monkeypatch.setattr(stored_login, "_OF_OWNER", ("issuer", "client_id", "user", "nothing"))
    keep(several, OWN)
    assert process().account(name_of(several)).sign_in_silently()
    assert "is ended" in str(process().sign_out(name_of(several)))
    assert [*folder.glob("*.login")] == []


def test_an_entry_of_the_keyring_that_somebody_removed(
    several: FakeBackend, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note that stood for it holds no secret, and goes with the next logout."""
    backend = Memory()
    before = keyring.get_keyring()
    keyring.set_keyring(backend)
    try:
        keep(several, SECOND, "keyring")
        (note,) = folder.glob("*.keyring")
        (entry,) = backend.entries.values()
        fields = json.loads(entry)
        noted = base64.b64decode(note.read_text()).decode()
        assert not any(fields[secret] in noted for secret in ("access_token", "refresh_token", "login_id"))
        assert oct(os.stat(note).st_mode & 0o777) == "0o600"
        backend.entries.clear()
        assert not process(store="keyring").account(name_of(several)).sign_in_silently()
        process(store="keyring").sign_out(name_of(several))
        assert not note.exists()
    finally:
        keyring.set_keyring(before)
