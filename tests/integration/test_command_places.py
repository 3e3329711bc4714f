"""`jupyter terrascope paths`, `config`, `clear`, and logins from and for openEO's client."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from openeo.rest.auth.config import AuthConfig, RefreshTokenStore
from places import PASSWORD, Ended, command_terminal, environment_for, run_command

from ipyterrascope.auth.stored_login import key_at
from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox
from ipyterrascope.values.secret import Secret
from testbed.loopback import loopback
from testbed.openeo import DEVICE, FakeBackend, fake_backend

INVITED = "Ctrl-C cancels …"
Command = Callable[..., Ended]


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """The folder of openEO's own files."""
    folder = tmp_path / "openeo"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def environ(box: Sandbox, tmp_path: Path, theirs: Path) -> dict[str, str]:
    return environment_for(tmp_path, box, OPENEO_CONFIG_HOME=str(theirs))


@pytest.fixture
def command(environ: dict[str, str], tmp_path: Path) -> Command:
    """Run a command without a terminal, with further variables."""
    return lambda *words, **variables: run_command([*words], environ | variables, tmp_path)


@pytest.fixture
def backend(box: Sandbox) -> Iterator[FakeBackend]:
    with fake_backend() as running:
        running.offer(box.issuer, default_clients=[{"id": "public", "grant_types": [DEVICE, "refresh_token"]}])
        yield running


def at_terminal(words: list[str], environ: dict[str, str], folder: Path, box: Sandbox) -> str:
    """Type a command that shows a code, approve that, and return what was shown then."""
    with command_terminal(words, INVITED, environ, folder) as terminal:
        box.approve(box.waiting_codes[-1])
        shown, status = terminal.ended()
    assert status == 0
    return shown


def stored(folder: Path) -> list[Path]:
    return [*(folder / ".local" / "share" / "ipyterrascope" / "logins").glob("*.login")]


def test_paths_names_every_place(
    environ: dict[str, str], command: Command, box: Sandbox, tmp_path: Path, theirs: Path
) -> None:
    """Configuration that was read, logins that are kept and of whom, and openEO's files, for people and programs."""
    config = Path(environ["JUPYTER_CONFIG_DIR"]) / "jupyter_terrascope_config.py"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("c.Terrascope.badge = 'TEST'\n")
    at_terminal(["login"], environ, tmp_path, box)
    RefreshTokenStore(theirs / "refresh-tokens.json").set_refresh_token(
        "https://sso.example.org", "public", "their-token"
    )
    told = json.loads(command("paths", "--json", TERRASCOPE_TOKEN_FILE="/run/token").stdout)
    (kept,) = stored(tmp_path)
    assert told["config"]["read"] == [str(config)]
    assert told["store"] == {
        "kind": "file",
        "folder": str(kept.parent),
        "logins": [{"path": str(kept), "login": "dora at Terrascope"}],
    }
    assert told["token_file"] == "/run/token"
    assert told["openeo"]["refresh-tokens.json"] == {"path": str(theirs / "refresh-tokens.json"), "exists": True}
    assert told["openeo"]["auth-config.json"] == {"path": str(theirs / "auth-config.json"), "exists": False}
    shown = command("paths").stdout
    assert f"{kept.name}: dora at Terrascope" in shown
    assert "their-token" not in shown + str(told)


