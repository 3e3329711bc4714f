"""What openEO's own client has written down: which back-end is meant, and who signs in there (floor 3).

`auth-config.json` names, for a back-end and the id of a provider there, a client and perhaps its secret. A back-end
says which issuer goes by that id: the secret is for the one beside it in the file, or for one that is trusted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Mapping
from configparser import ConfigParser
from configparser import Error as ConfigParserError
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..values.hosts import origin_of
from ..values.openeo import Backend
from ..values.providers import Provider
from ..values.secret import Secret, sealed
from .openeo_json import Tree, look, read_file
from .private_files import UnfitFileError, read_private

Kind = Literal["config", "data"]

_FOLDER, _INI = "openeo-python-client", "openeo-client-config.ini"
# where openEO's client looks, in this order; Windows has one place for both
_VARIABLES: Mapping[Kind, str] = {"config": "XDG_CONFIG_HOME", "data": "XDG_DATA_HOME"}
_LINUX: Mapping[Kind, str] = {"config": "~/.config", "data": "~/.local/share"}
_MAC: Mapping[Kind, str] = {"config": "~/Library/Preferences", "data": "~/Library"}


@dataclass(frozen=True, kw_only=True)
class OwnClient:
    """A client that somebody has at a provider; `client_secret` is None for a public one."""

    client_id: str
    client_secret: Secret | None = None


def settings_folder(kind: Kind, environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Return the folder of openEO's files: the first one that there is, else the one that it would make."""
    if platform == "win32":
        roots = [environ.get("APPDATA"), "~/AppData/Roaming", _LINUX[kind]]
    else:
        roots = [environ.get(_VARIABLES[kind]), *([_MAC[kind]] if platform == "darwin" else []), _LINUX[kind]]
    own = environ.get("OPENEO_CONFIG_HOME")
    folders = [*([Path(own)] if own else []), *(Path(root).expanduser() / _FOLDER for root in roots if root)]
    return next((folder for folder in folders if os.path.isdir(folder)), folders[0])


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """What `openeo-client-config.ini` says: the back-end that is meant where none is named, and how one signs in there.

    `auto_authenticate` is ``basic``, ``oidc``, or empty.
    """

    default_backend: str = ""
    auto_authenticate: str = ""


def client_settings(environ: Mapping[str, str]) -> ClientSettings:
    """Read the first `openeo-client-config.ini` that there is, as `client_config_path` finds it."""
    path = client_config_path(environ)
    options = _options_of(path) if path else None
    if options is None:
        return ClientSettings()
    backend = options.get("connection.default_backend", "")
    ways = ("connection.default_backend.auto_authenticate", "connection.auto_authenticate")
    way = next((options[name].lower() for name in ways if options.get(name)), "")
    return ClientSettings(default_backend=backend, auto_authenticate=way)


def client_config_path(environ: Mapping[str, str]) -> Path | None:
    """Return where that file is; None where there is none that can be read.

    It is where openEO's client looks, but for the present folder: whoever made that would choose the back-end that gets
    the token of a service account.
    """
    named, home, xdg = (environ.get(name) for name in ("OPENEO_CLIENT_CONFIG", "OPENEO_CONFIG_HOME", "XDG_CONFIG_HOME"))
    paths = [
        *([Path(named)] if named else []),
        *([Path(home) / _INI] if home else []),
        *([Path(xdg) / _FOLDER / _INI] if xdg else []),
        Path.home() / f".{_INI}",
    ]
    return next((path for path in paths if _options_of(path) is not None), None)


def _options_of(path: Path) -> Mapping[str, str] | None:
    """Return the options of a file by section and name; None where it is missing or damaged, as openEO's client."""
    parser = ConfigParser()
    try:
        parser.read_string(read_private(path, may_be_shared=True, may_be_link=True).text)
        sections = [(section.lower(), parser.items(section)) for section in parser.sections()]
    except (ConfigParserError, UnfitFileError):
        return None
    return {f"{section}.{name}": value for section, options in sections for name, value in options}


def basic_password(environ: Mapping[str, str], backend_url: str) -> tuple[str, Secret] | None:
    """Return the user name and password that `auth-config.json` has for a back-end of the origin of `backend_url`.

    Raises
    ------
    ConfigurationError
        As `own_clients`.
    """
    return sealed(lambda: _basic_password(read_file(auth_config_path(environ)), backend_url))


