"""`jupyter terrascope`: a person signs in once at a terminal; scripts, cron and pipes go on from there."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from places import PASSWORD, Ended, Terminal, command_terminal, environment_for, run_command, run_script

from ipyterrascope.sandbox import Sandbox, steps

INVITED = "Ctrl-C cancels …"
Command = Callable[..., Ended]


@pytest.fixture
def environ(box: Sandbox, tmp_path: Path) -> dict[str, str]:
    """A home in which nothing is configured but which server is Terrascope."""
    return environment_for(tmp_path, box)


@pytest.fixture
def command(environ: dict[str, str], tmp_path: Path) -> Command:
    """Run a command without a terminal, with further variables, or with something piped into it."""

    def run(*words: str, piped: str | None = None, **variables: str) -> Ended:
        return run_command([*words], environ | variables, tmp_path, piped)

    return run


def stored(folder: Path) -> list[Path]:
    return [*(folder / ".local" / "share" / "ipyterrascope" / "logins").glob("*.login")]


def sign_in(environ: dict[str, str], folder: Path, box: Sandbox) -> str:
    """Sign in at a terminal by a code, and return what was shown then."""
    with command_terminal(["login"], INVITED, environ, folder) as terminal:
        box.approve(box.waiting_codes[-1])
        shown, status = terminal.ended()
    assert status == 0
    return shown


def test_one_login_at_a_terminal_serves_all_that_comes_after(
    environ: dict[str, str], command: Command, box: Sandbox, tmp_path: Path
) -> None:
    """`login` shows link and code, and says where the login is kept; commands and Python use it; `logout` ends it."""
    shown = sign_in(environ, tmp_path, box)
    (kept,) = stored(tmp_path)
    assert "Signed in to Terrascope as dora, by device code, until you log out." in shown
    assert f"Kept in {kept} until jupyter terrascope logout" in shown
    status = command("status")
    assert status.stdout.startswith("Terrascope: signed in as dora, from the stored login.")
    assert (status.status, status.stderr) == (0, "")
    (told,) = json.loads(command("status", "--json").stdout)["accounts"]
    assert (told["is_signed_in"], told["user"], told["source"]) == (True, "dora", "stored")
    url = box.download_urls[0]
    script = run_script(f"import ipyterrascope as ts; print(ts.session().get({url!r}).status_code)", environ, tmp_path)
    assert script.stdout == "200\n"
    ended = command("logout")
    assert (ended.stdout, ended.status) == ("Signed out, and the session at Terrascope is ended.\n", 0)
    assert stored(tmp_path) == []
    assert len(box.requests_to("/revoke")) == 1
    assert command("status").status == 3
    assert command("logout").stdout == "Nobody was signed in.\n"


def test_a_password_is_typed_and_never_shown(environ: dict[str, str], box: Sandbox, tmp_path: Path) -> None:
    """`login --method password` reads like the magic; a wrong password is asked for again; stdout has the answer."""
    with command_terminal(
        ["login", "--method", "password", "--remember"], "user name: ", environ, tmp_path
    ) as terminal:
        terminal.type("boots")
        terminal.until("password (not shown): ")
        terminal.type("wr0ng-Pa55")
        terminal.until("password of boots (not shown): ")
        terminal.type(box.users["boots"])
        terminal.until("(Enter if you have none): ")
        terminal.type("")
        shown, status = terminal.ended()
    assert "Signed in to Terrascope as boots, by password, kept on this machine." in shown
    assert status == 0
    assert box.users["boots"] not in terminal.transcript
    assert "wr0ng-Pa55" not in terminal.transcript


def test_a_pipe_does_not_keep_it_from_asking(environ: dict[str, str], box: Sandbox, tmp_path: Path) -> None:
    """With stdout piped away link and code are on the terminal still, and the pipe gets the answer alone."""
    line = [sys.executable, "-m", "ipyterrascope", "login", "--json"]
    piping = f"import subprocess; subprocess.run({line!r}, stdout=open('answer.json', 'w'))"
    terminal = Terminal(["-c", piping], re.escape(INVITED), environ, tmp_path)
    box.approve(box.waiting_codes[-1])
    terminal.until("Signed in to Terrascope as dora")
    terminal.ended()
    (kept,) = stored(tmp_path)
    assert json.loads((tmp_path / "answer.json").read_text()) == {
        "provider": "terrascope",
        "user": "dora",
        "source": "device",
        "is_kept": True,
        "kept_in": str(kept),
    }


def test_a_download_at_a_terminal_asks_and_shows_a_bar(environ: dict[str, str], box: Sandbox, tmp_path: Path) -> None:
    """Who is not signed in is asked once for this download; then there is a bar, and the report."""
    (large,) = (url for url in box.download_urls if "B8A" in url)
    with command_terminal(["download", large, "-d", "data"], INVITED, environ, tmp_path) as terminal:
        box.approve(box.waiting_codes[-1])
        terminal.until("100%|")
        terminal.until("Report: 1 saved")
        assert terminal.ended()[1] == 0
    assert stored(tmp_path) == []


def test_a_token_that_is_handed_out_lasts_a_while(tmp_path: Path) -> None:
    """One that has less than half of its life left is renewed first."""
    with Sandbox(device_interval_s=1, access_token_lifetime_s=12) as box:
        environ = environment_for(tmp_path, box)
        sign_in(environ, tmp_path, box)
        time.sleep(6.5)
        told = json.loads(run_command(["token", "--json"], environ, tmp_path).stdout)
        assert told["expires_at"] - time.time() > 6


def test_a_reader_that_has_seen_enough(environ: dict[str, str], tmp_path: Path) -> None:
    """`… | head -1` ends without a word."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ipyterrascope", "config"],
        env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(30) == 0


