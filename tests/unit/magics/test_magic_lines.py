"""`%terrascope`, `%download` and `%%download` as a shell runs them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import ModuleType

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from ipyterrascope import api, downloading
from ipyterrascope.auth.account import Account
from ipyterrascope.errors import (
    DownloadFailed,
    LoginRequired,
    SecretExposed,
    ServerRefused,
    SourceInvalid,
    TargetInvalid,
    UsageError,
)
from ipyterrascope.magics.options import download_parser, terrascope_parser
from ipyterrascope.options import help_of
from ipyterrascope.sandbox import Sandbox, steps
from ipyterrascope.session import AuthorizedSession
from ipyterrascope.status import Status
from ipyterrascope.transfer import Download, Item, Plan, Report


def run(shell: InteractiveShell, cell: str) -> object:
    """Run a cell; return its result, or raise what it raised."""
    with capture_output():
        outcome = shell.run_cell(cell)
    return outcome.result if outcome.success else outcome.raise_error()


def said(shell: InteractiveShell, cell: str) -> str:
    """Run a cell; return what it printed."""
    with capture_output() as captured:
        shell.run_cell(cell).raise_error()
    return captured.stdout


def test_the_help_is_the_parsers_own(shell: InteractiveShell) -> None:
    """`%terrascope?` and `%download?` show what the parser that reads the line would print."""
    for name, parser in (("terrascope", terrascope_parser()), ("download", download_parser())):
        assert shell.find_line_magic(name).__doc__ == help_of(parser)
        assert help_of(parser).splitlines()[0] in said(shell, f"%{name}?")


def test_the_help_of_a_subcommand(shell: InteractiveShell, box: Sandbox) -> None:
    """`login -h` shows the help of login and of nothing else, `-h` alone all of it; neither does anything."""
    text = said(shell, "%terrascope login -h")
    assert text.startswith("usage: %terrascope login ")
    assert "logout" not in text
    assert said(shell, "%terrascope --help logout").startswith("usage: %terrascope logout ")
    for line in ("%terrascope -h", "%terrascope --help"):
        assert said(shell, line).rstrip() == help_of(terrascope_parser()).rstrip()
    assert said(shell, "%download -h -d data").startswith("usage: %download ")
    assert not box.requests


def test_session_is_the_result(shell: InteractiveShell, account: Account, box: Sandbox) -> None:
    """`s = %terrascope session` is a signed-in `requests.Session`, also by the provider's name and as a value."""
    session = run(shell, "s = %terrascope session\ns")
    assert isinstance(session, AuthorizedSession)
    assert session.get(box.download_urls[0]).status_code == 200
    shell.user_ns["mine"] = account.provider
    for line in ("%terrascope session terrascope", "%terrascope session $mine", "%terrascope session {mine}"):
        assert isinstance(run(shell, line), AuthorizedSession)


def test_gdal_is_switched_and_told(shell: InteractiveShell, account: Account) -> None:
    """`%terrascope gdal on` and `off` switch it, without a word it is told, and `status` has a line about it."""
    assert repr(run(shell, "%terrascope gdal")) == "GDAL: off."
    assert "GDAL" not in repr(Status([account]))
    assert repr(run(shell, "%terrascope gdal on")).startswith("GDAL: on for 127.0.0.1:")
    (line,) = [line for line in repr(Status([account])).splitlines() if "GDAL" in line]
    assert line.startswith("  GDAL: on for 127.0.0.1:")
    assert repr(run(shell, "%terrascope gdal off terrascope")) == "GDAL: off."
    with pytest.raises(UsageError, match="switch is one of on, off"):
        run(shell, "%terrascope gdal perhaps")


def test_status_and_logout_speak(shell: InteractiveShell, account: Account) -> None:
    """`%terrascope` and `%terrascope status` show how it stands, `%terrascope logout` prints a sentence."""
    for line in ("%terrascope", "%terrascope status", "%terrascope status terrascope\nNone"):
        assert "Terrascope: signed in as dora, by password.\n" in said(shell, line)
    assert said(shell, "%terrascope logout") == "Signed out, and the session at Terrascope is ended.\n"


def test_login_of_who_is_signed_in_says_so(shell: InteractiveShell, account: Account) -> None:
    """`%terrascope login` again changes nothing."""
    before = account.state
    assert said(shell, "%terrascope login") == "Signed in to Terrascope as dora, by password.\n"
    assert account.state is before


