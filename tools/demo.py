"""Run the sandbox and, beside it, JupyterLab at the quickstart, until Ctrl-C or SIGTERM. `make demo` calls this.

The extension is pointed at the sandbox by traits in an `ipython_config.py`, so the notebook is the one for the real
Terrascope. Jupyter keeps to a folder of its own, which goes with the demonstration; notebook and downloads stay.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from ipyterrascope.sandbox import Sandbox
from private_jupyter import configure_ipython, private_environment, provider_traits
from servers import running

_TREE = Path(__file__).resolve().parent.parent
# the first one is opened; the one about openEO needs a back-end
_NOTEBOOKS = ("quickstart.ipynb", "authentication.ipynb", "cog_xarray.ipynb", "dask.ipynb")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    """Read the command line and run until told to stop."""
    options = _parser().parse_args()
    for number in _SIGNALS:
        signal.signal(number, _stop)
    folder: Path = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    notebook, *others = [_notebook_in(folder, name) for name in _NOTEBOOKS]
    private = tempfile.TemporaryDirectory(prefix=".jupyter-", dir=folder, ignore_cleanup_errors=True)
    with Sandbox() as box, private as name:
        environment = private_environment(Path(name), os.environ)
        kept_logins = f"__import__('os').environ['XDG_DATA_HOME'] = {name!r}"  # of a Terrascope that goes as well
        traits = {
            **provider_traits(box.provider()),
            "Terrascope.demo_login": f"dora, password {box.users['dora']}",
            "InteractiveShellApp.exec_lines": [kept_logins],
        }
        configure_ipython(Path(environment["IPYTHONDIR"]), traits)
        told, log = Path(environment["JUPYTER_RUNTIME_DIR"]), Path(name) / "lab.log"
        command = _jupyterlab(notebook, options)
        with running(command, is_ready=lambda: bool(_address(told, notebook)), log=log, env=environment) as lab:
            # a terminal's Python shall find what a notebook keeps, and the other way round
            variables = {"XDG_DATA_HOME": name, **box.variables}
            print(_announcement(_address(told, notebook), notebook, others, box, variables), flush=True)
            lab.wait()
        sys.exit(f"JupyterLab ended with {lab.returncode}:\n{log.read_text(errors='replace')[-4000:]}")


def _notebook_in(folder: Path, name: str) -> Path:
    """Return a notebook in `folder`: a copy of ours, or what the person made of it."""
    stored, notebook = _TREE / "notebooks" / name, folder / name
    if not notebook.exists():
        shutil.copy(stored, notebook)
    elif notebook.read_bytes() != stored.read_bytes():
        print(f"{notebook} is as you left it. To begin afresh, rename or delete it.", flush=True)
    return notebook


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="The quickstart in JupyterLab against a Terrascope on this machine.")
    parser.add_argument("--no-browser", action="store_true", help="open no browser, only print the address")
    parser.add_argument("--port", type=int, default=8888, help="first port to try for JupyterLab (default: 8888)")
    parser.add_argument("--folder", type=Path, default=_TREE / ".demo", help="where to work (default: .demo)")
    return parser


def _stop(*_: object) -> NoReturn:
    """Leave every `with` block in order, undisturbed by a second Ctrl-C."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise SystemExit(0)


def _jupyterlab(notebook: Path, options: argparse.Namespace) -> list[str]:
    return [
        *(sys.executable, "-m", "jupyterlab", str(notebook), f"--ServerApp.root_dir={notebook.parent}"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={options.port}"),
        *(["--no-browser"] if options.no_browser else []),
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]


def _address(told: Path, notebook: Path) -> str:
    """Return the notebook's address, with the token, as soon as the server tells it in its runtime folder."""
    for description in told.glob("jpserver-*.json"):
        try:
            server = json.loads(description.read_text())
        except json.JSONDecodeError:
            break
        return f"{server['url']}lab/tree/{notebook.name}?token={server['token']}"
    return ""


def _announcement(address: str, notebook: Path, others: list[Path], box: Sandbox, variables: Mapping[str, str]) -> str:
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables.items())
    return (
        f"\nJupyterLab  {address}\n"
        f"Notebook    {notebook}  and beside it {', '.join(other.name for other in others)}\n"
        f"Sandbox     {box.url}  sign in as dora, password {box.users['dora']}\n"
        f"Terminal    export {exports}\n"
        "All of it is on this machine only. Ctrl-C ends it."
    )


if __name__ == "__main__":
    main()
