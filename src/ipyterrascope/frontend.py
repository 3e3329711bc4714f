"""Where we run: how a person can be asked there, if at all, and what a cell shows (below the API)."""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import sys
from collections.abc import Callable, Generator, Mapping
from typing import Any, Literal

from .errors import UsageError
from .values.secret import Secret

Place = Literal["notebook", "terminal", "headless"]

# of jupyter_client's messages, the front-ends in a browser number theirs by a bare UUID
_BY_PYTHON = re.compile(r".+_[0-9]+_[0-9]+")


def place() -> Place:
    """Tell where we run now.

    Returns
    -------
    {"notebook", "terminal", "headless"}
        "notebook" where a front-end that shows widgets listens: the request being run allows input (nbclient, papermill
        and cron do not), or it is Voilà or marimo. "terminal" where a person sits at a Python or IPython prompt or runs
        a script there, or at the prompt of a kernel's console (`jupyter console`, qtconsole), which shows no widgets.
        "headless" otherwise.
    """
    if is_app():
        return "notebook"
    shell = _shell()
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:
        return _place_of(kernel)
    return "terminal" if _is_tty(sys.stdin) and _is_tty(sys.stdout) else "headless"


def is_app() -> bool:
    """Tell whether visitors use the notebook as an app (Voilà, marimo): they must not inherit the owner's login."""
    if os.environ.get("SERVER_SOFTWARE", "").lower().startswith("voila"):
        return True
    return _runs_in_marimo()


def has_magics() -> bool:
    """Tell whether the magics, and the traits of their configuration, are at hand here."""
    configurables: list[Any] = getattr(_shell(), "configurables", [])
    return any(type(each).__name__ == "Terrascope" for each in configurables)


def is_in_a_cell(secret: Secret) -> bool:
    """Tell whether a secret is written in a cell or line of this IPython, which keeps them in its history."""
    written: list[str] = getattr(getattr(_shell(), "history_manager", None), "input_hist_raw", [])
    return any(secret.reveal() in text for text in written)


def how_to_set(trait: str, value: str) -> str:
    """Return how a trait that has a variable of the environment is set from here: "run …" or "set …"."""
    if has_magics():
        return f'run %config Terrascope.{trait} = "{value}"'
    return f"set TERRASCOPE_{trait.upper()}={value} in the environment"


def hide_result(kind: type) -> None:
    """Keep the running cell from showing a value of `kind` as its result, because it has shown the same already.

    A terminal and a plain Python prompt show it as ever.
    """
    shell = _shell()
    if getattr(shell, "kernel", None) is None:
        return
    formatter = shell.display_formatter.ipython_display_formatter
    formatter.for_type(kind, lambda value: None)  # pyright: ignore[reportUnknownLambdaType]

    def end() -> None:
        formatter.pop(kind, None)
        shell.events.unregister("post_execute", end)

    shell.events.register("post_execute", end)


@contextlib.contextmanager
def passing_text() -> Generator[Callable[[str], None], None, None]:
    """Yield what shows a text under the running cell, in place of the one before; after a failure it is gone.

    What stands there at the end is saved with the notebook: no code that still works must be among it.
    """
    if getattr(_shell(), "kernel", None) is None:
        yield print  # marimo, which saves none of it
        return
    from IPython.display import DisplayHandle

    handle: Any = DisplayHandle()
    is_shown = False

    def show(text: str) -> None:
        nonlocal is_shown
        publish = handle.update if is_shown else handle.display
        is_shown = True
        publish({"text/plain": text}, raw=True)

    try:
        yield show
    except BaseException:
        if is_shown:
            show("What stood here is waited for no more.")  # why is said below
        raise


def visitor_namespace() -> dict[str, Any] | None:
    """Return what the present visitor of an app alone can reach, where visitors share a process (marimo); else None.

    Raises
    ------
    UsageError
        Visitors share this process, and this thread is not known to be one of theirs.
    """
    if _runs_in_marimo():
        return sys.modules["marimo._runtime.context"].get_context().globals
    if "marimo._server.main" in sys.modules:
        # accounts that all such threads had in common would hand one visitor's login to another
        raise UsageError(
            "This thread belongs to no visitor of the app.",
            "Visitors of a marimo app share a process, and none of them may get another one's login.",
            "Start it as a marimo.Thread, or make the session in the cell and hand it to the thread.",
        )
    return None


def hub_user() -> str:
    """Return the name of a JupyterHub's user, who often has the same at the provider; empty elsewhere."""
    if not os.environ.get("JUPYTERHUB_USER"):
        return ""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        return ""
    # the names that a container's image gives to everybody
    return "" if name in ("jovyan", "root") else name


def _runs_in_marimo() -> bool:
    marimo: Any = sys.modules.get("marimo")
    return marimo is not None and bool(getattr(marimo, "running_in_notebook", bool)())


def _shell() -> Any:
    # asking IPython only where it runs already keeps plain scripts from importing it
    ipython: Any = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _place_of(kernel: Any) -> Place:
    try:
        request = kernel.get_parent("shell")
    except Exception:  # noqa: BLE001 - another kind of kernel: what it says counts
        return "notebook" if getattr(kernel, "_allow_stdin", False) else "headless"
    if not request.get("content", {}).get("allow_stdin", False):
        return "headless"
    return "terminal" if _is_of_console(request) else "notebook"


def _is_of_console(request: Mapping[str, Any]) -> bool:
    """Tell whether a request came from a console written in Python; a notebook's says which cell it is of."""
    msg_id = str(request.get("header", {}).get("msg_id", ""))
    return _BY_PYTHON.fullmatch(msg_id) is not None and not request.get("metadata")


def _is_tty(stream: Any) -> bool:
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False
