"""A real JupyterHub that signs in at Keycloak, configured by the very files of `examples/jupyterhub`.

Its users' servers run as whoever runs the tests, each in a home of its own. Their Python is an environment whose
`etc/ipython` has the example's `ipython_config.py`; what is installed there is what the tests run on.
"""

from __future__ import annotations

import contextlib
import html
import os
import re
import secrets
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import requests

from private_jupyter import private_environment
from servers import free_port, running
from testbed.keycloak import HUB_CLIENT, Keycloak, User

_ROOT = Path(__file__).parents[2]
EXAMPLES = _ROOT / "examples" / "jupyterhub"
CLIENT_SECRET = "hub-client-secret-hub-client-secret"
"""Of the client `jupyterhub` in the realm."""

# Where it listens, where it keeps its things, how it starts a server, and a service by which the tests look into it.
# All that concerns the sign-in comes from the example.
_CONFIG = """
load_subconfig({example!r})
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_bind_url = {hub_url!r}
c.ConfigurableHTTPProxy.api_url = {proxy_api_url!r}
c.ConfigurableHTTPProxy.should_start = False
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.cleanup_servers = False
c.JupyterHub.log_level = "DEBUG"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.cmd = {command!r}
c.JupyterHub.allow_named_servers = True


def make_plain(spawner):
    if spawner.name:
        spawner.cmd = {stub!r}


c.Spawner.pre_spawn_hook = make_plain
c.Spawner.environment = {environment!r}
c.JupyterHub.services = [{{"name": "testbed", "api_token": {token!r}}}]
testbed = {{
    "name": "testbed",
    "services": ["testbed"],
    "scopes": ["admin:users", "admin:servers", "admin:auth_state", "shares"],
}}
c.JupyterHub.load_roles.append(testbed)
"""

# what a server with a name is, where only the Hub matters: it starts in no time, and answers anything
_STUB = """
import http.server, os, urllib.parse

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()

url = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
http.server.ThreadingHTTPServer((url.hostname, url.port), Handler).serve_forever()
"""


class Hub:
    """A Hub that runs; see `hub`. `start_s` is how long it took to start the last time."""

    def __init__(self, folder: Path, environment: Mapping[str, str], port: int) -> None:
        self.folder = folder
        self.environment = environment
        self.url = f"http://127.0.0.1:{port}"
        self.token = secrets.token_hex(16)
        self.start_s = 0.0
        self._starts = 0
        self._running = ExitStack()

    @property
    def api_url(self) -> str:
        """Where its API is."""
        return f"{self.url}/hub/api"

    @property
    def log(self) -> str:
        """What it wrote so far, at DEBUG, over all its starts."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("hub-*.log")))

    def home(self, user: User) -> Path:
        """Return the home of a user."""
        return self.folder / "homes" / user.username

    def api(self, method: str, path: str, *, token: str = "", **arguments: Any) -> requests.Response:
        """Ask its API, as the tests' own service unless another token is given."""
        headers = {"Authorization": f"token {token or self.token}"}
        return requests.request(method, f"{self.api_url}/{path}", headers=headers, timeout=60, **arguments)

    def is_ready(self) -> bool:
        """Tell whether it answers by way of its proxy."""
        try:
            return self.api("GET", "").ok
        except requests.RequestException:
            return False

    def start(self) -> None:
        """Start it, or start it again: servers and proxy go on meanwhile."""
        self._starts += 1
        began = time.monotonic()
        command = [sys.executable, "-m", "jupyterhub", "-f", str(self.folder / "hub_config.py")]
        log = self.folder / f"hub-{self._starts}.log"
        launched = running(command, is_ready=self.is_ready, log=log, env=self.environment, cwd=self.folder)
        self._running.enter_context(launched)
        self.start_s = time.monotonic() - began

    def stop(self) -> None:
        """End it; the servers of its users go on."""
        self._running.close()

    def sign_in(self, user: User) -> None:
        """Sign in at Keycloak's pages, as a browser without scripts does. Raises `AssertionError` where that fails."""
        with requests.Session() as session:
            page = session.get(f"{self.url}/hub/oauth_login?next=/hub/home", timeout=60)
            form = re.search(r'<form[^>]*id="kc-form-login"[^>]*action="([^"]+)"', page.text)
            assert form, f"no sign-in page at {page.url}"
            for cookie in session.cookies:
                cookie.secure = False  # to Keycloak and to browsers loopback is secure
            fields = {"username": user.username, "password": user.password}
            page = session.post(html.unescape(form[1]), data=fields, timeout=60)
            assert page.status_code == 200, f"{page.status_code} at {page.url}: {page.text[-500:]}"
            assert urlsplit(page.url).path == "/hub/home", page.url

    def server(self, user: User) -> dict[str, str]:
        """Return the environment that the Hub gave to a server of a user who has signed in, started where need be.

        It is a server in name only.
        """
        name = "plain"
        if name not in self.servers(user):
            answer = self.api("POST", f"users/{user.username}/servers/{name}")
            assert answer.ok, answer.text
        deadline = time.monotonic() + 90
        while not (server := self.servers(user).get(name, {})).get("ready"):
            assert time.monotonic() < deadline, self.log[-3000:]
            time.sleep(0.2)
        return psutil.Process(server["state"]["pid"]).environ()

    def servers(self, user: User) -> dict[str, dict[str, Any]]:
        """Return the servers of a user by name."""
        return self.api("GET", f"users/{user.username}").json().get("servers", {})

    def processes(self) -> list[psutil.Process]:
        """Return the users' servers and all that these started."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("TESTBED_HUB") == str(self.folder):
                    found.append(process)
        return found

    def end_servers(self) -> None:
        """End the users' servers."""
        processes = self.processes()
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        _, alive = psutil.wait_procs(processes, timeout=10)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()


