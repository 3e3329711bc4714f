"""The real openEO back-end of `openeo-driver`, with its own dummy data, and the providers that a test names.

It is fetched once, by pip, to a folder of the user's cache: it wants an older pystac than pystac-client does.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from servers import free_port, running

_CONFIG = """
from openeo_driver.config import OpenEoBackendConfig
from openeo_driver.users.oidc import OidcProvider

config = OpenEoBackendConfig(
    id="test",
    oidc_providers=[OidcProvider.from_dict(fields) for fields in {providers!r}],
    enable_basic_auth=True,
    valid_basic_auth=lambda username, password: (username, password) == ("dora", "basic-Pa55"),
)
"""
_SERVE = """
import sys
from threading import Timer
from werkzeug.serving import make_server
from openeo_driver.dummy.dummy_backend import DummyBackendImplementation, DummyBatchJobs
from openeo_driver.views import build_app

class Jobs(DummyBatchJobs):
    def start_job(self, job_id, user):
        super().start_job(job_id, user)
        Timer(6, self._update_status, kwargs=dict(job_id=job_id, user_id=user.user_id, status="finished")).start()

backend = DummyBackendImplementation()
backend.batch_jobs = Jobs()
app = build_app(backend_implementation=backend)
make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True).serve_forever()
"""

BASIC_USER, BASIC_PASSWORD = "dora", "basic-Pa55"


def _driver() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ipyterrascope" / "openeo-driver"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as part:
            command = [sys.executable, "-m", "pip", "install", "-q", "--target", part, "openeo-driver"]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            # whole or absent, also when another run does the same
            with contextlib.suppress(OSError):
                Path(part).replace(folder)
            Path(part).mkdir(exist_ok=True)
    return folder


@contextlib.contextmanager
def openeo_driver(folder: Path, providers: list[dict[str, Any]]) -> Iterator[str]:
    """Run a back-end that lists `providers`, and whose jobs take six seconds; yields its address.

    It writes to `folder` only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.py"
    config.write_text(_CONFIG.format(providers=providers))
    port = free_port()
    environ = {
        **os.environ,
        "HOME": str(folder),
        "PYTHONPATH": str(_driver()),
        "OPENEO_BACKEND_CONFIG": str(config),
        "NO_PROXY": "127.0.0.1",
    }
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", _SERVE, str(port)]
    with running(command, is_ready=lambda: _answers(address), log=folder / "driver.log", env=environ):
        yield address


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/.well-known/openeo", timeout=5).ok
    except requests.RequestException:
        return False
