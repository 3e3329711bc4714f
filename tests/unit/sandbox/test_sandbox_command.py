"""The command, and that it starts quickly and ends cleanly."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

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
    """Without `--json` the address and the users are printed."""
    with started() as process:
        lines = [process.stdout.readline() for _ in range(9)]
        process.terminate()
        text = "".join(lines)
        for shown in ("SANDBOX", "http://127.0.0.1:", "dora", "päss wörd+&%"):
            assert shown in text


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
