"""JupyterLab and Notebook 7 as a person uses them: a server that keeps to itself, notebooks driven in Chromium."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import nbformat
import requests

from private_jupyter import configure_ipython, private_environment
from servers import free_port, running
from testbed.browser import STRANGE_HOST

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page

# ipywidgets catches what a message handler raises and shows it where nobody looks. This start-up file of each kernel
# writes it to the file that the fixture reads at the end.
_WATCH = """
import logging as _logging
import os as _os
import traceback as _traceback

def _watch(path=_os.environ["TESTBED_FAILURES"]):
    def note(text):
        with open(path, "a") as failures:
            failures.write(text + "\\n")

    class Handler(_logging.Handler):
        def emit(self, record):
            # ipykernel's own, where it is told to end while it tells that it is idle
            if record.exc_info and "Socket operation on non-socket" not in str(record.exc_info[1]):
                note(self.format(record))

    _logging.getLogger().addHandler(Handler(_logging.ERROR))
    shell = get_ipython()
    show = shell.showtraceback

    def showtraceback(*args, **kwargs):
        if shell.kernel.get_parent("shell")["header"]["msg_type"].startswith("comm_"):
            note(_traceback.format_exc())
        return show(*args, **kwargs)

    shell.showtraceback = showtraceback

_watch()
del _watch
"""

# The indicator on the page says idle before there is a kernel, and a cell that is run then is lost in silence.
_IS_CONNECTED = """() => {
  const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
  return kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""
_RUN = """index => {
  const notebook = jupyterapp.shell.currentWidget.content;
  const runs = (window.testbedRuns ??= {});
  notebook.activeCellIndex = index;
  runs[index] = true;
  jupyterapp.commands.execute("notebook:run-cell").finally(() => { runs[index] = false; });
}"""
_EXECUTE = """async code => {
  const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
  const reply = await kernel.requestExecute({ code, stop_on_error: false }).done;
  if (reply.content.status !== "ok") throw new Error(reply.content.evalue);
}"""
_KEEP_WIDGET_STATE = """async wanted => {
  const command = "@jupyter-widgets/jupyterlab-manager:saveWidgetState";
  if (jupyterapp.commands.isToggled(command) !== wanted) await jupyterapp.commands.execute(command);
}"""


# what Notebook 7.6 throws by itself at its start, a font that a page is refused by its own server while it goes, and
# what JupyterLab throws where a notebook is closed before its kernel has answered
_NOT_OURS = (
    *("reading 'schema'", "'filebrowser:open-path' not registered", r"403 .*/static/(?:notebook|lab)/\w+\.woff2"),
    r"Canceled future for (?:create_subshell|execute)_request message before replies were done",
)

Place = Literal["lab", "notebook"]


def busy_until(path: Path) -> str:
    """Return a cell that says so and runs until there is a file of that name."""
    return f"import pathlib, time\nprint('busy')\nwhile not pathlib.Path({str(path)!r}).exists():\n    time.sleep(0.05)"


class LabServer:
    """A server of JupyterLab and Notebook 7 that runs; see `lab_server`."""

    def __init__(self, folder: Path, environment: Mapping[str, str], port: int) -> None:
        self.notebooks = folder / "notebooks"
        self.log = folder / "lab.log"
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.token = secrets.token_hex(16)
        self.environment = {**environment, "JUPYTER_TOKEN": self.token}
        self._kernels = Path(environment["JUPYTER_DATA_DIR"]) / "kernels"
        self.notebooks.mkdir()

    def api(self, method: str, path: str) -> requests.Response:
        """Ask the server's own API."""
        headers = {"Authorization": f"token {self.token}"}
        return requests.request(method, f"{self.url}/api/{path}", headers=headers, timeout=30)

    def is_ready(self) -> bool:
        """Tell whether the server answers."""
        try:
            return self.api("GET", "status").ok
        except requests.RequestException:
            return False

    def add_kernel(self, name: str, folder: Path, traits: Mapping[str, object], environ: Mapping[str, str]) -> Path:
        """Define a kernel whose IPython is configured by `traits`; return the file of its hidden failures."""
        failures = folder / "failures.log"
        configure_ipython(folder / "ipython", traits)
        startup = folder / "ipython" / "profile_default" / "startup"
        startup.mkdir()
        (startup / "00-watch.py").write_text(_WATCH)
        own = {"IPYTHONDIR": str(folder / "ipython"), "TESTBED_FAILURES": str(failures)}
        spec = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": name,
            "language": "python",
            "env": {**own, **environ},
        }
        (self._kernels / name).mkdir(parents=True)
        (self._kernels / name / "kernel.json").write_text(json.dumps(spec))
        return failures

    def forget(self, notebook: Path) -> None:
        """Remove a notebook with its kernel, which has its name."""
        notebook.unlink(missing_ok=True)
        shutil.rmtree(self._kernels / notebook.stem, ignore_errors=True)

    def end_kernels(self) -> None:
        """End every session and kernel: a browser that goes away leaves them running."""
        for session in self.api("GET", "sessions").json():
            self.api("DELETE", f"sessions/{session['id']}")
        for kernel in self.api("GET", "kernels").json():
            self.api("DELETE", f"kernels/{kernel['id']}")


