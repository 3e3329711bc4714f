"""What to paste into a bug report: versions and configuration, without a secret."""

from __future__ import annotations

import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version

from . import configuration, frontend
from .errors import TerrascopeError, quoted

_PACKAGES = (
    "ipyterrascope", "requests", "urllib3", "certifi", "oauthlib", "anywidget", "ipywidgets", "ipykernel", "ipython",
    "jupyterlab", "notebook", "tqdm", "filelock", "keyring", "pystac-client", "stac-asset", "rasterio", "rioxarray",
    "xarray", "zarr", "fsspec", "aiohttp", "dask", "distributed", "openeo", "earthaccess",
)  # fmt: skip
_VARIABLES = re.compile(
    r"TERRASCOPE_\w+|JUPYTERHUB_API_URL|(HTTPS?|ALL|NO)_PROXY|(REQUESTS|CURL)_CA_BUNDLE|SSL_CERT_(FILE|DIR)",
    re.IGNORECASE | re.ASCII,
)


def show_versions() -> None:
    """Print versions and configuration for a bug report. Of variables it says only whether they are set."""
    rows = {
        "python": f"{platform.python_version()} ({platform.system()} {platform.machine()})",
        **{name: _version(name) for name in _PACKAGES},
        "pycurl": _libcurl(),
        "runs in": frontend.place(),
        **_configured(),
        **{name: "set" for name, value in sorted(os.environ.items()) if value and _VARIABLES.fullmatch(name)},
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


def _libcurl() -> str:
    """Return what downloads are made with: the libraries that libcurl was built with differ from system to system."""
    try:
        import pycurl
    except ImportError as exc:
        return f"cannot be loaded: {quoted(exc)}"
    return str(pycurl.version).removeprefix("PycURL/")