@contextlib.contextmanager
def hub(
    folder: Path,
    keycloak: Keycloak,
    *,
    extra: str = "",
    environ: Mapping[str, str] | None = None,
) -> Iterator[Hub]:
    """Run a Hub, with all that it and its servers write in `folder`.

    Parameters
    ----------
    folder : Path
    keycloak : Keycloak
        Where its users sign in.
    extra : str
        More lines of its configuration.
    environ : mapping of str to str
        More of its users' servers' environment.
    """
    folder.mkdir(parents=True)
    port, hub_port, proxy_port = free_port(), free_port(), free_port()
    environment = {
        **private_environment(folder / "jupyter", os.environ),
        "HOME": str(folder),
        "OIDC_ISSUER": keycloak.issuer,
        "OIDC_GROUP": "hub-users",
        "OAUTH_CLIENT_ID": HUB_CLIENT,
        "OAUTH_CLIENT_SECRET": CLIENT_SECRET,
        "OAUTH_CALLBACK_URL": f"http://127.0.0.1:{port}/hub/oauth_callback",
        "JUPYTERHUB_CRYPT_KEY": secrets.token_hex(32),
        "CONFIGPROXY_AUTH_TOKEN": secrets.token_hex(32),
    }
    found = Hub(folder, environment, port)
    python = str(_environment(folder / "environment"))
    config = _CONFIG.format(
        example=str(EXAMPLES / "jupyterhub_config.py"),
        url=found.url,
        hub_url=f"http://127.0.0.1:{hub_port}",
        proxy_api_url=f"http://127.0.0.1:{proxy_port}",
        homes=str(folder / "homes" / "{username}"),
        command=[python, "-m", "jupyterhub.singleuser", "--allow-root", "--LabApp.expose_app_in_browser=True"],
        stub=[sys.executable, "-c", _STUB],
        environment={**_of_servers(environment), "TESTBED_HUB": str(folder), **(environ or {})},
        token=found.token,
    )
    (folder / "hub_config.py").write_text(f"{config}\n{extra}\n")
    proxy = [
        *(_ROOT / "node_modules" / ".bin" / "configurable-http-proxy", "--ip", "127.0.0.1", "--port", str(port)),
        *("--api-ip", "127.0.0.1", "--api-port", str(proxy_port)),
        *("--default-target", f"http://127.0.0.1:{hub_port}", "--log-level", "warn"),
    ]
    with ExitStack() as stack:
        stack.enter_context(keycloak.client(HUB_CLIENT, redirectUris=[environment["OAUTH_CALLBACK_URL"]]))
        ready = f"http://127.0.0.1:{proxy_port}/api/routes"
        log = folder / "proxy.log"
        stack.enter_context(running(proxy, is_ready=lambda: _answers(ready), log=log, env=environment))
        stack.callback(found.end_servers)
        stack.callback(found.stop)
        found.start()
        yield found


def _of_servers(environment: Mapping[str, str]) -> dict[str, str]:
    # settings of JupyterLab that keep it from asking for news; all else is in the user's home
    return {name: environment[name] for name in ("JUPYTERLAB_SETTINGS_DIR", "no_proxy", "NO_PROXY")}


def _environment(folder: Path) -> Path:
    """Make an environment that has all of ours, and the example's `ipython_config.py` for all its kernels."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    ours = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    # .pth files of ours count too: an editable installation is one
    lines = [f"import site; site.addsitedir({path!r})\n" for path in ours]
    (Path(packages) / "ours.pth").write_text("".join(lines))
    prefix = Path(sys.prefix)
    (folder / "share").symlink_to(prefix / "share")
    (folder / "etc").mkdir()
    (folder / "etc" / "jupyter").symlink_to(prefix / "etc" / "jupyter")
    (folder / "etc" / "ipython").mkdir()
    shutil.copy(EXAMPLES / "ipython_config.py", folder / "etc" / "ipython")
    return python


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code > 0
    except requests.RequestException:
        return False
