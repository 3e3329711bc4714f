"""Where we run: a notebook with somebody in front of it, a terminal, or nowhere that anybody could be asked."""

from __future__ import annotations

import io
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ipyterrascope import frontend
from ipyterrascope.errors import UsageError

BY_PYTHON = "8a1c53ab-4a2b8d5f7b2a8f9f2b1f_4711_12"
BY_BROWSER = "0f3a6f0e-1f6b-4b0a-9d93-0f0e3d4c9b11"


class Stream(io.StringIO):
    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERVER_SOFTWARE", raising=False)
    for name in ("IPython", "marimo", "marimo._server.main"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("stdin", "stdout"):
        monkeypatch.setattr(sys, name, Stream(False))


def shell_of(monkeypatch: pytest.MonkeyPatch, **attributes: Any) -> None:
    ipython: Any = ModuleType("IPython")
    ipython.get_ipython = lambda: SimpleNamespace(**attributes)
    monkeypatch.setitem(sys.modules, "IPython", ipython)


def kernel_that(request: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(get_parent=lambda channel: request if channel == "shell" else {})


@pytest.mark.parametrize(
    ("stdin", "stdout", "place"),
    [(True, True, "terminal"), (True, False, "headless"), (False, True, "headless"), (False, False, "headless")],
)
def test_a_script_is_at_a_terminal_when_both_ends_are(
    monkeypatch: pytest.MonkeyPatch, stdin: bool, stdout: bool, place: str
) -> None:
    """A person can be asked where both what is typed and what is printed are a terminal's."""
    monkeypatch.setattr(sys, "stdin", Stream(stdin))
    monkeypatch.setattr(sys, "stdout", Stream(stdout))
    assert frontend.place() == place
    assert "IPython" not in sys.modules


@pytest.mark.parametrize("stream", [None, object()])
def test_a_missing_or_closed_stream_is_no_terminal(monkeypatch: pytest.MonkeyPatch, stream: object) -> None:
    """pythonw has no streams, and a closed one raises: nobody can be asked there."""
    monkeypatch.setattr(sys, "stdout", Stream(True))
    monkeypatch.setattr(sys, "stdin", stream)
    assert frontend.place() == "headless"
    closed = Stream(True)
    closed.isatty = closed.fileno  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", closed)
    assert frontend.place() == "headless"


@pytest.mark.parametrize(
    ("request_", "place"),
    [
        ({"content": {"allow_stdin": True}}, "notebook"),
        ({"header": {"msg_id": BY_PYTHON}, "content": {"allow_stdin": True}}, "terminal"),
        ({"header": {"msg_id": BY_PYTHON}, "metadata": {}, "content": {"allow_stdin": False}}, "headless"),
        ({"header": {"msg_id": BY_PYTHON}, "metadata": {"cellId": "a"}, "content": {"allow_stdin": True}}, "notebook"),
        ({"header": {"msg_id": BY_BROWSER}, "metadata": {}, "content": {"allow_stdin": True}}, "notebook"),
        ({"content": {"allow_stdin": False}}, "headless"),
        ({"content": {}}, "headless"),
        ({}, "headless"),
    ],
)
def test_a_kernel_is_a_notebook_when_the_request_allows_input(
    monkeypatch: pytest.MonkeyPatch, request_: dict[str, Any], place: str
) -> None:
    """A front-end with a person says that it takes input; nbclient and papermill say that they do not. A console that
    is written in Python numbers its requests in its own way, and has no cells."""
    shell_of(monkeypatch, kernel=kernel_that(request_))
    assert frontend.place() == place


def test_another_kind_of_kernel_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that does not tell its requests is asked whether it allows input."""
    shell_of(monkeypatch, kernel=SimpleNamespace(_allow_stdin=True))
    assert frontend.place() == "notebook"
    shell_of(monkeypatch, kernel=SimpleNamespace())
    assert frontend.place() == "headless"


def test_ipython_in_a_terminal_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell without a kernel is at the terminal that it has."""
    shell_of(monkeypatch)
    assert frontend.place() == "headless"
    for name in ("stdin", "stdout"):
        monkeypatch.setattr(sys, name, Stream(True))
    assert frontend.place() == "terminal"


def test_voila_is_an_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """Voilà allows no input and yet shows widgets: it counts as a notebook, and as an app."""
    shell_of(monkeypatch, kernel=kernel_that({"content": {"allow_stdin": False}}))
    assert not frontend.is_app()
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.8")
    assert frontend.is_app()
    assert frontend.place() == "notebook"


def test_marimo_is_an_app_while_its_notebook_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """marimo counts when the code runs inside one of its notebooks, not when it is merely imported."""
    marimo: Any = ModuleType("marimo")
    marimo.running_in_notebook = lambda: False
    monkeypatch.setitem(sys.modules, "marimo", marimo)
    assert not frontend.is_app()
    marimo.running_in_notebook = lambda: True
    assert frontend.is_app()
    assert frontend.place() == "notebook"


def test_a_visitor_of_marimo_has_a_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Visitors of a marimo app share a process, but not their notebook's names; nobody's thread is refused."""
    assert frontend.visitor_namespace() is None
    marimo: Any = ModuleType("marimo")
    runtime: Any = ModuleType("marimo._runtime.context")
    marimo.running_in_notebook = lambda: True
    runtime.get_context = lambda: SimpleNamespace(globals={"mine": 1})
    monkeypatch.setitem(sys.modules, "marimo", marimo)
    monkeypatch.setitem(sys.modules, "marimo._runtime.context", runtime)
    assert frontend.visitor_namespace() == {"mine": 1}
    # a script that imports marimo, and then the process of an app
    marimo.running_in_notebook = lambda: False
    assert frontend.visitor_namespace() is None
    monkeypatch.setitem(sys.modules, "marimo._server.main", ModuleType("marimo._server.main"))
    with pytest.raises(UsageError, match=r"marimo\.Thread"):
        frontend.visitor_namespace()


@pytest.mark.parametrize(
    ("hub", "name", "shown"),
    [("alice", "alice", "alice"), ("", "alice", ""), ("alice", "jovyan", ""), ("a", "root", "")],
)
def test_a_hub_tells_who_its_user_is(monkeypatch: pytest.MonkeyPatch, hub: str, name: str, shown: str) -> None:
    """On a JupyterHub the form can be filled with the system's user name, unless all of its users have that one."""
    monkeypatch.setenv("JUPYTERHUB_USER", hub)
    monkeypatch.setattr("getpass.getuser", lambda: name)
    assert frontend.hub_user() == shown


@pytest.mark.parametrize("error", [OSError, KeyError])
def test_a_system_without_user_names_is_no_trouble(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    """A container that runs under a number nobody has a name for fills nothing in."""

    def nobody() -> str:
        raise error

    monkeypatch.setenv("JUPYTERHUB_USER", "alice")
    monkeypatch.setattr("getpass.getuser", nobody)
    assert frontend.hub_user() == ""


def test_where_no_kernel_is_a_passing_text_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """marimo, which saves no output, has it printed."""
    with frontend.passing_text() as show:
        show("first")
        show("second")
    assert capsys.readouterr().out == "first\nsecond\n"