def _basic_password(tree: Tree, backend_url: str) -> tuple[str, Secret] | None:
    for address in look(tree, "backends"):
        entry = look(tree, "backends", address, "basic")
        username, password = entry.get("username"), entry.get("password")
        if origin_of(address) == origin_of(backend_url) and isinstance(username, str) and isinstance(password, str):
            return username, Secret(password)
    return None


def auth_config_path(environ: Mapping[str, str]) -> Path:
    """Return where `auth-config.json` is, or would be."""
    return settings_folder("config", environ) / "auth-config.json"


def refresh_tokens_path(environ: Mapping[str, str]) -> Path:
    """Return where `refresh-tokens.json` is, or would be."""
    return settings_folder("data", environ) / "refresh-tokens.json"


def configured_logins(environ: Mapping[str, str]) -> dict[str, list[str]]:
    """Return what `auth-config.json` has for each back-end, in words and without a secret.

    Raises
    ------
    ConfigurationError
        As `own_clients`.
    """
    return sealed(lambda: _configured_logins(read_file(auth_config_path(environ))))


def _configured_logins(tree: Tree) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for address in look(tree, "backends"):
        basic = look(tree, "backends", address, "basic")
        clients = look(tree, "backends", address, "oidc", "providers")
        password = "with" if basic.get("password") else "without"
        found[address] = [f"user {basic.get('username')}, {password} a password"] if basic else []
        for provider_id in clients:
            client = look(clients, provider_id)
            secret = "with" if client.get("client_secret") else "without"
            found[address].append(f"client {client.get('client_id')} of {provider_id}, {secret} a secret")
    return found


def configured_backends(environ: Mapping[str, str]) -> list[str]:
    """Return the addresses of the back-ends in `auth-config.json`. Raises `ConfigurationError` as `own_clients`."""
    return sorted(sealed(lambda: list(look(read_file(auth_config_path(environ)), "backends"))))


def own_clients(
    environ: Mapping[str, str], backend: Backend, addresses: Iterable[str], trusted_issuers: Collection[str]
) -> dict[str, OwnClient]:
    """Return the clients that `auth-config.json` names for a back-end, by the id of the provider.

    Parameters
    ----------
    environ : mapping
        Usually `os.environ`.
    backend : Backend
    addresses : iterable of str
        By which the back-end is known: as somebody wrote it, and as it says itself.
    trusted_issuers : collection of str
        Issuers that may be sent a secret beside which the file names none.

    Raises
    ------
    ConfigurationError
        The file is damaged, another user's, or open to others.
    """
    return sealed(lambda: _own_clients(read_file(auth_config_path(environ)), backend, addresses, trusted_issuers))


def _own_clients(
    tree: Tree, backend: Backend, addresses: Iterable[str], trusted_issuers: Collection[str]
) -> dict[str, OwnClient]:
    entries: Tree = {}
    for address in addresses:
        entries = look(tree, "backends", address, "oidc", "providers") | entries
    found = {oidc.id: _client_of(look(entries, oidc.id), oidc.issuer, trusted_issuers) for oidc in backend.providers}
    return {provider_id: client for provider_id, client in found.items() if client is not None}


def _client_of(entry: Tree, issuer: str, trusted_issuers: Collection[str]) -> OwnClient | None:
    client_id, secret, said = (entry.get(name) for name in ("client_id", "client_secret", "issuer"))
    is_other = isinstance(said, str) and said.rstrip("/") != issuer
    if not isinstance(client_id, str) or not client_id or is_other:
        return None
    may_know = isinstance(said, str) or issuer in trusted_issuers
    has_secret = isinstance(secret, str) and secret != "" and may_know
    return OwnClient(client_id=client_id, client_secret=Secret(str(secret)) if has_secret else None)


def own_client(environ: Mapping[str, str], provider: Provider, trusted_issuers: Collection[str]) -> OwnClient | None:
    """Return the client that `auth-config.json` names for a provider of a back-end; see `own_clients`."""

    def found() -> OwnClient | None:
        tree, provider_id = read_file(auth_config_path(environ)), provider.bearer_prefix.split("/")[1]
        for address in look(tree, "backends"):
            if origin_of(address) == origin_of(provider.backend_url):
                entry = look(tree, "backends", address, "oidc", "providers", provider_id)
                if client := _client_of(entry, provider.issuer, trusted_issuers):
                    return client
        return None

    return sealed(found)