def test_config_says_what_holds_and_from_where(command: Command, environ: dict[str, str], theirs: Path) -> None:
    """The command line goes before the files, those before the environment; of credentials there are only names."""
    config = Path(environ["JUPYTER_CONFIG_DIR"]) / "jupyter_terrascope_config.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    traits = {"badge": "FILE", "label": "File", "store": "none"}
    backend = {"openeo_backend": "https://dora:hunter2@openeo.example.org"}
    config.write_text(json.dumps({"Terrascope": traits | backend}))
    configured = AuthConfig(theirs / "auth-config.json")
    configured.set_basic_auth("https://openeo.example.org", "dora", "their-Pa55")
    configured.set_oidc_client_config("https://openeo.example.org", "sso", "mine", "their-secret")
    variables = {"TERRASCOPE_STORE": "keyring", "TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": PASSWORD}
    line = ["config", "--Terrascope.label=Line"]
    told = json.loads(command(*line, "--json", **variables).stdout)
    found = {name: (trait["value"], trait["from"]) for name, trait in told["traits"].items()}
    assert found["label"] == ("Line", "command line")
    assert found["badge"] == ("FILE", str(config))
    assert found["store"] == ("none", str(config))
    assert found["issuer"] == (environ["TERRASCOPE_ISSUER"], "TERRASCOPE_ISSUER")
    assert found["read_timeout_s"] == (60.0, "built in")
    assert told["credentials"] == ["TERRASCOPE_PASSWORD", "TERRASCOPE_USERNAME"]
    assert told["openeo"] == {
        "https://openeo.example.org": ["user dora, with a password", "client mine of sso, with a secret"]
    }
    shown = command(*line, **variables).stdout
    assert "Line  (command line)" in shown
    assert not [secret for secret in (PASSWORD, "their-Pa55", "their-secret", "hunter2") if secret in shown + str(told)]


def test_clear_ends_every_login(
    environ: dict[str, str], command: Command, box: Sandbox, backend: FakeBackend, tmp_path: Path
) -> None:
    """It names them and asks; then each is ended at its own provider, whatever is configured, and its file is gone."""
    at_terminal(["login"], environ, tmp_path, box)
    at_terminal(["login", f"openeo:{backend.address}"], environ, tmp_path, box)
    assert len(stored(tmp_path)) == 2
    (stored(tmp_path)[0].parent / f"{'0' * 32}.login").write_text("damaged\n")
    (stored(tmp_path)[0].parent / f"{'0' * 32}.login").chmod(0o600)
    assert f"Also kept on this machine: dora at openeo:{backend.url}#sso.\n" in command("status").stdout
    unasked = command("clear")
    assert (unasked.status, len(stored(tmp_path))) == (2, 3)
    with command_terminal(["clear"], "[y/N] ", environ, tmp_path) as terminal:
        assert "dora at Terrascope" in terminal.transcript
        terminal.type("n")
        assert terminal.ended() == ("n\nNothing was removed.", 1)
    with command_terminal(["clear"], "[y/N] ", environ, tmp_path) as terminal:
        terminal.press("d")
        assert terminal.ended()[1] == 1
    elsewhere = environ | {"TERRASCOPE_STORE": "none"}
    with command_terminal(["clear"], "[y/N] ", elsewhere, tmp_path) as terminal:
        terminal.type("y")
        shown, status = terminal.ended()
    assert (status, stored(tmp_path)) == (0, [])
    assert shown.count("is ended.") == 2
    assert "nothing was ended at a provider" in shown
    assert len(box.requests_to("/revoke")) == 2
    assert command("clear", "--yes").stdout == "No login is kept on this machine.\n"


def test_clear_removes_what_a_provider_that_is_gone_cannot_end(
    environ: dict[str, str], command: Command, box: Sandbox, tmp_path: Path
) -> None:
    """The login here goes whatever the provider says, and it is told that the session was not ended."""
    at_terminal(["login"], environ, tmp_path, box)
    box.stop()
    told = command("clear", "-y", "--json")
    (ended,) = json.loads(told.stdout)["ended"]
    assert (told.status, stored(tmp_path)) == (0, [])
    assert ended["login"] == "dora at Terrascope"
    assert ended["done"].startswith("Signed out here.")


def test_clear_finds_what_a_killed_process_left(
    environ: dict[str, str], command: Command, box: Sandbox, tmp_path: Path
) -> None:
    """A login that was written down and has not taken its place is ended too."""
    at_terminal(["login"], environ, tmp_path, box)
    (kept,) = stored(tmp_path)
    kept.rename(kept.with_suffix(".new"))
    told = command("clear", "--yes")
    assert (told.status, told.stdout.startswith("dora at Terrascope: ")) == (0, True)
    assert len(box.requests_to("/revoke")) == 1
    assert [path.suffix for path in kept.parent.iterdir()] in ([], [".lock"])


