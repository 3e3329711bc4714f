"""The parser of `jupyter terrascope`: it reads what the magics read, and its help tells of all that it reads."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.command.answers import DONE, FAILED, INTERRUPTED, NOBODY, USAGE
from ipyterrascope.command.application import ACTIONS, TerrascopeApp
from ipyterrascope.command.parsers import command_parser, refuse_secrets_in
from ipyterrascope.errors import SecretExposed, UsageError
from ipyterrascope.magics.options import download_parser, terrascope_parser
from ipyterrascope.options import subparsers_of, words_of


@pytest.mark.parametrize(
    "line",
    [
        "login",
        "login openeo:openeo.example.org --method oidc --client-id mine --provider-id egi",
        "login terrascope --source token_file",
        "login --method password --user dora --remember --wait",
        "status",
        "status openeo:",
        "logout earthdata",
    ],
)
def test_a_line_of_the_magic_is_read_alike(line: str) -> None:
    """What one writes behind `%terrascope` is understood behind `jupyter terrascope`, and means the same."""
    ours, magic = vars(command_parser().parse_args(line.split())), vars(terrascope_parser().parse_args(line.split()))
    assert ours.pop("json") is False
    assert ours == magic


def test_a_download_takes_what_the_magic_takes() -> None:
    """All options but `--background`, by the same names."""
    magic, ours = words_of(download_parser()), words_of(subparsers_of(command_parser())["download"])  # type: ignore[arg-type]
    assert set(magic) - set(ours) == {"--background"}
    line = "@list.txt -d data -o x.tif --overwrite --plan --asset B02 --roles data --local copy --limit-rate 5M"
    read = vars(command_parser().parse_args(["download", *line.split()]))
    meant = vars(download_parser().parse_args(line.split()))
    assert meant.pop("background") is False
    assert read == {**meant, "command": "download", "json": False}


@pytest.mark.parametrize(
    ("line", "said", "do"),
    [
        ("lgoin", "There is no lgoin: COMMAND is one of ", "Did you mean login? See jupyter terrascope --help."),
        ("login --device", "There is no option --device.", "Use --method device. See jupyter terrascope login --help."),
        (
            "token --show-secret",
            "There is no option",
            "Did you mean --show-secrets? See jupyter terrascope token --help.",
        ),
        ("import-openeo", "BACKEND is missing.", "See jupyter terrascope import-openeo --help."),
        ("login --method hunter2", "--method is one of device", "See jupyter terrascope login --help."),
    ],
)
def test_a_wrong_word_is_answered_with_the_way_on(line: str, said: str, do: str) -> None:
    """As in the magics, with the help of a shell's command to look at."""
    with pytest.raises(UsageError) as caught:
        command_parser().parse_args(line.split())
    assert caught.value.why.startswith(said)
    assert caught.value.do == do
    assert "hunter2" not in str(caught.value)


def test_each_command_has_a_help_and_is_carried_out() -> None:
    """No command is only promised."""
    commands = subparsers_of(command_parser())
    assert set(commands) == set(ACTIONS)
    assert all("--json" in command.format_help() for command in commands.values())


@pytest.mark.parametrize(
    ("line", "ours", "theirs"),
    [
        ("login x --debug --method device", "login x --method device", "--debug"),
        ("--Terrascope.label A status", "status", "--Terrascope.label=A"),
        ("status --config=a.py --log-level 10", "status", "--config=a.py --log-level=10"),
        ("download a -oa.tif --json", "download a -oa.tif --json", ""),
        ("clear -y --json", "clear --json", "-y"),
        ("download -d data a -- --debug", "download -d data a -- --debug", ""),
        ("download a --limit-rate 5M --config", "download a --limit-rate 5M", "--config="),
    ],
)
def test_jupyters_options_may_stand_anywhere(line: str, ours: str, theirs: str) -> None:
    """What is Jupyter's and traitlets' is told by its name; a value may follow behind a space too."""
    divided = TerrascopeApp()._divided(line.split())  # pyright: ignore[reportPrivateUsage]
    assert divided == (ours.split(), theirs.split())


@given(st.text())
def test_any_line_is_read_or_refused_in_words(line: str) -> None:
    """Whatever stands in a line, the parser ends with options or with an error of the tree."""
    with contextlib.suppress(UsageError):
        assert command_parser().parse_args(line.split())


def test_what_looks_like_a_secret_is_refused_with_a_shells_advice() -> None:
    """Where it can be read by now, and what to do; nothing of it is repeated."""
    with pytest.raises(SecretExposed, match="can see it while the command runs") as caught:
        refuse_secrets_in(["login", "--client-secret", "hunter2"])
    assert "hunter2" not in str(caught.value)


DOCUMENTATION = Path(__file__).parents[3] / "docs" / "command-line.md"


def test_the_documentation_has_every_command_and_exit_status() -> None:
    """What is read about the command line is what there is of it."""
    text = DOCUMENTATION.read_text()
    assert [name for name in ACTIONS if not re.search(rf"^\| `{name}\b", text, re.MULTILINE)] == []
    for status in (DONE, FAILED, USAGE, NOBODY, INTERRUPTED):
        assert f"\n| {status} | " in text


def test_each_command_of_openeo_auth_has_its_counterpart() -> None:
    """Their own help is asked which commands there are; the documentation names ours for each, and it is one."""
    theirs = subprocess.run(
        [sys.executable, "-m", "openeo.rest.auth.cli", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    listed = re.search(r"\{([a-z,-]+)\}", theirs.stdout)
    assert listed is not None
    rows = re.findall(r"^\| (`[^|]*) \| `([a-z-]+)", DOCUMENTATION.read_text(), re.MULTILINE)
    ours = {name: command for names, command in rows for name in re.findall(r"`([a-z-]+)", names)}
    assert [name for name in listed[1].split(",") if ours.get(name) not in ACTIONS] == []
