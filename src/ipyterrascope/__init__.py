"""Log in to Terrascope once; everything that needs the token has a live one from then on.

    import ipyterrascope as ts

    ts.login()                          a widget, a link and a code, or the environment
    s = ts.session()                    a requests.Session that is signed in
    ts.download(urls, "data")           whole files or none; STAC items and searches too
    ts.plan(urls, "data")               what that would do
    ts.stac.open()                      the catalogue, by pystac-client
    ts.token(), ts.auth()               for other libraries
    ts.status(), ts.logout()            who is signed in, until when, and why not; and out
    ts.gdal.enable()                    a live token for rasterio, rioxarray, odc-stac …
    ts.fsspec.open(), ts.fsspec.store() … for xarray, h5netcdf, zarr
    ts.openeo_connection(url)           an openeo.Connection that stays signed in
    ts.earthaccess_auth()               earthaccess with the login at Earthdata Login
    ts.import_openeo(url), ts.export_openeo(url)    a login from and for openEO's own client
    ts.dask.attach(client)              … for the workers of a cluster

In IPython: `%load_ext ipyterrascope`, then `%terrascope?` and `%download?`. This page is the table of contents: each
name is imported when it is first used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from . import errors
from .errors import TerrascopeError
from .values.providers import Endpoints, Provider

if TYPE_CHECKING:
    from .api import account, auth, login, logout, providers, session, status, token
    from .auth.account import Account
    from .bridges import dask, fsspec, gdal, stac
    from .bridges.earthaccess import earthaccess_auth
    from .bridges.openeo import openeo_connection
    from .bridges.openeo_files import export_openeo, import_openeo
    from .downloading import download, downloads, plan
    from .transfer import Download, Item, Plan, Report
    from .values.secret import Secret
    from .versions import show_versions

__all__ = [
    "Account",
    "Download",
    "Endpoints",
    "Item",
    "Plan",
    "Provider",
    "Report",
    "Secret",
    "TerrascopeError",
    "account",
    "auth",
    "dask",
    "download",
    "downloads",
    "earthaccess_auth",
    "errors",
    "export_openeo",
    "fsspec",
    "gdal",
    "import_openeo",
    "load_ipython_extension",
    "login",
    "logout",
    "openeo_connection",
    "plan",
    "providers",
    "session",
    "show_versions",
    "stac",
    "status",
    "token",
    "unload_ipython_extension",
]

_HOME = {
    **dict.fromkeys(("account", "auth", "login", "logout", "providers", "session", "status", "token"), "api"),
    **dict.fromkeys(("download", "downloads", "plan"), "downloading"),
    "Account": "auth.account",
    "Download": "transfer",
    "Item": "transfer",
    "Plan": "transfer",
    "Report": "transfer",
    "Secret": "values.secret",
    "dask": "bridges",
    "fsspec": "bridges",
    "gdal": "bridges",
    **dict.fromkeys(("export_openeo", "import_openeo"), "bridges.openeo_files"),
    "earthaccess_auth": "bridges.earthaccess",
    "openeo_connection": "bridges.openeo",
    "show_versions": "versions",
    "stac": "bridges",
}


class _Package(ModuleType):
    """Keeps `session` and `auth` what a user calls: importing the modules of these names would put them there."""

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _HOME or not isinstance(value, ModuleType):
            super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Callable[[str], ModuleType], tuple[str]]:
        # a function of a notebook that says `ts.session()` goes to a worker with its globals, this among them
        return import_module, (self.__name__,)


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("ipyterrascope")
    if name not in _HOME:
        raise AttributeError(f"module 'ipyterrascope' has no attribute {name!r}")
    home = import_module(f".{_HOME[name]}", __name__)
    return getattr(home, name) if hasattr(home, name) else import_module(f".{name}", home.__name__)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", *(name for name in globals() if name.startswith("__"))])


def load_ipython_extension(ipython: Any) -> None:
    """Register `%terrascope`, `%download` and the traits of `c.Terrascope` (called by `%load_ext ipyterrascope`)."""
    from .magics import load

    load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take the completions away again (called by `%unload_ext ipyterrascope`)."""
    from .magics import unload

    unload(ipython)