def test_clear_finds_what_is_in_the_keyring(
    environ: dict[str, str], command: Command, box: Sandbox, backend: FakeBackend, tmp_path: Path
) -> None:
    """Each entry that was kept there is named and ended, whatever store is configured by then."""
    keyring = {
        "TERRASCOPE_STORE": "keyring",
        "PYTHON_KEYRING_BACKEND": "testbed.keyrings.OnDisk",
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "TESTBED_KEYRING": str(tmp_path / "ring.json"),
    }
    at_terminal(["login"], environ | keyring, tmp_path, box)
    at_terminal(["login", f"openeo:{backend.address}"], environ | keyring, tmp_path, box)
    assert command("status", f"openeo:{backend.address}", **keyring).status == 0
    told = command("clear", "--yes", **(keyring | {"TERRASCOPE_STORE": "file"}))
    assert (told.status, told.stdout.count("is ended.")) == (0, 2)
    assert f"dora at openeo:{backend.url}#sso: " in told.stdout
    assert json.loads((tmp_path / "ring.json").read_text()) == {}
    assert command("clear", "--yes", **keyring).stdout == "No login is kept on this machine.\n"


KILLED = """
import os, signal
from ipyterrascope.command import main
from ipyterrascope.protocol import revocation
revocation.revoke = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
main({words})
"""


@pytest.mark.parametrize("words", [["logout"], ["clear", "--yes"]])
def test_what_is_killed_while_it_signs_out_can_be_done_again(
    environ: dict[str, str], command: Command, box: Sandbox, tmp_path: Path, words: list[str]
) -> None:
    """A login is removed once it is ended at the provider: else nobody could end it any more."""
    at_terminal(["login"], environ, tmp_path, box)
    code = KILLED.format(words=words)
    killed = subprocess.run([sys.executable, "-c", code], env=environ, cwd=tmp_path, check=False, timeout=60)
    assert (killed.returncode, len(stored(tmp_path)), box.requests_to("/revoke")) == (-signal.SIGKILL, 1, [])
    again = command(*words)
    assert (again.status, stored(tmp_path), len(box.requests_to("/revoke"))) == (0, [], 1)
    assert "is ended." in again.stdout


def test_a_login_that_cannot_be_kept_is_ended(environ: dict[str, str], box: Sandbox, tmp_path: Path) -> None:
    """Where the folder turns out to be none, the session that was to last ends at the provider, and that is said."""
    (tmp_path / "data").write_text("no folder")
    elsewhere = environ | {"XDG_DATA_HOME": str(tmp_path / "data")}
    with command_terminal(["login"], INVITED, elsewhere, tmp_path) as terminal:
        box.approve(box.waiting_codes[-1])
        shown, status = terminal.ended()
    assert (status, "Nothing was kept. Signed out" in shown) == (1, True)
    assert len(box.requests_to("/revoke")) == 1


def test_what_cannot_be_removed_is_no_success(
    environ: dict[str, str], command: Command, box: Sandbox, tmp_path: Path
) -> None:
    """Where the login stays on the disk, `logout` and `clear` say so, and their exit status does."""
    at_terminal(["login"], environ, tmp_path, box)
    (kept,) = stored(tmp_path)
    kept.parent.chmod(0o777)
    ended = command("logout")
    assert (ended.status, "could not be removed" in ended.stdout) == (1, True)
    cleared = command("clear", "--yes")
    assert (cleared.status, "Nothing in it was read or removed." in cleared.stderr) == (1, True)
    assert kept.exists()
    kept.parent.chmod(0o700)
    assert command("logout").status == 0


def kept_login(issuer: str, **changes: object) -> str:
    """Return what a file with a login holds."""
    fields = {
        "version": 1, "issuer": issuer, "client_id": "public", "hosts": [], "login_id": "x", "user": "dora",
        "access_token": "at", "refresh_token": "planted-refresh-token", "issued_at": 1e9, "expires_at": None,
        "refresh_expires_at": None, "scope": "", "secret": "planted-client-secret", **changes,
    }  # fmt: skip
    return f"{base64.b64encode(json.dumps(fields).encode()).decode()}\n"


