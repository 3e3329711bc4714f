"""The tree of errors: as it is drawn, in three sentences, fit to be printed, pickled and raised through libraries."""

from __future__ import annotations

import inspect
import pickle
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope import errors
from ipyterrascope.errors import DownloadFailed, LoginRefused, TerrascopeError, UnknownProvider, quoted

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, TerrascopeError)]


def drawn() -> dict[str, str]:
    """Return each name of the drawing and the name that it hangs on."""
    parents: dict[str, str] = {}
    above = {0: "TerrascopeError"}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"    ((?:[│ ]   )*)[├└]── (\w+)", line)
        if match:
            depth = len(match[1]) // 4 + 1
            above[depth] = match[2]
            parents[match[2]] = above[depth - 1]
    return parents


def test_the_tree_is_as_it_is_drawn() -> None:
    """The drawing at the top of the module names every class, and under its parent."""
    assert drawn() == {each.__name__: each.__bases__[0].__name__ for each in CLASSES if each is not TerrascopeError}
    assert sorted(errors.__all__) == sorted(each.__name__ for each in CLASSES)


@pytest.mark.parametrize("kind", CLASSES)
def test_no_error_derives_from_what_libraries_catch(kind: type[TerrascopeError]) -> None:
    """aiohttp and fsspec make something else of an `OSError`, so no error is one; a mapping needs a `KeyError`."""
    assert not issubclass(kind, (OSError, ValueError, RuntimeError))
    assert issubclass(kind, LookupError) == (kind is UnknownProvider)


def test_str_is_the_three_sentences() -> None:
    """`str()` is what, why and do, without gaps where one is empty."""
    assert str(LoginRefused("It failed.", "It was late.", "Go home.")) == "It failed. It was late. Go home."
    assert str(LoginRefused("It failed.", do="Go home.")) == "It failed. Go home."


@pytest.mark.parametrize("kind", CLASSES)
def test_pickle_round_trip(kind: type[TerrascopeError]) -> None:
    """An error of a worker process arrives as the same class with the same sentences, code and status."""
    error = kind("It failed.", "It was late.", "Go home.", error="invalid_grant", status=400)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert (again.error, again.status, again.retryable) == ("invalid_grant", 400, error.retryable)


def test_a_batch_keeps_its_report_through_pickle() -> None:
    """The summary of a batch still has its report in another process."""
    error = DownloadFailed("2 of 3 files failed.")
    error.report = ["a.tif"]
    assert pickle.loads(pickle.dumps(error)).report == ["a.tif"]


def test_only_passing_troubles_are_retryable() -> None:
    """`retryable` is True for the two that say "later", and for nothing else."""
    retryable = {each.__name__ for each in CLASSES if each.retryable}
    assert retryable == {"ProviderUnreachable", "ServerUnreachable"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Invalid user credentials", "Invalid user credentials"),
        ("  two\r\n\x1b[31mlines\x00 ", "two [31mlines"),
        ("safe\u202etxt.exe", "safe txt.exe"),
        ("a\u2066b\u2069\u200e\u200f\u061cc", "a b c"),
        ("zero\u200bwidth\ufeff", "zero width"),
        ("half \ud83d a character", "half a character"),
        ("Zugriff verweigert – später 再试 🛰", "Zugriff verweigert – später 再试 🛰"),
        (42, "42"),
        (None, "None"),
    ],
)
def test_server_text_is_made_fit(text: object, expected: str) -> None:
    """Control, bidirectional, invisible and half characters are taken out; letters of all languages stay."""
    assert quoted(text) == expected


def test_server_text_is_cut() -> None:
    """No more than the limit is quoted, and a cut is shown."""
    assert quoted("x" * 300) == "x" * 199 + "…"
    assert quoted("x" * 200) == "x" * 200
    assert len(quoted("x" * 300, 60)) == 60


@pytest.mark.soak
@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=300))
def test_what_is_quoted_is_one_printable_line(text: str) -> None:
    """Whatever a server says, it can be printed, is one line, and holds nothing that a terminal obeys."""
    clean = quoted(text)
    clean.encode()
    assert len(clean.splitlines()) <= 1
    assert not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in clean)
    assert len(clean) <= 200