@pytest.mark.parametrize(
    "line", ["%download urls", "%%download\nhttps://h.example.org/a.tif\nurls", "%download -d data urls"]
)
def test_the_bare_name_of_a_variable(shell: InteractiveShell, line: str) -> None:
    """A source that is none, and the name of a variable, is answered by how a variable is written; another word not."""
    with pytest.raises(SourceInvalid) as caught:
        run(shell, line)
    assert caught.value.do.startswith("Give the whole address of the file.")
    shell.user_ns["urls"] = []
    with pytest.raises(SourceInvalid, match=r"There is a variable of that name. Write \$urls for it\.$"):
        run(shell, line)


def test_login_takes_a_source(shell: InteractiveShell, account: Account) -> None:
    """`--source` forces one; what that lacks is the error, and the login that is there goes on."""
    with pytest.raises(LoginRequired, match="The environment cannot sign you in"):
        shell.run_line_magic("terrascope", "login --source environment")
    assert account.state.user == "dora"


def test_an_error_is_shown_as_its_sentences(shell: InteractiveShell) -> None:
    """What a magic raises of the tree has no stack in the shell, and stops the cell."""
    with capture_output() as captured:
        shell.run_cell("%terrascope session\nprint('not reached')")
    assert captured.stdout.splitlines()[0] == "LoginRequired: Nobody can be asked to sign in to Terrascope here."
    assert "Traceback" not in captured.stdout
    assert "not reached" not in captured.stdout


def test_every_other_error_keeps_its_stack(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours is not hidden."""
    monkeypatch.setattr(api, "session", lambda provider: 1 / 0)
    with capture_output() as captured:
        shell.run_cell("%terrascope session")
    assert "ZeroDivisionError" in captured.stdout
    assert "Traceback" in captured.stdout


@pytest.mark.parametrize(
    ("line", "module", "call", "words"),
    [
        ("%terrascope session", api, "session", "Stopped."),
        (
            "%download https://h.example.org/a.tif",
            downloading,
            "download",
            "Run the same line again to go on where it was.",
        ),
    ],
)
def test_an_interrupt_is_told_in_words(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, line: str, module: ModuleType, call: str, words: str
) -> None:
    """Ctrl-C shows no stack; that the same line goes on with what it had begun is said of a download alone."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, call, interrupted)
    with capture_output() as captured:
        shell.run_cell(line)
    assert captured.stdout.rstrip().endswith(words)
    assert "Traceback" not in captured.stdout


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("%terrascope lgoin", UsageError),
        ("%terrascope login nobody", UsageError),
        ("%terrascope login --method basik", UsageError),
        ("%terrascope login 'open", UsageError),
        ("%terrascope login --password hunter2", SecretExposed),
        ("%terrascope login", LoginRequired),
        ("%terrascope session", LoginRequired),
        ("%download", UsageError),
        ("%download ftp://a.example.org/b.tif", SourceInvalid),
        ("%download http://a.example.org/b.tif", SourceInvalid),
        ("%download https://a.example.org/", SourceInvalid),
        ("%download https://a.example.org/b.tif --limit-rate fast", UsageError),
        ("%download https://a.example.org/b.tif --max-connections 0", UsageError),
        ("%download https://a.example.org/b.tif --local move", UsageError),
        ("%download https://a.example.org/b.tif --asset B02", UsageError),
        ("%download https://a.example.org/b.tif --roles", UsageError),
        ("%download @missing.txt", SourceInvalid),
        ("%%download\n  out=x", SourceInvalid),
        ("%%download\nhttps://a.example.org/1.tif\n  dir=..", SourceInvalid),
        ("%download b.tif", SourceInvalid),
        ("%download https://a.example.org/1.tif https://a.example.org/2.tif -o one.tif", UsageError),
        ("%download https://a.example.org/1.tif --provider nobody", UsageError),
        ("%download {5}", SourceInvalid),
        ("%download https://dora:hunter2@a.example.org/1.tif", SecretExposed),
        ("%%download\nhttps://a.example.org/1.tif two words", SourceInvalid),
        ("%%download\nhttps://a.example.org/1.tif?x=eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJkb3JhIn0.c2ln", SecretExposed),
    ],
)
def test_bad_lines_are_errors_before_anything_is_asked(
    shell: InteractiveShell, box: Sandbox, line: str, error: type[Exception]
) -> None:
    """What cannot be right is an error of the tree, and no server hears of it."""
    with pytest.raises(error) as caught:
        run(shell, line)
    assert "hunter2" not in str(caught.value)
    assert box.requests == []