@contextlib.contextmanager
def lab_server(folder: Path) -> Iterator[LabServer]:
    """Run JupyterLab with everything it reads and writes in `folder`, its home included."""
    port = free_port()
    environment = {**private_environment(folder, os.environ), "HOME": str(folder)}
    server = LabServer(folder, environment, port)
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *(f"--ServerApp.root_dir={server.notebooks}", f"--ServerApp.local_hostnames=['{STRANGE_HOST}']"),
        # of one server, which has both front-ends
        *("--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True"),
    ]
    with running(command, is_ready=server.is_ready, log=server.log, env=server.environment):
        yield server


class Lab:
    """A browser window on a `LabServer`, for one test. `close` says what went wrong unseen.

    Parameters
    ----------
    server : LabServer
    context : BrowserContext
    folder : Path
        Where the kernels' settings and failures go.
    place : {"lab", "notebook"}
        JupyterLab, or Notebook 7.
    """

    def __init__(self, server: LabServer, context: BrowserContext, folder: Path, place: Place = "lab") -> None:
        self.server = server
        self._context = context
        self.place: Place = place
        self.console_errors: list[str] = []
        self.page_errors: list[str] = []
        self._folder = folder
        self._numbers = itertools.count(1)
        self._failures: list[Path] = []
        self._notebooks: list[Path] = []

    @property
    def context(self) -> BrowserContext:
        """The browser's profile."""
        return self._context

    @property
    def pages(self) -> list[Page]:
        """All tabs."""
        return self._context.pages

    def open(
        self,
        notebook: Path | Sequence[str],
        *,
        traits: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        host: str = "",
    ) -> Notebook:
        """Open a copy of a notebook, or one made of code cells, and wait for its kernel.

        Parameters
        ----------
        notebook : Path or sequence of str
            A notebook file, or the text of code cells.
        traits : mapping of str to object
            Configuration of IPython, for example ``{"Terrascope.issuer": keycloak.issuer}``.
        environ : mapping of str to str
            Environment variables of the kernel.
        host : str
            Another name for the server's machine, for the browser.
        """
        name = f"{self._folder.name}-{next(self._numbers)}"
        self._failures.append(self.server.add_kernel(name, self._folder / name, traits or {}, environ or {}))
        path = self.server.notebooks / f"{name}.ipynb"
        document = nbformat.read(notebook, 4) if isinstance(notebook, Path) else _notebook(notebook)
        document.metadata["kernelspec"] = {"name": name, "display_name": name, "language": "python"}
        nbformat.write(document, path)
        self._notebooks.append(path)
        return self.view(path, host)

    def view(self, path: Path, host: str = "") -> Notebook:
        """Open a notebook of the server in a new tab of the browser, for example one that is open already."""
        page = self._context.new_page()
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))
        page.on("console", self._hear)
        workspace = secrets.token_hex(4)  # else Lab would show the tabs of the last test
        folder = f"lab/workspaces/{workspace}/tree" if self.place == "lab" else "notebooks"
        url = self.server.url.replace("127.0.0.1", host or "127.0.0.1")
        page.goto(f"{url}/{folder}/{path.name}?token={self.server.token}")
        opened = Notebook(page, path)
        opened.wait_for_kernel()
        return opened

    def reopen(self, notebook: Notebook) -> Notebook:
        """Open a notebook again that was saved with its widgets, and whose kernel has ended.

        Where its kernel connects late, ipywidgets calls its widgets restored before it has read those that were saved,
        and shows none of them until the page is loaded again.
        """
        again = self.view(notebook.path)
        missing = again.panel.get_by_text("Error displaying widget: model not found")
        again.panel.locator(".ipyterrascope").or_(missing).first.wait_for()
        if missing.count():
            self.console_errors.clear()
            again.page.reload()
            again.wait_for_kernel()
        return again

    def _hear(self, line: ConsoleMessage) -> None:
        if line.type == "error":
            self.console_errors.append(f"{line.text} ({line.location['url']})")

    def close(self, *, passed: bool = True) -> None:
        """End the kernels; assert that no page and no message handler raised anything.

        `passed` tells that the test did so far; what it left in its page where it did not is nobody's to use.
        """
        self._leave()
        self.server.end_kernels()
        hidden = [path.read_text() for path in self._failures if path.exists()]
        self._failures.clear()
        assert not hidden, "in a kernel, unseen:\n" + "\n".join(hidden)
        uncaught, told = (_ours(errors) for errors in (self.page_errors, self.console_errors))
        assert not uncaught, "in a page, uncaught:\n" + "\n".join(uncaught)
        assert not told, "on the console:\n" + "\n".join(told)
        if passed:
            # each page that is loaded, and each notebook that is opened, lists them all
            for path in self._notebooks:
                self.server.forget(path)

    def _leave(self) -> None:
        for page in self._context.pages:
            page.close()


