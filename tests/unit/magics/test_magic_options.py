"""The parsers of the magics: what is read, what is refused and with which suggestion, and what looks like a secret."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.errors import SecretExposed, UsageError
from ipyterrascope.magics.options import download_parser, refuse_secrets_in, terrascope_parser
from ipyterrascope.options import LineParser, help_of


@pytest.mark.parametrize(
    ("line", "said", "suggestion"),
    [
        ("lgoin", "There is no lgoin: COMMAND is one of login, status, gdal, session, logout.", "Did you mean login? "),
        ("login --wiat", "There is no option --wiat.", "Did you mean --wait? "),
        (
            "login --method divice",
            "--method is one of device, password, basic, code, token, oidc.",
            "Did you mean device? ",
        ),
        ("login --password", "There is no option --password.", "Use --method password. "),
        ("login --device --wait", "There is no option --device.", "Use --method device. "),
        ("login --basic dora", "There is no option --basic.", "Use --method basic. "),
        ("login --pasword", "There is no option --pasword.", "Did you mean --method password? "),
        ("status --wait", "There is no option --wait.", ""),
        ("status --xyz", "There is no option --xyz.", ""),
        ("login --method", "--method takes a value.", ""),
        ("--wait", "COMMAND is missing.", ""),
        ("frobnicate", "There is no frobnicate: COMMAND is one of login, status, gdal, session, logout.", ""),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest_right_one(line: str, said: str, suggestion: str) -> None:
    """A line that cannot be read is a `UsageError` that says why, suggests what was meant, and points to the help."""
    with pytest.raises(UsageError) as caught:
        terrascope_parser().parse_args(line.split())
    assert caught.value.why == said
    assert caught.value.do == f"{suggestion}See %terrascope?"


def test_an_unknown_option_of_download_points_to_its_own_help() -> None:
    """`%download` suggests its own options."""
    with pytest.raises(UsageError) as caught:
        download_parser().parse_args(["--overwritte"])
    assert caught.value.do == "Did you mean --overwrite? See %download?"


@pytest.mark.parametrize(
    "words",
    [
        ["hunter2"],
        ["login", "terrascope", "hunter2"],
        ["login", "--password", "hunter2"],
        ["login", "--hunter2", "-xhunter2"],
        ["login", "--method", "hunter2"],
        ["login", "--method", "hunter2 (choose from 'hunter2')"],
        ["login", "--method", "it's hunter2"],
        ["login", "--wait=hunter2"],
        ["login", "--wiat=hunter2"],
        ["login", "--hunter", "hunter2"],
        ["login", "--Hunter2-hunter2"],
    ],
)
def test_nothing_of_a_line_is_repeated(words: list[str]) -> None:
    """A word that is wrong, wherever it stands, may be a password: the error repeats no more than the name of an option
    or of a command, which is of lower-case letters alone."""
    with pytest.raises(UsageError) as caught:
        terrascope_parser().parse_args(words)
    assert caught.value.why
    assert "hunter2" not in str(caught.value)


SECRETS = [
    "login --password hunter2",
    "login --password=hunter2",
    "login -pw hunter2",
    "login --token abc",
    "login password=hunter2",
    'login "--password" x',
    "login --otp 123456",
    "login --access-token x",
    "https://dora:hunter2@services.terrascope.be/a.tif",
    "https://dora:a:hunter2@services.terrascope.be/a.tif",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJkb3JhIn0.c2ln",
    "login openeo:openeo.example.org --client-id mine --client-secret hunter2",
    "https://services.terrascope.be/a.tif?token=eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJkb3JhIn0.c2ln",
    "-eyJeyJeyJhbGciOiJSUzI1NiJ9.x",
    "token_eyJ.eyJhbGciOiJSUzI1NiJ9.x",
    "Bearer 0123456789abcdef",
    "Basic ZG9yYTpodW50ZXIy\n".replace("y\n", "yMQ=="),
]


@pytest.mark.parametrize("line", SECRETS)
def test_what_looks_like_a_secret_is_refused_with_advice(line: str) -> None:
    """A password option, a token, a header or a password in an address is refused; the error repeats none of it."""
    with pytest.raises(SecretExposed) as caught:
        refuse_secrets_in(line)
    text = str(caught.value)
    assert "run %terrascope login, which asks for it safely" in text
    assert not any(word in text for word in ("hunter2", "123456", "eyJ", "ZG9y", "0123456789abcdef"))


@pytest.mark.parametrize(
    "line",
    [
        "login --method password --wait",
        "login --password",
        "login --password --wait",
        "login --method basic terrascope",
        "login terrascope --user dora",
        "https://services.terrascope.be/download/a/b.tif?token=1 -d data",
        "login openeo:openeo.example.org --method token --remember",
        "https://services.terrascope.be:443/download/a@b.tif -o secret.tif",
        "$urls -d {folder} --overwrite --provider my-provider",
        "eyJhbGciOiJSUzI1NiJ9 eyJ.x eyJabc.x https://a:443/x:y@z",
        "",
    ],
)
def test_an_ordinary_line_is_no_secret(line: str) -> None:
    """What people write every day is let through."""
    refuse_secrets_in(line)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "beginning", ["eyJ", "a:", "//", "//a:", "--token ", "bearer ", "basic a", " ", "eyJabcdefgh "]
)
def test_a_long_line_is_looked_through_at_once(beginning: str) -> None:
    """A megabyte takes a second or so: it would be an hour if each beginning of a secret were followed to its end."""
    with contextlib.suppress(SecretExposed):
        refuse_secrets_in("//" + beginning * (900_000 // len(beginning)))


@given(st.text(), st.sampled_from([terrascope_parser, download_parser]))
def test_any_line_is_read_or_refused_in_words(line: str, parser: Callable[[], LineParser]) -> None:
    """Whatever stands in a line, the parsers end with options or with an error of the tree."""
    with contextlib.suppress(UsageError):
        assert parser().parse_args(line.split())


def test_the_help_names_every_subcommand_and_option() -> None:
    """The help is made from the parser: each subcommand, option and choice is in it."""
    text = help_of(terrascope_parser())
    for word in (
        "login",
        "status",
        "gdal",
        "session",
        "logout",
        "{on,off}",
        "--method {device,password,basic,code,token,oidc}",
        "--wait",
        "--user NAME",
    ):
        assert word in text
    text = help_of(download_parser())
    for word in ("SOURCE", "@FILE", "--dir DIR", "--output NAME", "--plan", "--asset NAMES", "--local {link,copy,off}"):
        assert word in text