def test_download_returns_its_report(shell: InteractiveShell, account: Account, box: Sandbox) -> None:
    """The result of `%download` is the `Report`, whose paths are there; again, nothing is fetched anew."""
    url = box.download_urls[0]
    report = run(shell, f"%download {url} -d data")
    assert isinstance(report, Report)
    assert [path.parent for path in report] == [Path("data").absolute()]
    assert report[0].is_file()
    again = run(shell, f"r = %download {url} -d data\nr")
    assert isinstance(again, Report)
    assert len(again.skipped) == 1
    renewed = run(shell, f"%download {url} -d data --overwrite")
    assert isinstance(renewed, Report)
    assert len(renewed.saved) == 1


def test_download_in_the_background_returns_at_once(shell: InteractiveShell, account: Account, box: Sandbox) -> None:
    """The result of `%download --background` is the download, which goes on by itself; the next cell waits for it."""
    box.timeline.files(steps.delayed(1.0))
    url = box.download_urls[0]
    under_way = run(shell, f"d = %download {url} -d data --background\nd")
    assert isinstance(under_way, Download)
    assert under_way.state.phase == "running"
    assert repr(under_way).startswith("<Download running: 0 of 1 files")
    [path] = run(shell, "d.wait()")
    assert path.exists()


@pytest.mark.parametrize(
    "line",
    [
        "%download $urls",
        "%download {urls}",
        "%download {urls[:1]} $second",
        "%download {(url for url in urls)}",
        "%download $items",
        '%download "{urls[0]}" "$second"',
        "%download $first $second -d {folder}",
        "%download $first $second -d $folder",
        "%download $urls --provider $mine",
        "%download $urls --provider terrascope",
        "%%download\n$first\n\n# a remark\n   $second",
        "%%download -d data\n$urls",
        "%%download $first\n$second",
        "%%download\n@list.txt",
        "%download @list.txt",
        "%download @items.json --roles all",
        "%download $stac --asset $keys",
        "%download $stac --asset A --asset B",
        "%download $stac --asset B,A -d data --plan\n%download $stac --asset A,B",
        "%%download\nftp://a.example.org/x\t$first\n$second",
    ],
)
def test_urls_come_as_text_variables_and_cells(
    shell: InteractiveShell, account: Account, box: Sandbox, line: str
) -> None:
    """URLs, lists, generators, items, STAC and files, in the line or in the cell, all mean the same two files."""
    urls = box.download_urls[:2]
    stac = {"type": "Feature", "id": "x", "assets": {key: {"href": url} for key, url in zip("AB", urls, strict=True)}}
    Path("list.txt").write_text("\n".join(urls))
    Path("items.json").write_text(json.dumps({"type": "FeatureCollection", "features": [stac]}))
    shell.user_ns.update(
        stac=stac,
        keys=["A", "B"],
        urls=urls,
        first=urls[0],
        second=urls[1],
        items=[Item(url, url.rsplit("/", 1)[-1]) for url in urls],
        folder=Path("data"),
        mine=account.provider,
    )
    report = run(shell, line)
    assert isinstance(report, Report)
    assert [path.name for path in report] == [url.rsplit("/", 1)[-1] for url in urls]


def test_a_cell_in_the_form_of_aria2(shell: InteractiveShell, account: Account, box: Sandbox) -> None:
    """Below a line of a cell, its file's name, folder and checksum; what it stands for may be a variable."""
    data = b"whole" * 9
    url = box.add_file("p/x.tif", data)
    shell.user_ns["url"] = url
    digest = hashlib.sha256(data).hexdigest()
    report = run(shell, f"%%download -d data\n$url\n  out=one.tif\n  dir=below\n  checksum=sha-256={digest}\n{url}")
    assert isinstance(report, Report)
    assert [path.relative_to(Path.cwd()) for path in report] == [Path("data/below/one.tif"), Path("data/x.tif")]
    assert [outcome.checksum for outcome in report.outcomes] == ["matched", None]