def _ours(errors: Sequence[str]) -> list[str]:
    return [error for error in errors if not any(re.search(known, error) for known in _NOT_OURS)]


class Notebook:
    """One notebook in one tab. Cells are counted from 0, markdown cells included."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.path = path
        self.panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        self.widget = self.panel.locator(".ipyterrascope-login")
        self.download = self.panel.locator(".ipyterrascope-download")

    def wait_for_kernel(self, timeout_s: float = 60) -> None:
        """Wait until the kernel is connected and idle."""
        self.page.wait_for_function(_IS_CONNECTED, timeout=timeout_s * 1000)

    def cell(self, index: int) -> Locator:
        """Return a cell; its editor and its outputs are inside."""
        return self.panel.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """Return the outputs of a code cell."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def text(self, index: int) -> str:
        """Return the outputs of a code cell as a person reads them."""
        return "\n".join(self.output(index).locator(".jp-OutputArea-output").all_inner_texts()).strip()

    def run(self, index: int, *, wait: bool = True) -> str:
        """Run a cell as Ctrl-Enter does, wait until it is done, and return the text of its outputs."""
        self.page.bring_to_front()
        self.page.evaluate(_RUN, index)
        if not wait:
            return ""
        self.wait_for(index)
        return self.text(index)

    def wait_for(self, index: int) -> None:
        """Wait until a cell that was run is done."""
        self.page.wait_for_function("index => window.testbedRuns[index] === false", arg=index, timeout=60_000)

    def execute(self, code: str) -> None:
        """Run code in the kernel as no cell, and wait until it is done."""
        self.page.evaluate(_EXECUTE, code)

    def use_theme(self, name: str) -> None:
        """Change the theme of the front-end, and wait until it is there."""
        self.page.evaluate(
            "async theme => { await jupyterapp.commands.execute('apputils:change-theme', {theme}); }", name
        )
        self.page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=name)
        # JupyterLab's own curtain, which fades
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def run_all(self) -> None:
        """Run all cells, as the menu does, and wait until they are done or one raised."""
        self.page.evaluate("async () => { await jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def save(self, *, widget_state: bool = False) -> dict[str, Any]:
        """Save, where asked with the state of the widgets, and return what is in the file."""
        self._keep_widget_state(widget_state)
        self.page.evaluate("async () => { await jupyterapp.commands.execute('docmanager:save'); }")
        self._keep_widget_state(False)
        return json.loads(self.path.read_text())

    def interrupt(self) -> None:
        """Press the stop button."""
        self.page.evaluate("async () => { await jupyterapp.commands.execute('notebook:interrupt-kernel'); }")

    def restart_kernel(self) -> None:
        """Restart the kernel, as the menu does after its question."""
        self.page.evaluate(
            "async () => { await jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
        )
        self.wait_for_kernel()

    def _keep_widget_state(self, wanted: bool) -> None:
        self.page.evaluate(_KEEP_WIDGET_STATE, wanted)


def _notebook(cells: Sequence[str]) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