def test_an_answer_that_cannot_be_written(environ: dict[str, str], tmp_path: Path) -> None:
    """A full disk is told in a line, and is no success."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "ipyterrascope", "config"],
            env=environ, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (1, "The answer could not be written: No space left on device.\n")


@pytest.mark.parametrize("line", ["status", "token", "--help", "download --frob"])
@pytest.mark.parametrize("closing", [">/dev/full", "2>/dev/full", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_or_full(
    environ: dict[str, str], credentials: dict[str, str], tmp_path: Path, line: str, closing: str
) -> None:
    """No traceback, no error on stdout, no success where the answer got nowhere, and nothing in another's stream."""
    words = f"{sys.executable} -m ipyterrascope {line}"
    ended = subprocess.run(
        ["sh", "-c", f"{words} {closing}"],
        env=environ | credentials, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    is_usage = line == "download --frob"
    is_lost = not closing.startswith("2")
    assert ended.returncode == (2 if is_usage else 1 if is_lost else 0), ended
    assert "Traceback" not in ended.stderr + ended.stdout
    assert "Error" not in ended.stdout
    assert "xception" not in ended.stderr
    if is_lost and not is_usage and "2>" not in closing:
        assert ended.stderr.startswith("The answer could not be written: ")


def test_a_list_from_a_pipe_at_a_terminal(environ: dict[str, str], box: Sandbox, tmp_path: Path) -> None:
    """Where the list is piped in, the person who typed that is asked all the same: by a code, or for a password."""
    (tmp_path / "list.txt").write_text(box.download_urls[0])
    command = f"{sys.executable} -m ipyterrascope"
    piping = f"import subprocess; subprocess.run({f'cat list.txt | {command} download @- -d data'!r}, shell=True)"
    terminal = Terminal(["-c", piping], re.escape(INVITED), environ, tmp_path)
    box.approve(box.waiting_codes[-1])
    terminal.until("That sign-in was for this command alone; jupyter terrascope login keeps one.")
    terminal.until("Report: 1 saved")
    terminal.ended()
    typing = f"import subprocess; subprocess.run({f'true | {command} login --method password'!r}, shell=True)"
    terminal = Terminal(["-c", typing], "user name: ", environ, tmp_path)
    terminal.type("boots")
    terminal.until("password (not shown): ")
    terminal.type(box.users["boots"])
    terminal.until("Signed in to Terrascope as boots")
    terminal.ended()


def test_a_failure_at_a_terminal_is_told_once(
    environ: dict[str, str], credentials: dict[str, str], box: Sandbox, tmp_path: Path
) -> None:
    """The report beside the advice has each reason; where it goes elsewhere, stderr has them too."""
    missing = f"http://127.0.0.1:{box.port}/download/missing.tif"
    with command_terminal(["download", missing, "-d", "data"], "Report: ", environ | credentials, tmp_path) as terminal:
        assert terminal.ended()[1] == 1
    assert terminal.transcript.count("404") == 1


def test_a_password_that_is_refused_has_one_status(command: Command, credentials: dict[str, str], box: Sandbox) -> None:
    """What lies ready and is no good fails, whichever command meets it; that nobody is signed in is another matter."""
    wrong = credentials | {"TERRASCOPE_PASSWORD": "wr0ng"}
    for line in (["status"], ["token"], ["download", box.download_urls[0]]):
        assert command(*line, **wrong).status == 1, line
        assert command(*line).status == 3, line


def test_an_option_of_a_command_that_there_is_not(command: Command) -> None:
    """The help that is named is that of the command, and a near word is one of its options."""
    told = command("download", "--frob")
    assert (told.status, "See jupyter terrascope download --help." in told.stderr) == (2, True)
    assert "Did you mean --overwrite? See jupyter terrascope download --help." in command(
        "download", "--overwrit"
    ).stderr  # fmt: skip
    assert "See jupyter terrascope --help." in command("dowload").stderr


def test_a_terminal_that_lacks_characters(command: Command, credentials: dict[str, str]) -> None:
    """No command fails at the last word."""
    told = command("token", PYTHONIOENCODING="ascii", **credentials)
    assert (told.status, "Secret('???')" in told.stdout) == (0, True)


def test_ctrl_c_ends_a_login(environ: dict[str, str], box: Sandbox, tmp_path: Path) -> None:
    """A cancelled sign-in is told apart from one that failed, and keeps nothing."""
    with command_terminal(["login"], INVITED, environ, tmp_path) as terminal:
        terminal.press("c")
        shown, status = terminal.ended()
    assert shown.endswith("LoginCancelled: The sign-in was cancelled.\nStart it again when you like.")
    assert (status, stored(tmp_path)) == (130, [])


@pytest.mark.parametrize("line", ["login", "login --method device", "token --show-secrets", "download URL", "status"])
def test_without_a_terminal_nobody_is_asked(command: Command, box: Sandbox, line: str) -> None:
    """In cron and in pipes what needs a person is an exit status of its own, at once, and no request is made."""
    ended = command(*line.replace("URL", box.download_urls[0]).split())
    assert ended.status == 3
    assert "Traceback" not in ended.stderr
    assert not box.requests_to("/device") + box.requests_to("/download/")


def test_where_no_login_is_kept_none_is_made(environ: dict[str, str], box: Sandbox, tmp_path: Path) -> None:
    """With the store "none" a person is not asked for what would be lost with the command."""
    environ = environ | {"TERRASCOPE_STORE": "none"}
    with command_terminal(["login"], "UsageError: A login cannot be kept here.", environ, tmp_path) as terminal:
        shown, status = terminal.ended()
    assert shown.endswith(
        "Set TERRASCOPE_STORE=file in the environment, or sign in where you need it, in Python or a notebook."
    )
    assert status == 2
    assert not box.requests


@pytest.mark.parametrize("line", ["login --method token", "login --source basic", "login earthdata"])
def test_what_leaves_nothing_to_keep_is_not_asked_for(
    environ: dict[str, str], box: Sandbox, tmp_path: Path, line: str
) -> None:
    """A token that is pasted, say, would end with the command: that is said before anybody types it."""
    with command_terminal(line.split(), "cannot be kept", environ, tmp_path) as terminal:
        assert terminal.ended()[1] == 2
    assert not box.requests


def test_the_token_is_printed_only_where_that_is_asked_for(
    environ: dict[str, str], command: Command, box: Sandbox, tmp_path: Path
) -> None:
    """`token --show-secrets` in `$(…)` is a live token and nothing else; without the option it is masked."""
    sign_in(environ, tmp_path, box)
    alone = command("token", "--show-secrets")
    (token,) = alone.stdout.splitlines()
    answer = requests.get(box.download_urls[0], headers={"Authorization": f"Bearer {token}"}, timeout=10)
    assert answer.status_code == 200
    masked, fields = command("token"), json.loads(command("token", "--json").stdout)
    assert "Access token: Secret('•••'); it ends in" in masked.stdout
    assert fields["access_token"] is None
    assert json.loads(command("token", "--json", "--show-secrets").stdout)["access_token"] in box.issued
    assert not any(secret in masked.stdout + str(fields) for secret in box.issued)


def test_a_secret_in_the_line_is_refused(command: Command, box: Sandbox) -> None:
    """There is no option for a password; one that is made up is refused, and not repeated."""
    ended = command("login", "--password", "hunter2")
    assert ended.status == 2
    assert "SecretExposed: There is a password or token in this line." in ended.stderr
    assert "hunter2" not in ended.stdout + ended.stderr


def test_downloads_of_scripts(command: Command, credentials: dict[str, str], box: Sandbox, tmp_path: Path) -> None:
    """Addresses, `@FILE` and `@-` are fetched by what lies ready; the report is on stdout, for programs as JSON."""
    (tmp_path / "list.txt").write_text("\n".join(box.download_urls[1:3]))
    one = command("download", box.download_urls[0], "-d", "data", **credentials)
    assert (one.status, one.stderr) == (0, "")
    assert one.stdout.startswith("Report: 1 saved")
    several = command("download", "@list.txt", "-d", "data", "--json", "--limit-rate", "50M", **credentials)
    assert [each["status"] for each in json.loads(several.stdout)["outcomes"]] == ["saved", "saved"]
    piped = command("download", "@-", "-d", "data", piped="\n".join(box.download_urls[:4]), **credentials)
    assert piped.stdout.startswith("Report: 1 saved, 3 already there")
    assert len([*(tmp_path / "data").iterdir()]) == 4
    named = command("download", box.download_urls[0], "-o", "picture.tif", **credentials)
    assert named.status == 0
    assert (tmp_path / "picture.tif").exists()


def test_assets_of_stac(command: Command, credentials: dict[str, str], tmp_path: Path, box: Sandbox) -> None:
    """STAC as JSON is read, assets are chosen, and `--plan` fetches nothing."""
    item = {"type": "Feature", "stac_version": "1.0.0", "id": "one", "properties": {}, "geometry": None, "links": []}
    assets = {f"B0{n}": {"href": url, "roles": ["data"]} for n, url in enumerate(box.download_urls[:3])}
    (tmp_path / "item.json").write_text(json.dumps(item | {"assets": assets}))
    plan = command("download", "@item.json", "--asset", "B00,B01", "-d", "data", "--plan", "--json")
    assert (plan.status, json.loads(plan.stdout)["fetch"]) == (0, 2)
    assert not (tmp_path / "data").exists()
    fetched = command("download", "@item.json", "--asset", "B00,B01", "-d", "data", **credentials)
    assert fetched.stdout.startswith("Report: 2 saved")


def test_a_download_that_fails_in_part(command: Command, credentials: dict[str, str], box: Sandbox) -> None:
    """The exit status is 1 when any file failed; the report names each, and the reasons are on stderr."""
    missing = f"http://127.0.0.1:{box.port}/download/missing.tif"
    ended = command("download", missing, box.download_urls[0], "-d", "data", **credentials)
    assert ended.status == 1
    assert ended.stdout.startswith("Report: 1 saved, 1 failed")
    assert "missing.tif: " in ended.stderr
    alone = command("download", missing, "--json", **credentials)
    (outcome,) = json.loads(alone.stdout)["outcomes"]
    assert (alone.status, outcome["error"]["type"], outcome["error"]["status"]) == (1, "ServerRefused", 404)


def test_ctrl_c_keeps_what_came(
    environ: dict[str, str], command: Command, credentials: dict[str, str], box: Sandbox, tmp_path: Path
) -> None:
    """One SIGINT ends a download; what came is kept, and the same line goes on with it."""
    (large,) = (url for url in box.download_urls if "B8A" in url)
    line = ["download", large, "-d", "data", "--max-connections", "1"]
    slowly = [sys.executable, "-m", "ipyterrascope", *line, "--limit-rate", "4M", "--json"]
    process = subprocess.Popen(
        slowly, env=environ | credentials, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 30
    while not any(path.stat().st_size for path in (tmp_path / "data").glob("*.part")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert json.loads(stdout)["error"] == {
        "type": "KeyboardInterrupt",
        "what": "Stopped.",
        "why": "",
        "do": "Run the same line again to go on where it was.",
        "retryable": True,
        "page_url": "",
    }
    assert stderr == "Stopped. Run the same line again to go on where it was.\n"
    before = len(box.requests_to("/download/"))
    assert command(*line, **credentials).stdout.startswith("Report: 1 saved")
    ranges = [record.headers.get("Range", "") for record in box.requests_to("/download/")[before:]]
    assert any(each and not each.startswith("bytes=0-") for each in ranges), ranges


def test_json_of_a_failure(command: Command, box: Sandbox) -> None:
    """A program reads why from stdout, a person from stderr."""
    ended = command("token", "--json")
    assert json.loads(ended.stdout)["error"]["type"] == "LoginRequired"
    assert ended.stderr.startswith("LoginRequired: Nobody is signed in to Terrascope.")
    box.timeline.token(503)
    trouble = command("token", "--json", TERRASCOPE_USERNAME="dora", TERRASCOPE_PASSWORD=PASSWORD)
    assert (trouble.status, json.loads(trouble.stdout)["error"]["retryable"]) == (1, True)


def test_the_configuration_is_that_of_any_jupyter_application(
    box: Sandbox, credentials: dict[str, str], tmp_path: Path
) -> None:
    """`jupyter_terrascope_config.py` sets what `ipython_config.py` sets; the command line goes first."""
    environ = environment_for(tmp_path, **credentials)
    config = Path(environ["JUPYTER_CONFIG_DIR"]) / "jupyter_terrascope_config.py"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"c.Terrascope.issuer = {box.issuer!r}\nc.Terrascope.label = 'Mine'\n")
    assert run_command(["status"], environ, tmp_path).stdout.startswith("Mine: signed in as dora")
    line = ["status", "--Terrascope.label", "Other", "--Terrascope.badge=TEST"]
    assert run_command(line, environ, tmp_path).stdout.startswith("Other [TEST]: signed in as dora")
    missing = run_command(["status", "--config", str(tmp_path / "mine.py")], environ, tmp_path)
    assert (missing.status, "There is none of the name" in missing.stderr) == (2, True)
    config.rename(tmp_path / "mine.py")
    assert run_command(["status", "--config=mine.py"], environ, tmp_path).stdout.startswith("Mine: signed in as dora")
    config.write_text("c.Terrascope.issuer = 1 / 0\n")
    broken = run_command(["status"], environ, tmp_path)
    assert (broken.status, broken.stdout) == (2, "")
    assert "ConfigurationError: A configuration file cannot be read.\nZeroDivisionError" in broken.stderr


def test_a_trait_that_cannot_be_right(command: Command, box: Sandbox) -> None:
    """It is told where it stands, and nothing is begun."""
    ended = command("status", "--Terrascope.issuer=http://sso.example.org")
    assert ended.status == 2
    assert "is not a secure address" in ended.stderr
    assert command("status", "--log-level=LOUD").status == 2
    assert not box.requests


def test_a_configuration_file_is_written_and_the_traits_are_explained(environ: dict[str, str], tmp_path: Path) -> None:
    """`--generate-config` and `--help-all` have the traits of the notebook with their help."""
    written = run_command(["--generate-config"], environ, tmp_path)
    (config,) = tmp_path.rglob("jupyter_terrascope_config.py")
    assert str(config) in written.stdout
    assert "# c.Terrascope.keep_alive_s = 0.0" in config.read_text()
    assert f"{config} (sets nothing)" in run_command(["paths"], environ, tmp_path).stdout
    assert json.loads(run_command(["paths", "--json"], environ, tmp_path).stdout)["config"]["read"] == [str(config)]
    assert "--Terrascope.keep_alive_s=<Float>" in run_command(["--help-all"], environ, tmp_path).stdout


def test_jupyter_finds_it(environ: dict[str, str], tmp_path: Path) -> None:
    """`jupyter terrascope …` is the command, and its help is the one of the magics' words."""
    jupyter = [str(Path(sys.executable).parent / "jupyter"), "terrascope"]

    def run(*words: str) -> str:
        return subprocess.run([*jupyter, *words], env=environ, capture_output=True, text=True, timeout=60).stdout

    assert "--method {device,password,basic,code,token,oidc}" in run("login", "--help")
    assert run().startswith("usage: jupyter terrascope COMMAND")
    assert run("help", "token").startswith("usage: jupyter terrascope token")


@pytest.mark.parametrize("line", ["--help", "status", "token --json"])
def test_starting_imports_little(environ: dict[str, str], tmp_path: Path, line: str) -> None:
    """Neither libcurl, IPython nor the widgets are imported for the help and for the status."""
    script = f"""
import sys
from ipyterrascope.command import main
try:
    main({line.split()!r})
except SystemExit:
    print("imported:", sorted({{"pycurl", "IPython", "anywidget", "ipywidgets", "tqdm"}} & set(sys.modules)))
"""
    assert run_script(script, environ, tmp_path).stdout.endswith("imported: []\n")


def test_a_slow_provider_is_not_waited_for_by_the_help(environ: dict[str, str], box: Sandbox, tmp_path: Path) -> None:
    """The help asks nobody."""
    box.timeline.token(steps.delayed(20))
    assert run_command(["login", "--help"], environ, tmp_path).status == 0
    assert not box.requests


def test_earthdata_says_what_signs_in_for_a_command(command: Command, environ: dict[str, str], tmp_path: Path) -> None:
    """No login is kept there, and so no command names `login` as the way on: environment and ~/.netrc are."""
    for words in (["status", "earthdata"], ["token", "earthdata"]):
        told = command(*words)
        assert told.status == 3
        assert "jupyter terrascope login" not in told.stdout + told.stderr
        for part in ("EARTHDATA_TOKEN", "EARTHDATA_PASSWORD", "urs.earthdata.nasa.gov in ~/.netrc", "/profile"):
            assert part in told.stdout + told.stderr, (words, part)
    url = "https://data.lpdaac.earthdatacloud.nasa.gov/one.tif"
    refused = command("download", url, "--provider", "earthdata")
    assert (refused.status, "for urs.earthdata.nasa.gov in ~/.netrc" in refused.stderr) == (3, True)
    with command_terminal(["login", "earthdata"], "cannot be kept", environ, tmp_path) as terminal:
        shown, status = terminal.ended()
    assert (status, "EARTHDATA_TOKEN in the environment (a user token is made at" in shown) == (2, True)


def test_logout_says_what_signs_in_again(command: Command, credentials: dict[str, str], tmp_path: Path) -> None:
    """What lies ready signs in at the next use; that is said, with what prevents it."""
    told = command("logout", **credentials)
    assert told.stdout == (
        "Nobody was signed in.\nAt the next use it signs in again, by TERRASCOPE_USERNAME and TERRASCOPE_PASSWORD: "
        "remove that to prevent it.\n"
    )
    assert json.loads(command("logout", "--json", TERRASCOPE_TOKEN="eyJ.a.b").stdout)["lies_ready"] == [
        "TERRASCOPE_TOKEN"
    ]
