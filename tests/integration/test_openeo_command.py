"""Who knows `openeo-auth` signs in at an openEO back-end by `jupyter terrascope`, and is found there afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kernels import front_end
from openeo.rest.auth.config import AuthConfig
from places import PASSWORD, Ended, command_terminal, environment_for, run_command, run_script

from ipyterrascope.sandbox import Sandbox
from testbed.openeo import DEVICE, FakeBackend, as_json, fake_backend

INVITED = "Ctrl-C cancels …"
Command = Callable[..., Ended]


@pytest.fixture
def environ(box: Sandbox, tmp_path: Path) -> dict[str, str]:
    return environment_for(tmp_path, box)


@pytest.fixture
def command(environ: dict[str, str], tmp_path: Path) -> Command:
    """Run a command without a terminal, with further variables."""
    return lambda *words, **variables: run_command([*words], environ | variables, tmp_path)


@pytest.fixture
def backend(box: Sandbox) -> Iterator[FakeBackend]:
    """A back-end of three ways: two providers, and user name and password."""
    with fake_backend() as running:
        running.offer(box.issuer, default_clients=[{"id": "public", "grant_types": [DEVICE, "refresh_token"]}])
        running.offer(box.issuer, id="second", default_clients=[{"id": "public", "grant_types": [DEVICE]}])
        running.users = {"dora": PASSWORD}
        yield running


def stored(folder: Path) -> list[Path]:
    return [*(folder / ".local" / "share" / "ipyterrascope" / "logins").glob("*.login")]


def typed(words: list[str], answers: dict[str, str], environ: dict[str, str], folder: Path) -> str:
    """Type a command at a terminal, and what it asks for; return what was shown at the end."""
    (first, answer), *rest = answers.items()
    with command_terminal(words, first, environ, folder) as terminal:
        terminal.type(answer)
        for question, reply in rest:
            terminal.until(question)
            terminal.type(reply)
        shown, status = terminal.ended()
    assert status == 0, shown
    return shown


def approved(words: list[str], environ: dict[str, str], folder: Path, box: Sandbox) -> str:
    """Type a command that shows a code, and approve that."""
    with command_terminal(words, INVITED, environ, folder) as terminal:
        box.approve(box.waiting_codes[-1])
        shown, status = terminal.ended()
    assert status == 0, shown
    return shown


# each as the table of docs/command-line.md has it
LINES = {
    "add-basic": ["--method", "basic", "--user", "dora"],
    "add-oidc": ["--method", "oidc", "--provider-id", "second", "--client-id", "service"],
    "oidc-auth": [],
    "another": ["--provider-id", "second"],
}
ANSWERS = {
    "add-basic": {"password (not shown): ": PASSWORD},
    "add-oidc": {"Secret of client service (not shown): ": "sandbox-service-secret"},
}


@pytest.mark.parametrize("line", LINES)
def test_every_login_is_found_by_the_back_ends_name(
    environ: dict[str, str], command: Command, box: Sandbox, backend: FakeBackend, tmp_path: Path, line: str
) -> None:
    """After each line for which `openeo-auth` has one, later commands and scripts are signed in; `logout` ends it."""
    name = f"openeo:{backend.address}"
    words = ["login", name, *LINES[line]]
    if line in ANSWERS:
        typed(words, ANSWERS[line], environ, tmp_path)
    else:
        approved(words, environ, tmp_path, box)
    assert len(stored(tmp_path)) == 1

    status = command("status", name)
    assert (status.status, "from the stored login" in status.stdout) == (0, True), status
    token = command("token", name, "--json")
    prefix = {"add-basic": "basic//", "oidc-auth": "oidc/sso/"}.get(line, "oidc/second/")
    assert (token.status, json.loads(token.stdout)["bearer_prefix"]) == (0, prefix)
    ask = f"import ipyterrascope as ts; print(ts.openeo_connection({backend.address!r}).describe_account()['user_id'])"
    script = run_script(ask, environ, tmp_path)
    assert (script.stderr, bool(script.stdout.strip())) == ("", True)
    unnamed = run_command(["status", f"--Terrascope.openeo_backend={backend.address}", "openeo:"], environ, tmp_path)
    assert unnamed.status == 0

    ended = command("logout", name)
    assert (ended.status, ended.stdout.startswith("Signed out")) == (0, True)
    assert stored(tmp_path) == []
    assert command("status", name).status == 3
    assert command("logout", name).stdout == "Nobody was signed in.\n"
    # the name means the first provider now, to which a password of the back-end itself is nothing
    folder = tmp_path / "openeo"
    folder.mkdir(mode=0o700)
    AuthConfig(folder / "auth-config.json").set_basic_auth(backend.url, "dora", PASSWORD)
    assert command("logout", name, OPENEO_CONFIG_HOME=str(folder)).stdout == "Nobody was signed in.\n"
    again = command("logout", name, "--provider-id", "basic", OPENEO_CONFIG_HOME=str(folder))
    assert "At the next use it signs in again, by openEO's auth-config.json: " in again.stdout


def test_what_else_is_kept_is_named_as_a_command_takes_it(
    environ: dict[str, str], command: Command, box: Sandbox, backend: FakeBackend, tmp_path: Path
) -> None:
    """The line of `status` has a back-end's name with the provider: given to `logout`, that one is ended."""
    name = f"openeo:{backend.address}"
    typed(["login", name, *LINES["add-basic"]], ANSWERS["add-basic"], environ, tmp_path)
    approved(["login", name, "--provider-id", "second"], environ, tmp_path, box)
    (line,) = [line for line in command("status", name).stdout.splitlines() if line.startswith("Also kept")]
    assert line == f"Also kept on this machine: dora at openeo:{backend.url}#basic."
    ended = command("logout", line.rpartition(" ")[2].rstrip("."))
    assert (ended.status, len(stored(tmp_path))) == (0, 1)
    typed(["login", name, *LINES["add-basic"]], ANSWERS["add-basic"], environ, tmp_path)
    assert command("logout", name, "--provider-id", "second").status == 0
    assert "#basic" in command("status").stdout
    approved(["login", name, "--provider-id", "second"], environ, tmp_path, box)
    ended = command("logout", name)
    assert (ended.status, len(ended.stdout.splitlines()), stored(tmp_path)) == (0, 2, [])
    assert command("logout", "--provider-id", "second").status == 2


