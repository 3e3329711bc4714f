"""Each face that the login widget can show, in a real front-end: how a test or a picture gets it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator

    from testbed.lab import Lab, Notebook

TESTS = Path(__file__).parents[1]
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark", "contrast": "JupyterLab Dark High Contrast"}


KERNEL = "jupyterapp.shell.currentWidget.sessionContext.session.kernel"


def _nothing(_widget: Locator) -> None:
    pass


@dataclass(frozen=True)
class Scene:
    """One face: the state of `stage.states` that is played, what a person does then, and what is then to be read.

    `cast` says whose account it is, as `stage.CASTS` names them.
    """

    state: str
    reads: str
    act: Callable[[Locator], None] = _nothing
    cast: str = "terrascope"


def _open_form(widget: Locator) -> None:
    widget.get_by_role("button", name="Use a password").click()


def _leave_empty(widget: Locator) -> None:
    _open_form(widget)
    widget.get_by_role("button", name="Sign in", exact=True).click()


def _wrong(widget: Locator) -> None:
    _open_form(widget)
    widget.get_by_label("User name").fill("dora")


def _ask_for_code(widget: Locator) -> None:
    _open_form(widget)
    widget.get_by_text("I have a one-time code").click()


def _scan(widget: Locator) -> None:
    widget.get_by_role("button", name="Show the address as a QR code").click()


def ask_a_busy_kernel(widget: Locator, button: str = "New code") -> None:
    """Press a button that the kernel is busy with for nine seconds, as one without subshells is with a running cell."""
    _execute(widget, "import time; stage.widget.comm.on_msg(lambda _: time.sleep(9))")
    widget.get_by_role("button", name=button).click()


def forget(widget: Locator) -> None:
    """Let the kernel know nothing of the widget any more, and the view find out."""
    mute(widget)
    widget.page.wait_for_function(f"() => {KERNEL}.status === 'idle'")
    widget.page.evaluate("() => { window.dispatchEvent(new Event('focus')); }")


def mute(widget: Locator) -> None:
    """Let the kernel hear nothing: as one that knows nothing of the widget."""
    _execute(widget, "stage.widget.comm.on_msg(lambda _: None)")


def _execute(widget: Locator, code: str) -> None:
    widget.page.evaluate("async code => { await " + KERNEL + ".requestExecute({ code }).done; }", code)


def shut_down(widget: Locator) -> None:
    """End the kernel, as the menu does."""
    widget.page.evaluate("async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown(); }")


SCENES = {
    "start": Scene("signed out", "Sign in once"),
    "asking": Scene("asking", "Signing in"),
    "code": Scene("code", "WDJB-MJHT"),
    "code-qr": Scene("code", "WDJB-MJHT", _scan),
    "code-two": Scene("code, two", "shown before"),
    "code-switch": Scene("code, switch", "private window"),
    "code-trouble": Scene("code, trouble", "Still trying"),
    "denied": Scene("denied", "was denied"),
    "expired": Scene("expired", "ran out"),
    "form": Scene("signed out", "have no password here", _open_form),
    "form-one-time-code": Scene("signed out", "One-time code", _ask_for_code),
    "form-empty": Scene("signed out", "Fill this in", _leave_empty),
    "form-refused": Scene("refused", "did not accept", _wrong),
    "signed-in": Scene("signed in", "Signed in as dora"),
    "ends-soon": Scene("ends soon", "ends in 7 minutes"),
    "token": Scene("token", "what the environment holds"),
    "ended": Scene("ended", "session has ended"),
    "signed-out": Scene("signed out again", "session at Terrascope is ended"),
}


# these need a stage of their own, which they end
ENDINGS = {
    "waiting": Scene("code", "Waiting for the running cell", ask_a_busy_kernel),
    "gone": Scene("code", "earlier session", forget),
    "stopped": Scene("code", "has stopped", shut_down),
}


# of other providers
GUESTS = {
    "choice": Scene("code", "WDJB-MJHT", cast="choice"),
    "earthdata-token": Scene("signed out", "Paste a token", cast="earthdata"),
    "earthdata-token-refused": Scene("token refused", "was deleted", cast="earthdata"),
    "earthdata-password": Scene("signed out", "sent once", _open_form, cast="earthdata"),
    "earthdata-limit": Scene("no other token", "You have two already", _open_form, cast="earthdata"),
    "earthdata-signed-in": Scene("signed in by token", "Signed in as dora", cast="earthdata"),
    "earthdata-ends": Scene("signed in by a token that ends", "You have two already", cast="earthdata"),
    "openeo-start": Scene("signed out", "Sign in once", cast="openeo"),
    "openeo-code": Scene("code", "WDJB-MJHT", cast="openeo"),
    "openeo-secret": Scene("client's secret", "Client secret", cast="openeo"),
    "openeo-token": Scene("a token", "Paste a token", cast="openeo"),
    "openeo-signed-in": Scene("signed in", "Signed in as dora", cast="openeo"),
}


class Theatre:
    """A notebook whose widget shows any scene of its cast."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook

    def show(self, name: str) -> Locator:
        """Show a scene in a fresh view, and return the widget."""
        scene = (SCENES | ENDINGS | GUESTS)[name]
        self.notebook.run(2)  # a fresh view, so that no earlier scene is left in it
        self.notebook.execute(f"stage.play({scene.state!r})")
        widget = self.notebook.widget
        self.notebook.panel.locator(".ipyterrascope-login[data-line=live]").wait_for()
        scene.act(widget)
        widget.get_by_text(scene.reads).first.wait_for()
        return widget


@contextmanager
def theatre(lab: Lab, cast: str = "terrascope") -> Iterator[Theatre]:
    """Open a notebook with a stage for a cast."""
    cells = [
        "%load_ext ipyterrascope",
        f"from testbed.stage import Stage; stage = Stage({cast!r})",
        "display(stage.widget)",
    ]
    notebook = lab.open(cells, environ={"PYTHONPATH": str(TESTS)})
    for index in range(3):
        notebook.run(index)
    yield Theatre(notebook)
