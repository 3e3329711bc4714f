"""The walk that looks for secrets finds them: otherwise every test that trusts it would prove nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import requests

from ipyterrascope.values.secret import Secret
from testbed.leaks import places

TEXT = "needle-in-the-haystack"

# frames of test files are passed over, so this one is of another file
ELSEWHERE: dict[str, Any] = {}
exec(
    compile(
        "def fail(text):\n    header = {'Authorization': text}\n    raise ValueError('no')", "elsewhere.py", "exec"
    ),
    ELSEWHERE,
)


def failure() -> ValueError:
    try:
        ELSEWHERE["fail"](f"Bearer {TEXT}")
    except ValueError as exc:
        return exc
    raise AssertionError


def test_it_finds_what_is_held() -> None:
    """A secret is found in attributes, containers, bytes, closures, prepared requests and exceptions."""
    text = TEXT
    prepared = requests.Request("GET", "http://127.0.0.1/", headers={"Authorization": text}).prepare()
    for holder in (
        SimpleNamespace(a=[{"b": (f"x{text}y",)}]),
        {text: 1},
        bytearray(text.encode()),
        lambda: text,
        prepared,
        requests.ConnectionError(request=prepared),
        ValueError(text),
    ):
        assert places(TEXT, holder), holder


def test_it_finds_locals_of_a_traceback() -> None:
    """A secret is found in the frames of an exception, of its cause and of what it interrupted."""
    assert any("fail.text" in path for path in places(TEXT, failure()))
    outer = RuntimeError("outer")
    outer.__context__ = failure()
    assert places(TEXT, outer)


def test_it_knows_who_may_hold_it() -> None:
    """A `Secret`, and whoever is said to hold it by right, are passed over."""
    keeper = {"token": TEXT}
    assert places(TEXT, Secret(TEXT), SimpleNamespace(keeper=keeper), besides=[keeper]) == []
    assert places("another", keeper) == []
