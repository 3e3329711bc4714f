"""What was configured for this kernel, by traits or by the environment (floor 1: values only, so it costs nothing)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal, get_args

from .errors import ConfigurationError
from .values.connection import Connection
from .values.known import EARTHDATA, EARTHDATA_UAT, terrascope_from_environment
from .values.providers import Provider
from .values.states import Source

StoreKind = Literal["none", "file", "keyring"]
STORE_KINDS: tuple[StoreKind, ...] = get_args(StoreKind)


def _from_environment() -> Provider:
    return terrascope_from_environment(os.environ)


def token_file_from_environment() -> str:
    """Return the path that `TERRASCOPE_TOKEN_FILE` names; empty where it names none."""
    return os.environ.get("TERRASCOPE_TOKEN_FILE", "").strip()


def openeo_issuers_from_environment() -> tuple[str, ...]:
    """Return the issuers that `TERRASCOPE_OPENEO_ISSUERS` names, comma-separated."""
    said = os.environ.get("TERRASCOPE_OPENEO_ISSUERS", "").split(",")
    return tuple(issuer.strip() for issuer in said if issuer.strip())


def store_from_environment() -> StoreKind:
    """Return what `TERRASCOPE_STORE` says; "file" where it says nothing.

    Raises
    ------
    ConfigurationError
        It says something else than "none", "file" or "keyring".
    """
    said = os.environ.get("TERRASCOPE_STORE", "").strip() or "file"
    for kind in STORE_KINDS:
        if said == kind:
            return kind
    raise ConfigurationError(
        "TERRASCOPE_STORE cannot be right.", "It names no store that there is.", f"Use {', '.join(STORE_KINDS)}."
    )


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What accounts are made from.

    Parameters
    ----------
    terrascope : Provider
        The provider of that name; the environment's credentials are meant for it.
    beside : tuple of Provider
        What else is known by name, each with an environment of its own.
    connection : Connection
        CA bundle and time-outs.
    keep_alive_s : float
        Seconds since the last use for which an idle session is renewed.
    sources : tuple of str
        The ways to sign in at `terrascope`, in the order in which they are tried; empty for the provider's own. Those
        that ask nobody always go first.
    token_file : str
        Path of a file that holds a token which somebody else keeps fresh; empty where there is none.
    token_file_may_be_shared : bool
        Whether that file may be another user's, or readable by others.
    store : {"none", "file", "keyring"}
        Where a login is kept that a person wants to outlive the kernel; no other is kept.
    use_silent_sources : bool, optional
        Whether a credential that lies ready (in the environment) signs in without a question. None: yes, except in an
        app such as Voilà, whose visitors must not inherit the owner's login.
    max_connections : int
        How many connections a download has at once at most.
    local_roots : tuple of str
        The folders of this machine under which a catalogue may name files.
    openeo_backend : str
        Address of the openEO back-end that is meant where none is named; empty for what openEO's own settings say.
    openeo_issuers : tuple of str
        Issuers that may be sent the `OPENEO_AUTH_CLIENT_SECRET` beside those that are built in.
    """

    terrascope: Provider = field(default_factory=_from_environment)
    beside: tuple[Provider, ...] = (EARTHDATA, EARTHDATA_UAT)
    connection: Connection = field(default_factory=Connection)
    keep_alive_s: float = 0.0
    sources: tuple[Source, ...] = ()
    token_file: str = field(default_factory=token_file_from_environment)
    token_file_may_be_shared: bool = False
    store: StoreKind = field(default_factory=store_from_environment)
    use_silent_sources: bool | None = None
    max_connections: int = 8
    local_roots: tuple[str, ...] = ("/data/MTDA",)
    openeo_backend: str = ""
    openeo_issuers: tuple[str, ...] = field(default_factory=openeo_issuers_from_environment)

    def own(self, provider: Provider) -> Provider:
        """Return the configured provider of the same name, else Terrascope: whose credentials may serve `provider`."""
        return next((known for known in self.beside if known.name == provider.name), self.terrascope)


_configured: Configuration | None = None


def configure(configuration: Configuration | None) -> None:
    """Let `configuration` hold from now on; None goes back to what the environment says."""
    global _configured
    _configured = configuration


def current() -> Configuration:
    """Return the configuration that holds now.

    Raises
    ------
    ConfigurationError
        When the environment's `TERRASCOPE_ISSUER`, `_CLIENT_ID` or `_HOSTS` cannot be right.
    """
    return _configured or Configuration()