def test_logout_while_offline(
    environ: dict[str, str], command: Command, box: Sandbox, backend: FakeBackend, tmp_path: Path
) -> None:
    """Who was never signed in is nobody; what is kept is removed, and the session that goes on is told."""
    with fake_backend() as gone:
        pass
    nobody = command("logout", f"openeo:{gone.address}")
    assert (nobody.status, nobody.stdout) == (0, "Nobody was signed in.\n")
    approved(["login", f"openeo:{backend.address}", "--provider-id", "second"], environ, tmp_path, box)
    backend.answers = dict.fromkeys(("/.well-known/openeo", "/openeo/1.2/"), as_json({}, 503))
    ended = command("logout", f"openeo:{backend.address}")
    assert (ended.status, stored(tmp_path)) == (0, [])
    assert "is ended" in ended.stdout


def test_a_choice_in_the_widget_is_found_by_a_command(
    environ: dict[str, str], command: Command, box: Sandbox, backend: FakeBackend, tmp_path: Path
) -> None:
    """A person turns to the second provider, stays signed in, and the next process is, in notebooks too."""
    name = f"openeo:{backend.address}"
    with front_end(environ, tmp_path) as notebook:
        notebook.run("%load_ext ipyterrascope")
        view = notebook.run(f"%terrascope login {name} --remember").views[0]
        choices = list(notebook.state_of(view)["choices"])
        notebook.click(view, "choose_provider", provider=choices[1])
        notebook.until(lambda: notebook.state_of(view)["provider"]["name"].endswith("#second"))
        notebook.click(view, "start_device", remember=True)
        notebook.until(lambda: notebook.state_of(view)["phase"] == "awaiting_user" and box.waiting_codes)
        box.approve(box.waiting_codes[-1])
        notebook.until_phase(view, "signed_in")
    status = command("status", name)
    assert status.status == 0, status
    assert "(second): signed in as dora" in status.stdout
    with front_end(environ, tmp_path) as notebook:
        notebook.run("%load_ext ipyterrascope")
        again = notebook.run(f"%terrascope login {name}").views[0]
        notebook.until_phase(again, "signed_in")
        assert notebook.state_of(again)["provider"]["name"].endswith("#second")
        assert "Signed out" in notebook.run(f"%terrascope logout {name} --provider-id second").stream
    assert stored(tmp_path) == []