def private_file(path: Path, text: str) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_what_is_not_the_login_that_its_name_says_is_sent_nowhere(command: Command, tmp_path: Path) -> None:
    """A file that names another issuer, or a name that steers a terminal, is told, removed, and not used."""
    folder = tmp_path / ".local" / "share" / "ipyterrascope" / "logins"
    with loopback() as evil:
        private_file(folder / f"{'a' * 32}.login", kept_login(evil.url))
        private_file(folder / "bad\x1b[31m\u202e.login", "zzz\n")
        private_file(folder / f"{key_at(evil.url, 'public')}.login", kept_login(evil.url, user="do\x1b[2Jra\u202e"))
        told = [command("paths"), command("status")]
        (folder / f"{key_at(evil.url, 'public')}.login").unlink()
        told.append(command("clear", "--yes"))
        assert evil.asked == []
    assert "It is damaged: it is another login than its name says." in told[0].stdout
    assert "do [2Jra at 127.0.0.1" in told[0].stdout
    assert told[2].stdout.count("nothing was ended at a provider") == 2
    assert not [letter for each in told for letter in "\x1b\u202e" if letter in each.stdout + each.stderr]
    assert [*folder.glob("*.login")] == []


def test_a_folder_of_somebody_elses_is_not_cleared(command: Command, tmp_path: Path) -> None:
    """Through a link, or where others may write, nothing is read or removed, and that is no success."""
    folder, theirs = tmp_path / ".local" / "share" / "ipyterrascope" / "logins", tmp_path / "theirs"
    names = ["notes.login", "notes.new"]
    for name in names:
        private_file(theirs / name, "precious")
    folder.parent.mkdir(parents=True)
    folder.symlink_to(theirs)
    through_link = command("clear", "--yes")
    shown = command("paths").stdout
    folder.unlink()
    theirs.rename(folder)
    folder.chmod(0o770)
    open_to_others = command("clear", "--yes")
    for told in (through_link, open_to_others):
        assert (told.status, told.stdout) == (1, "")
        assert "serves no login" in told.stderr
    assert "serves no login" in shown
    assert sorted(path.name for path in folder.iterdir()) == names


def test_a_login_of_openeos_client_moves_here(
    command: Command, environ: dict[str, str], box: Sandbox, backend: FakeBackend, theirs: Path, tmp_path: Path
) -> None:
    """`import-openeo` says who owns the token now: their file has it no more, and our commands are signed in by it."""
    tokens = OAuthClient(box.provider(scope="openid")).password("dora", Secret(PASSWORD))
    assert tokens.refresh_token is not None
    store = RefreshTokenStore(theirs / "refresh-tokens.json")
    store.set_refresh_token(box.issuer, "public", tokens.refresh_token.reveal())
    moved = command("import-openeo", backend.address)
    assert moved.stdout.startswith("Moved: openEO's client has that login no more, and you are signed in to openEO at")
    assert store.get_refresh_token(box.issuer, "public") is None
    assert command("status", f"openeo:{backend.address}").status == 0
    again = command("import-openeo", backend.address, "--json")
    assert (again.status, json.loads(again.stdout)["error"]["type"]) == (2, "UsageError")
    assert command("logout", f"openeo:{backend.address}").status == 0
    assert stored(tmp_path) == []


def test_a_login_for_openeos_client_is_made(
    command: Command, environ: dict[str, str], box: Sandbox, backend: FakeBackend, theirs: Path, tmp_path: Path
) -> None:
    """`export-openeo` signs in once more: a person approves a code, and nothing is kept here."""
    assert command("export-openeo", backend.address).status == 3
    shown = at_terminal(["export-openeo", backend.address], environ, tmp_path, box)
    assert "is signed in at openEO at" in shown
    token = RefreshTokenStore(theirs / "refresh-tokens.json").get_refresh_token(box.issuer, "public")
    assert token in box.issued
    assert token not in shown
    assert stored(tmp_path) == []
