"""`paths` and `config`: where things are, what holds, and where that comes from; never a secret (floor 6)."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..configuration import current
from ..errors import quoted
from ..traits import Terrascope
from .answers import Answer

if TYPE_CHECKING:
    from .application import TerrascopeApp

# the traits that a variable TERRASCOPE_… sets where they are empty
_OF_ENVIRONMENT = ("issuer", "client_id", "hosts", "stac_url", "token_file", "store", "openeo_issuers")
_CREDENTIALS = re.compile(
    r"(?:TERRASCOPE|EARTHDATA(?:_UAT)?|OPENEO_AUTH)_(?:TOKEN|USERNAME|PASSWORD|CLIENT_ID|CLIENT_SECRET|METHOD)"
)
_USER_INFORMATION = re.compile(r"//[^/\s@]*@")


def paths(app: TerrascopeApp, options: Namespace) -> Answer:
    """Tell where logins and settings are, and where they would be."""
    from ..auth.kept_logins import kept_logins, why_not
    from ..auth.openeo_settings import auth_config_path, client_config_path, refresh_tokens_path
    from ..auth.shelves import logins_folder

    configuration = current()
    known = (configuration.terrascope, *configuration.beside)
    openeo = {
        "auth-config.json": auth_config_path(os.environ),
        "refresh-tokens.json": refresh_tokens_path(os.environ),
        "openeo-client-config.ini": client_config_path(os.environ),
    }
    logins = [{"path": str(login.path), "login": login.shown(known)} for login in kept_logins()]
    silent = [str(path) for path in _written(app) if str(path) not in app.loaded_config_files]
    fields: dict[str, Any] = {
        "config": {"read": [*app.loaded_config_files, *silent], "searched": app.config_file_paths},
        "store": {"kind": configuration.store, "folder": str(logins_folder()), "logins": logins},
        "token_file": configuration.token_file,
        "openeo": {name: _place(path) for name, path in openeo.items()},
    }
    read = [*app.loaded_config_files, *(f"{path} (sets nothing)" for path in silent)]
    rows = [
        *_rows("configuration, read", read or ["none"]),
        *_rows("configuration, looked for in", app.config_file_paths),
        ("store of logins", configuration.store),
        ("logins in files", str(logins_folder())),
        *_rows("", [f"{quoted(login.path.name)}: {login.shown(known)}" for login in kept_logins()]),
        *_rows("", filter(None, [why_not()])),
        ("token file", configuration.token_file or "none"),
        *((f"openEO's {name}", _told(path)) for name, path in openeo.items()),
    ]
    return Answer(text=_table(rows), fields=fields)


def _written(app: TerrascopeApp) -> list[Path]:
    """Return the configuration files that there are; one in which every line is a comment is not among the loaded."""
    names = [f"{app.config_file_name}.{ending}" for ending in ("py", "json")]
    return [path for folder in app.config_file_paths for name in names if (path := Path(folder, name)).is_file()]


def config(app: TerrascopeApp, options: Namespace) -> Answer:
    """Tell what holds for this line, and what each value comes from."""
    from ..auth.openeo_settings import client_config_path, client_settings, configured_logins

    holding = Terrascope.instance().holding()
    origins = {name: _origin(app, name) for name in holding}
    backend = client_settings(os.environ).default_backend
    if not holding["openeo_backend"] and backend:
        holding["openeo_backend"], origins["openeo_backend"] = backend, str(client_config_path(os.environ))
    traits = {name: {"value": _plain(value), "from": origins[name]} for name, value in holding.items()}
    credentials = sorted(name for name, value in os.environ.items() if value and _CREDENTIALS.fullmatch(name))
    openeo = configured_logins(os.environ)
    rows = [(name, f"{_text(trait['value'])}  ({trait['from']})") for name, trait in traits.items()]
    rows += [("credentials", ", ".join(credentials) or "none in the environment")]
    rows += [row for address, logins in openeo.items() for row in _rows(f"openEO's {address}", logins)]
    return Answer(text=_table(rows), fields={"traits": traits, "credentials": credentials, "openeo": openeo})


def _origin(app: TerrascopeApp, name: str) -> str:
    if name in app.cli_config.get("Terrascope", {}):
        return "command line"
    for path in reversed(app.loaded_config_files):
        if name in app.read(Path(path)).get("Terrascope", {}):
            return path
    variable = f"TERRASCOPE_{name.upper()}"
    return variable if name in _OF_ENVIRONMENT and os.environ.get(variable) else "built in"


def _plain(value: object) -> Any:
    """Return a value as JSON can hold it. What stands before an @ in an address may be a password."""
    if isinstance(value, str):
        return _USER_INFORMATION.sub("//•••@", value)
    if isinstance(value, (frozenset, tuple)):
        several = [_plain(each) for each in cast("Iterable[object]", value)]
        return sorted(several) if isinstance(value, frozenset) else several
    return value


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value))) or "none"
    return "none" if value in (None, "") else str(value)


def _place(path: Path | None) -> Mapping[str, object]:
    return {"path": str(path) if path else "", "exists": path is not None and os.path.exists(path)}


def _told(path: Path | None) -> str:
    if path is None:
        return "none"
    return str(path) if os.path.exists(path) else f"{path} (not there)"


def _rows(name: str, texts: Iterable[str]) -> list[tuple[str, str]]:
    return [(name if number == 0 else "", text) for number, text in enumerate(texts)]


def _table(rows: Iterable[tuple[str, str]]) -> str:
    shown = list(rows)
    width = max(len(name) for name, _ in shown)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in shown)
