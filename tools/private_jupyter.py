"""A place for Jupyter where nothing of the user's own settings, history or kernels is read or written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ipyterrascope.values.providers import Provider

_TRAITS = ("issuer", "client_id", "stac_url", "registration_url", "account_url", "password_reset_url", "badge")
_FILES: Mapping[str, Mapping[str, object]] = {
    "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    # else node looks at each load of a page whether JupyterLab wants to be built anew
    "config/labconfig/page_config.json": {"buildAvailable": False, "buildCheck": False},
}


def private_environment(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` for a Jupyter that keeps all its files in `folder`, which is made where it is missing.

    What would lead to the user's real Jupyter, Hub or Terrascope login is left out. `HOME` stays: a browser that is
    opened from there shall be the user's own.
    """
    for name, content in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    kept = {name: value for name, value in environ.items() if not name.startswith(("JUPYTER", "TERRASCOPE_"))}
    return {
        **kept,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        # what runs here is on loopback, which no proxy can reach
        "no_proxy": "127.0.0.1,localhost",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def configure_ipython(ipython_dir: Path, traits: Mapping[str, object]) -> None:
    """Write an `ipython_config.py` that sets `traits`, for example ``{"Terrascope.badge": "SANDBOX"}``."""
    profile = ipython_dir / "profile_default"
    profile.mkdir(parents=True, exist_ok=True)
    lines = [f"c.{name} = {value!r}\n" for name, value in traits.items()]
    (profile / "ipython_config.py").write_text("".join(["c = get_config()\n", *lines]))


def provider_traits(provider: Provider) -> dict[str, object]:
    """Return the traits that make `provider` this kernel's Terrascope."""
    values = {name: getattr(provider, name) for name in _TRAITS} | {"hosts": sorted(provider.hosts)}
    return {f"Terrascope.{name}": value for name, value in values.items()}
