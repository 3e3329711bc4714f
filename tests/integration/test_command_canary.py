"""The canary at a shell's prompt: every secret that was typed or issued is looked for in all that commands show and
leave, with `--debug` throughout and in trouble too, and in what other processes see of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from openeo.rest.auth.config import RefreshTokenStore
from places import PASSWORD, Ended, Terminal, command_terminal, environment_for, run_command

from ipyterrascope.protocol.oauth import OAuthClient
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.values.secret import Secret
from testbed.canary import found_in, secrets_of
from testbed.openeo import DEVICE, FakeBackend, fake_backend

WRONG, CLIENT_SECRET = "wr0ng-Pa55-canary", "sandbox-client-secret"
USERS = ("dora", "boots", "swiper")
INVITED = "Ctrl-C cancels …"


@dataclass
class Story:
    """What was typed at one machine, and what came of each line."""

    box: Sandbox
    backend: FakeBackend
    environ: dict[str, str]
    folder: Path
    ended: dict[str, Ended] = field(default_factory=dict[str, Ended])
    screens: dict[str, str] = field(default_factory=dict[str, str])
    seen: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def run(self, line: str, piped: str | None = None, **variables: str) -> Ended:
        """Run a line without a terminal."""
        words = [word.replace("BACKEND", self.backend.address) for word in line.split()]
        words = [word.replace("FILES", f"http://127.0.0.1:{self.box.port}/download") for word in words]
        ended = run_command([*words, "--debug"], self.environ | variables, self.folder, piped)
        self.ended[f"{len(self.ended)} {line}"] = ended
        return ended

    @contextlib.contextmanager
    def terminal(self, line: str, until: str) -> Iterator[Terminal]:
        """Type a line at a terminal, look at its process from outside, and keep what was on the screen."""
        words = [*line.replace("BACKEND", self.backend.address).split(), "--debug"]
        with command_terminal(words, until, self.environ, self.folder) as terminal:
            yield terminal
            self.look_at(line, terminal.pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                terminal.ended()
            self.screens[f"{len(self.screens)} {line}"] = terminal.transcript

    def look_at(self, line: str, pid: int) -> None:
        """Keep what others can see of a process, if it is there still, and of its children."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
                for what in ("cmdline", "environ"):
                    with contextlib.suppress(OSError):
                        self.seen[f"{what} of {line}"] = Path(f"/proc/{process.pid}/{what}").read_bytes()

    def places(self) -> dict[str, bytes]:
        """Return everything that left a command: screens, streams, files, and what is seen of a process."""
        places = {
            # what is kept for openEO's client is theirs to keep in the clear
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and path.name != "refresh-tokens.json"
        }
        for name, ended in self.ended.items():
            places |= {f"stdout of {name}": ended.stdout.encode(), f"stderr of {name}": ended.stderr.encode()}
        return places | {f"screen of {name}": text.encode() for name, text in self.screens.items()} | self.seen

    def look(self) -> set[str]:
        """Return where secrets are found."""
        typed = {PASSWORD, WRONG, CLIENT_SECRET, self.box.users["boots"], *self.backend.issued}
        return found_in(self.places(), secrets_of(self.box, typed), USERS)


@contextlib.contextmanager
def story_in(folder: Path) -> Iterator[Story]:
    theirs = folder / "openeo"
    theirs.mkdir(mode=0o700)
    with Sandbox(device_interval_s=1, access_token_lifetime_s=2) as box, fake_backend() as backend:
        backend.offer(box.issuer, default_clients=[{"id": "public", "grant_types": [DEVICE, "refresh_token"]}])
        backend.users = {"dora": PASSWORD}
        environ = environment_for(folder, box, OPENEO_CONFIG_HOME=str(theirs), TERRASCOPE_OPENEO_ISSUERS=box.issuer)
        yield Story(box, backend, environ, folder)


def sign_in_at_terrascope(story: Story) -> None:
    box = story.box
    with story.terminal("login --method password", "user name: ") as terminal:
        terminal.type("boots")
        terminal.until("password (not shown): ")
        terminal.type(WRONG)
        terminal.until("password of boots (not shown): ")
        story.look_at("login, a password typed", terminal.pid)
        terminal.type(box.users["boots"])
        terminal.until("(Enter if you have none): ")
        terminal.type("")
        terminal.until("Kept in ")
    with story.terminal("login --method password --user dora", "password (not shown): ") as terminal:
        terminal.type(WRONG)
        terminal.until("password of dora (not shown): ")
        terminal.press("c")
        terminal.until("LoginCancelled")
    box.timeline.token("no_answer")
    with story.terminal("login --method password --user dora", "password (not shown): ") as terminal:
        terminal.type(PASSWORD)
        terminal.until("ProviderUnreachable")
    box.timeline.clear()
    with story.terminal("login --method device", INVITED) as terminal:
        story.look_at("login, a code waiting", terminal.pid)
        box.approve(box.waiting_codes[-1])
        terminal.until("Kept in ")


