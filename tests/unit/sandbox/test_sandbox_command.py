"""The command, and that it starts quickly and ends cleanly."""

from __future__ import annotations

import contextlib
import gc
import json
import shlex
import signal
import socket
import subprocess
import sys
import warnings

import pytest
import requests

from ipyterrascope.sandbox import Sandbox


def started(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ipyterrascope.sandbox", *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_json_line_then_service(number):
    """`--json` prints one line that says where everything is, then serves until the signal, and says no more."""
    with started("--json", "--access-token-lifetime", "60", "--no-rotation") as process:
        told = json.loads(process.stdout.readline())
        assert set(told) == {"url", "issuer", "stac_url", "hosts", "client_id"}
        assert told["url"].startswith("http://127.0.0.1:")
        form = {"grant_type": "password", "client_id": told["client_id"], "username": "dora", "password": "s3cret-Pa55"}
        tokens = requests.post(f"{told['issuer']}/protocol/openid-connect/token", data=form, timeout=10).json()
        assert tokens["expires_in"] == 60
        process.send_signal(number)
        rest, errors = process.communicate(timeout=20)
        assert (process.returncode, rest, errors) == (0, "", "")


def test_text_for_people():
    """Without `--json` the address, the users, and what a shell has to export are printed."""
    with started() as process:
        lines = [process.stdout.readline() for _ in range(17)]
        process.terminate()
    text = "".join(lines)
    for shown in ("SANDBOX", "http://127.0.0.1:", "dora", "päss wörd+&%"):
        assert shown in text


def test_what_it_tells_to_export_signs_in():
    """A shell that runs the printed `export` lines starts Python with a working login."""
    with started() as process:
        lines = [process.stdout.readline() for _ in range(17)]
        exports = "".join(line for line in lines if line.lstrip().startswith("export "))
        url = f"{lines[0].split()[3]}/download/nothing.tif"
        code = f"import ipyterrascope as ts; print(ts.session().get({url!r}).status_code)"
        shell = f"{exports}\n{sys.executable} -c {shlex.quote(code)}"
        done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60, check=True)
        process.terminate()
    assert done.stdout == "404\n"


@pytest.mark.parametrize("missing", ["aiohttp", "joserfc"])
def test_without_the_extra_one_sentence_says_what_to_install(missing):
    """Where a library of the extra is missing, the command ends with the line that installs it."""
    run = "runpy.run_module('ipyterrascope.sandbox', run_name='__main__')"
    code = f"import runpy, sys; sys.modules[{missing!r}] = None; {run}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "The sandbox needs its extra: pip install 'ipyterrascope[sandbox]'.\n"


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("from ipyterrascope.sandbox import Sandbox", "aiohttp"),
        ("import ipyterrascope.sandbox.earthdata", "aiohttp"),
        ("import ipyterrascope.sandbox.earthdata", "cryptography"),
    ],
)
def test_without_the_extra_an_import_names_it(line, missing):
    """In a notebook too, the error says which library is missing and what brings it."""
    code = f"import sys; sys.modules[{missing!r}] = None\n{line}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    last = done.stderr.splitlines()[-1]
    assert f"{missing} is not installed. It comes with the extra [sandbox]." in last
    assert 'pip install "ipyterrascope[sandbox]"' in last


def test_a_port_that_cannot_be_had_is_one_sentence():
    """A port that is taken, or is none, ends the command in a sentence."""
    with Sandbox() as box, started("--port", str(box.port)) as process:
        assert process.communicate(timeout=20) == (
            "",
            f"Port {box.port} on 127.0.0.1 cannot be had: choose another one, or leave --port out.\n",
        )
    with started("--port", "99999") as process:
        assert process.communicate(timeout=20)[1].endswith("a port is a number from 0 to 65535\n")


def test_port_can_be_chosen_and_is_loopback_only():
    """A second sandbox cannot have a port that is taken; nothing listens but on loopback."""
    with Sandbox() as box:
        assert box.url == f"http://127.0.0.1:{box.port}"
        with pytest.raises(OSError, match="in use"):
            Sandbox(port=box.port).start()


def test_not_started():
    """Before it runs, a sandbox says what is missing."""
    with pytest.raises(RuntimeError, match="with statement"):
        _ = Sandbox().url


def test_a_connection_that_comes_as_it_stops_is_closed():
    """Whoever connects at the very moment when the sandbox stops is hung up on, and nothing is left open."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        for _ in range(20):
            box = Sandbox().start()
            clients = [socket.create_connection(("127.0.0.1", box.port), timeout=10) for _ in range(5)]
            box.stop()
            for client in clients:
                with client, contextlib.suppress(ConnectionError):
                    assert client.recv(1) == b""
        gc.collect()
    assert not [warning for warning in caught if "transport" in str(warning.message)]