def test_a_plan_is_shown_and_nothing_done(shell: InteractiveShell, box: Sandbox) -> None:
    """`--plan` returns the table of what would be done: nobody is signed in, nothing is asked, no folder is made."""
    url = box.download_urls[0]
    plan = run(shell, f"%download {url} -d data -o one.tif --plan --max-connections 2 --overwrite")
    assert isinstance(plan, Plan)
    assert [(action.do, action.path) for action in plan.actions] == [("fetch", Path("data/one.tif").absolute())]
    assert run(shell, f"%download {url} --plan;") is None
    assert not box.requests
    assert not Path("data").exists()


def test_local_files_of_the_configuration(shell: InteractiveShell, box: Sandbox) -> None:
    """A file that lies under a configured folder is linked or copied as the line says, and nobody has to sign in."""
    Path("MTDA").mkdir()
    Path("MTDA/a.tif").write_bytes(b"here")
    shell.user_ns["item"] = Item(box.download_urls[0], "a.tif", 4, Path("MTDA/a.tif").absolute())
    assert [action.do for action in run(shell, "%download $item --plan").actions] == ["fetch"]
    run(shell, f"%config Terrascope.local_roots = ['{Path('MTDA').absolute()}']")
    for option, status in (("", "linked"), ("--local copy", "copied"), ("--local link", "linked")):
        report = run(shell, f"%download $item -d data --overwrite {option}")
        assert [outcome.status for outcome in report.outcomes] == [status]
    assert [action.do for action in run(shell, "%download $item --plan --local off").actions] == ["fetch"]
    assert not box.requests


def test_a_semicolon_keeps_the_result_from_being_shown(shell: InteractiveShell, account: Account, box: Sandbox) -> None:
    """As everywhere in IPython a `;` at the end shows nothing; it is no part of the folder, URL or subcommand."""
    assert run(shell, f"%download {box.download_urls[0]} -d data;") is None
    assert {path.name for path in Path().iterdir()} == {"ipython", "data"}
    assert run(shell, f"%download {box.download_urls[1]} ;") is None
    assert Path(box.download_urls[1].rsplit("/", 1)[-1]).is_file()
    assert isinstance(run(shell, "s = %terrascope session;\ns"), AuthorizedSession)


def test_one_url_may_be_renamed(shell: InteractiveShell, account: Account, box: Sandbox) -> None:
    """`-o` names the file, also by a variable that is no text."""
    shell.user_ns["name"] = Path("two.tif")
    for option, name in (("-o one.tif", "one.tif"), ("--output $name", "two.tif")):
        report = run(shell, f"%download {box.download_urls[0]} {option}")
        assert isinstance(report, Report)
        assert report[0] == Path(name).absolute()


def test_one_url_fails_with_its_own_error(shell: InteractiveShell, account: Account, box: Sandbox) -> None:
    """A single URL says why; several end in one summary that has the report."""
    missing = f"{box.url}/download/missing.tif"
    with pytest.raises(ServerRefused):
        run(shell, f"%download {missing}")
    with pytest.raises(DownloadFailed) as caught:
        run(shell, f"%download {missing} {box.download_urls[0]}")
    report = caught.value.report
    assert isinstance(report, Report)
    assert (len(report.saved), len(report.failed)) == (1, 1)


def test_a_folder_that_cannot_be_written_is_said(shell: InteractiveShell, account: Account, box: Sandbox) -> None:
    """A target below a file is an error that names it, and nothing is fetched."""
    Path("occupied").write_text("kept")
    box.forget_requests()
    with pytest.raises(TargetInvalid, match="occupied"):
        run(shell, f"%download {box.download_urls[0]} -d occupied/below")
    assert Path("occupied").read_text() == "kept"
    assert not box.requests_to("/download/")


def test_store_keeps_no_login(shell: InteractiveShell, account: Account) -> None:
    """`%store` of an account ends in advice, and what else is stored can be had back."""
    shell.extension_manager.load_extension("storemagic")
    shell.user_ns.update(mine=account, other=7)
    assert isinstance(shell.run_cell("%store mine").error_in_exec, SecretExposed)
    assert shell.run_cell("%store other").success
    del shell.user_ns["mine"], shell.user_ns["other"]
    assert shell.run_cell("%store -r").success
    assert shell.user_ns["other"] == 7
    assert "mine" not in shell.user_ns
