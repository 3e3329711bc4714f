"""`make demo`: a person starts it, opens the address, and ends it with Ctrl-C."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

from servers import free_port, running

# all but the one that needs a back-end of openEO
NOTEBOOKS = [path for path in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb") if path.stem != "openeo"]
DEMO = Path(__file__).parents[2] / "tools" / "demo.py"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demonstration_is_private_and_ends_whole(tmp_path: Path, number: signal.Signals) -> None:
    """It prints an address that needs its token, points the notebook at the sandbox, and leaves no process."""
    log = tmp_path / "demo.log"
    folder = tmp_path / "demo"
    command = [sys.executable, DEMO, "--no-browser", "--port", str(free_port()), "--folder", folder]

    with running(command, is_ready=lambda: "Ctrl-C" in log.read_text(), log=log) as demo:
        address = re.search(r"(http://127\.0\.0\.1:\d+)/lab/tree/quickstart\.ipynb\?token=(\w+)", log.read_text())
        assert address is not None
        base_url, token = address.groups()
        assert requests.get(f"{base_url}/api/kernels", timeout=10).status_code == 403
        kernel = requests.post(f"{base_url}/api/kernels", headers={"Authorization": f"token {token}"}, timeout=30)
        assert kernel.status_code == 201
        (config,) = folder.glob(".jupyter-*/ipython/profile_default/ipython_config.py")
        assert "c.Terrascope.badge = 'SANDBOX'" in config.read_text()
        assert all(path.name in log.read_text() for path in NOTEBOOKS)
        assert "as you left it" not in log.read_text()
        started = psutil.Process(demo.pid).children(recursive=True)
        assert len(started) >= 2  # JupyterLab and a kernel

        os.kill(demo.pid, number)
        assert demo.wait(timeout=60) == 0

    assert not [process for process in started if process.is_running()]
    assert {path.name for path in folder.iterdir()} == {path.name for path in NOTEBOOKS}


def test_a_terminal_and_the_notebooks_share_their_kept_logins(tmp_path: Path) -> None:
    """With what the demonstration prints to export, a script keeps a login that IPython there signs in by."""
    log, folder = tmp_path / "demo.log", tmp_path / "a demo"
    command = [sys.executable, DEMO, "--no-browser", "--port", str(free_port()), "--folder", folder]
    with running(command, is_ready=lambda: "Ctrl-C" in log.read_text(), log=log):
        (exports,) = re.findall(r"^Terminal +export (.*)$", log.read_text(), re.MULTILINE)
        (private,) = folder.glob(".jupyter-*")
        variables = dict(each.split("=", 1) for each in shlex.split(exports))
        keep = (
            "import ipyterrascope as ts; from ipyterrascope.values.secret import Secret; account = ts.account(); "
            "account.start_password_login('dora', Secret('s3cret-Pa55'), remember=True); account.wait(30)"
        )
        subprocess.run([sys.executable, "-c", keep], env={**os.environ, **variables}, check=True, timeout=60)
        use = "import ipyterrascope as ts; ts.session(); print(ts.status().accounts[0].source)"
        ipython = [sys.executable, "-m", "IPython", "--ext", "ipyterrascope", "-c", use]
        environ = {**os.environ, "IPYTHONDIR": str(private / "ipython")}
        said = subprocess.run(ipython, env=environ, check=True, timeout=60, capture_output=True, text=True).stdout
    assert said.split()[-1] == "stored"


def test_the_persons_own_notebook_is_kept(tmp_path: Path) -> None:
    """Started again, it leaves the notebook as the person left it, and says which file that is."""
    folder = tmp_path / "demo"
    folder.mkdir()
    notebook = folder / "quickstart.ipynb"
    notebook.write_text("mine")
    log = tmp_path / "demo.log"
    command = [sys.executable, DEMO, "--no-browser", "--port", str(free_port()), "--folder", folder]

    with running(command, is_ready=lambda: "Ctrl-C" in log.read_text(), log=log):
        assert f"{notebook} is as you left it." in log.read_text()
        assert "sign in as dora, password s3cret-Pa55" in log.read_text()
        (config,) = folder.glob(".jupyter-*/ipython/profile_default/ipython_config.py")
        assert "c.Terrascope.password_reset_url = 'http://127.0.0.1:" in config.read_text()

    assert notebook.read_text() == "mine"


def test_the_demonstration_tells_why_it_ended(tmp_path: Path) -> None:
    """When JupyterLab ends by itself, so does the demonstration, with JupyterLab's last words."""
    log = tmp_path / "demo.log"
    command = [sys.executable, DEMO, "--no-browser", "--port", str(free_port()), "--folder", tmp_path / "demo"]

    with running(command, is_ready=lambda: "Ctrl-C" in log.read_text(), log=log) as demo:
        (lab,) = (child for child in psutil.Process(demo.pid).children() if "jupyterlab" in child.cmdline())
        lab.kill()
        assert demo.wait(timeout=60) == 1

    assert "JupyterLab ended with -9" in log.read_text()


def test_the_demonstration_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    """After `kill -9`, which it cannot hear, JupyterLab ends all the same, and its kernels with it."""
    log, port = tmp_path / "demo.log", free_port()
    command = [sys.executable, DEMO, "--no-browser", "--port", str(port), "--folder", tmp_path / "demo"]

    with running(command, is_ready=lambda: "Ctrl-C" in log.read_text(), log=log) as demo:
        token = re.search(r"token=(\w+)", log.read_text())
        assert token is not None
        kernels = f"http://127.0.0.1:{port}/api/kernels"
        assert requests.post(kernels, headers={"Authorization": f"token {token[1]}"}, timeout=30).status_code == 201
        started = psutil.Process(demo.pid).children(recursive=True)
        demo.kill()
        _, left = psutil.wait_procs(started, timeout=60)

    assert left == []