def sign_in_at_a_back_end(story: Story) -> None:
    with story.terminal("login openeo:BACKEND --method basic --user dora", "(not shown): ") as terminal:
        terminal.type(PASSWORD)
        terminal.until("Kept in ")
    line = "login openeo:BACKEND --method oidc --client-id confidential"
    with story.terminal(line, "(not shown): ") as terminal:
        terminal.type(CLIENT_SECRET)
        terminal.until(INVITED)
        story.look_at("login, a secret typed", terminal.pid)
        story.box.approve(story.box.waiting_codes[-1])
        terminal.until("Kept in ")
    tokens = OAuthClient(story.box.provider(scope="openid")).password("dora", Secret(PASSWORD))
    assert tokens.refresh_token is not None
    store = RefreshTokenStore(story.folder / "openeo" / "refresh-tokens.json")
    store.set_refresh_token(story.box.issuer, "public", tokens.refresh_token.reveal())
    story.run("import-openeo BACKEND")
    with story.terminal("export-openeo BACKEND", INVITED) as terminal:
        story.box.approve(story.box.waiting_codes[-1])
        terminal.until("by a login of its own")


def work_and_stumble(story: Story) -> None:
    url, trouble = story.box.download_urls[0], story.box.timeline
    for line in (
        "status",
        "status --json",
        "token",
        "token --json",
        "config",
        "config --json",
        "paths",
        "paths --json",
    ):
        story.run(line)
    story.run("status openeo:BACKEND")
    story.run(f"download {url} -d data")
    story.run("download @- -d data --json", piped="\n".join(story.box.download_urls[:3]))
    story.run("download FILES/missing.tif -d data")
    for number, step in enumerate((steps.reset(after=100), "html", "redirect_to_login", 403)):
        trouble.files(step)
        story.run(f"download {url} -d trouble{number} --json")
        trouble.clear()
    story.run("login --password given")
    time.sleep(2.1)  # the token has ended
    trouble.token(503)
    assert story.run("token").status == 1
    trouble.clear()
    trouble.token("invalid_grant")
    assert story.run("token").status == 3
    trouble.clear()
    story.run("status")
    given = {"TERRASCOPE_USERNAME": "dora", "TERRASCOPE_PASSWORD": PASSWORD}
    story.run("status", **given)
    story.run("login --json", **given)
    story.run(f"download {url} -d data --overwrite", **given)
    story.run("status", TERRASCOPE_USERNAME="dora", TERRASCOPE_PASSWORD=WRONG)
    story.run("config", **given)


def test_no_secret_is_found_in_what_commands_show_and_leave(tmp_path: Path) -> None:
    """Neither screens, streams and logs, nor files, command lines and environments hold a password, token or code."""
    with story_in(tmp_path) as story:
        sign_in_at_terrascope(story)
        sign_in_at_a_back_end(story)
        work_and_stumble(story)
        story.run("logout")
        story.box.stop()
        story.run("clear --yes")
        # it went as it was meant to, and --debug did log
        assert [name for name, ended in story.ended.items() if "Traceback" in ended.stderr] == []
        assert {ended.status for ended in story.ended.values()} == {0, 1, 2, 3}
        assert sum(ended.status == 0 for ended in story.ended.values()) >= 15
        assert len(story.screens) == 7
        assert all("urllib3.connectionpool" in screen for screen in story.screens.values())
        assert any(b"login" in line for name, line in story.seen.items() if name.startswith("cmdline"))
        assert len(story.box.issued) >= 8
        assert story.look() == set()


@pytest.mark.parametrize("line", ["token --show-secrets", "token --json --show-secrets"])
def test_the_canary_of_commands_can_fail(tmp_path: Path, line: str) -> None:
    """The one option that prints a token is found, and on stdout alone."""
    with story_in(tmp_path) as story:
        story.box.access_token_lifetime_s = 300
        story.run(line, TERRASCOPE_USERNAME="dora", TERRASCOPE_PASSWORD=PASSWORD)
        found = story.look()
        assert found
        assert all(place.startswith("stdout of 0 token") for place in found)
