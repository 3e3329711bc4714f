"""What to paste into a bug report: versions and configuration, without a secret."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from . import configuration, frontend
from .errors import TerrascopeError

_PACKAGES = (
    "ipyterrascope", "requests", "urllib3", "oauthlib", "anywidget", "ipywidgets", "ipykernel", "ipython", "jupyterlab",
    "notebook", "tqdm",
)  # fmt: skip
_VARIABLES = (
    "TERRASCOPE_ISSUER", "TERRASCOPE_CLIENT_ID", "TERRASCOPE_HOSTS", "TERRASCOPE_USERNAME", "TERRASCOPE_PASSWORD",
    "TERRASCOPE_TOKEN", "HTTPS_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "JUPYTERHUB_API_URL",
)  # fmt: skip


def show_versions() -> None:
    """Print versions and configuration for a bug report. Of variables it says only whether they are set."""
    rows = {
        "python": f"{platform.python_version()} ({platform.system()} {platform.machine()})",
        **{name: _version(name) for name in _PACKAGES},
        "runs in": frontend.place(),
        **_configured(),
        **{name: "set" for name in _VARIABLES if os.environ.get(name)},
    }
    width = max(map(len, rows))
    sys.stdout.write("".join(f"{name:<{width}}  {value}\n" for name, value in rows.items()))


def _configured() -> dict[str, str]:
    try:
        provider = configuration.current().terrascope
    except TerrascopeError as exc:
        return {"configuration": str(exc)}
    return {"issuer": provider.issuer, "client_id": provider.client_id, "hosts": ", ".join(sorted(provider.hosts))}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
