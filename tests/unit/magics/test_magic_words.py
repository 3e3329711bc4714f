"""How a line becomes words: quotes, variables and expressions."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.errors import UsageError
from ipyterrascope.magics.words import words_of_line

URLS = ["https://a.example.org/1.tif", "https://a.example.org/2.tif"]
SHELL = SimpleNamespace(
    user_global_ns={"hidden": "global"},
    user_ns={"urls": URLS, "url": URLS[0], "n": 3, "item": SimpleNamespace(href=URLS[1]), "folder": Path("a b")},
)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("login --wait", ["login", "--wait"]),
        ("  a   b  ", ["a", "b"]),
        ("\"a b\" 'c d'", ["a b", "c d"]),
        (r"C:\data\new -d", [r"C:\data\new", "-d"]),
        (r''''C:\my data' x"\y z"''', [r"C:\my data", r"x\y z"]),
        ("'' a\"b c\"'d'", ["", "ab cd"]),
        ("$urls", [URLS]),
        ("{urls}", [URLS]),
        ("{urls[1]}", [URLS[1]]),
        ("$item.href", [URLS[1]]),
        ("{n + 1}", [4]),
        ("$hidden", ["global"]),
        ("data/$n/{n}", ["data/3/3"]),
        ('"$folder/x"', ["a b/x"]),
        ("$folder", [Path("a b")]),
        ("x$nothing x{nothing} $ {}", ["x$nothing", "x{nothing}", "$", "{}"]),
        ("login   # a widget: Terrascope's own", ["login"]),
        ("'# no' https://a.example.org/x#y # a comment", ["# no", "https://a.example.org/x#y"]),
        ("https://a.example.org/{z}/$metadata?x=#y", ["https://a.example.org/{z}/$metadata?x=#y"]),
        ("", []),
    ],
)
def test_words(line: str, words: list[object]) -> None:
    """Quotes group, a variable alone is its object, inside a word its text; a comment is no word."""
    assert words_of_line(line, SHELL) == words


@pytest.mark.parametrize(
    ("word", "why"),
    [("$nothing", "no such variable"), ("{nothing}", "no such variable"), ("{1 / 0}", "ZeroDivisionError")],
)
def test_a_variable_that_is_not_there(word: str, why: str) -> None:
    """A word that stands for nothing is said to, and why, instead of being taken for an address."""
    with pytest.raises(UsageError, match=f"stands for nothing.*{why}"):
        words_of_line(word, SHELL)


def test_a_variable_that_is_misspelt() -> None:
    """A variable that there is not is answered by the one that there is."""
    shell = SimpleNamespace(user_global_ns={}, user_ns={"items": ["https://h/a.tif"]})
    with pytest.raises(UsageError, match=r"\$itmes stands for nothing.*Did you mean \$items\?"):
        words_of_line("$itmes", shell)
    with pytest.raises(UsageError, match="Run the cell that makes it"):
        words_of_line("$urls", shell)


def test_an_index_after_a_variable() -> None:
    """`$name[0]` is answered by how it is written."""
    shell = SimpleNamespace(user_global_ns={}, user_ns={"urls": ["https://h/a.tif"]})
    with pytest.raises(UsageError, match=r"Write \{name\[0\]\} instead"):
        words_of_line("$urls[0]", shell)
    assert words_of_line("{urls[0]}", shell) == ["https://h/a.tif"]


@pytest.mark.parametrize("line", ['"open', "it's"])
def test_an_open_quote_is_said(line: str) -> None:
    """A quote that is not closed is an error in words."""
    with pytest.raises(UsageError, match="A quote is not closed"):
        words_of_line(line, SHELL)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("beginning", ["a", "a ", "'a", "\"'", "{", "$", "\\"])
def test_a_long_line_is_read_at_once(beginning: str) -> None:
    """A megabyte is read in a second or so: it would be minutes if each beginning of something were read to its end."""
    line = beginning * (900_000 // len(beginning))
    assert sum(len(str(word)) for word in words_of_line(line, SHELL)) > 100_000


@given(st.text())
def test_every_line_is_read_or_has_an_open_quote(line: str) -> None:
    """No line ends in anything but words or that error."""
    with contextlib.suppress(UsageError):
        assert isinstance(words_of_line(line, SimpleNamespace(user_global_ns={}, user_ns={})), list)
