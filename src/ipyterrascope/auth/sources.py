"""The silent sources of an account: which there are, in which order, and for whom what they find is meant (floor 3).

Every credential that lies ready is bound to the issuer, the client and the hosts that are configured: a `Provider` made
in a notebook gets none of them, and so cannot send one elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast, get_args

from ..configuration import Configuration
from ..values.known import KNOWN_ISSUERS
from ..values.providers import LoginMethod, Provider, SilentName
from ..values.states import Source
from .chain import SilentSource, WhyNot
from .environment import environment_source
from .hub import hub_source
from .login_store import LoginStore
from .netrc import netrc_source
from .openeo_environment import openeo_environment_source, openeo_password_source
from .shelves import FileShelf, KeyringShelf, logins_folder
from .stored import stored_source
from .stored_login import key_of
from .token_file import token_file_source

Make = Callable[[Configuration, Mapping[str, str]], SilentSource]


def store_of(provider: Provider, configuration: Configuration, *, is_app: bool = False) -> LoginStore | WhyNot:
    """Return where the logins of `provider` are kept, or why they cannot be."""
    reason = _why_none(provider, configuration, is_app)
    if reason:
        return WhyNot(reason)
    if "stored" not in provider.sources:
        return WhyNot(f"No login at {provider.label} is kept.")
    if "stored" not in ways_of(provider, configuration):
        return WhyNot("The ways to sign in, c.Terrascope.sources, do not name a stored login.")
    if configuration.store == "none":
        return WhyNot('The store of logins (c.Terrascope.store, TERRASCOPE_STORE) is "none".')
    folder, key = logins_folder(), key_of(provider)
    shelf = FileShelf(folder, key) if configuration.store == "file" else KeyringShelf(key, folder)
    return LoginStore(provider, shelf, folder / f"{key}.lock")


_MAKERS: dict[SilentName, Make] = {
    "netrc": lambda _configuration, environ: netrc_source(environ),
    "token_file": lambda configuration, environ: token_file_source(
        configuration.token_file, may_be_shared=configuration.token_file_may_be_shared
    ),
    "hub": lambda configuration, environ: hub_source(environ, connection=configuration.connection),
}
"""How each other source is made, from what is configured and from the environment."""


def is_meant_for(provider: Provider, configured: Provider) -> bool:
    """Tell whether a credential of `configured` may serve `provider`: same issuer and client, and no host more."""
    same = (provider.issuer, provider.client_id) == (configured.issuer, configured.client_id)
    # endpoints of its own are where a password would go while discovery fails
    return same and provider.hosts <= configured.hosts and provider.endpoints in (None, configured.endpoints)


def ways_of(provider: Provider, configuration: Configuration) -> tuple[Source, ...]:
    """Return the ways to sign in at `provider`, in the order in which they are tried."""
    chosen = configuration.sources if is_meant_for(provider, configuration.terrascope) else ()
    return tuple(way for way in chosen if way in provider.ways) if chosen else provider.ways


def methods_of(ways: tuple[Source, ...]) -> tuple[LoginMethod, ...]:
    """Return those of `ways` that ask a person."""
    return cast("tuple[LoginMethod, ...]", tuple(way for way in ways if way in get_args(LoginMethod)))


def silent_sources(
    provider: Provider, configuration: Configuration, environ: Mapping[str, str], *, is_app: bool = False
) -> list[SilentSource]:
    """Return the sources of `provider`, the first to be asked first.

    Parameters
    ----------
    provider : Provider
    configuration : Configuration
    environ : mapping
        Usually `os.environ`.
    is_app : bool
        True where visitors use this kernel, who must not inherit what lies ready for its owner.
    """
    ways = ways_of(provider, configuration)
    store = store_of(provider, configuration, is_app=is_app)
    makers: dict[SilentName, Make] = {
        **_MAKERS,
        "environment": lambda configuration, environ: environment_source(configuration.own(provider), environ),
        "stored": lambda _configuration, _environ: stored_source(store),
    }
    if provider.backend_url:
        makers["environment"] = lambda configuration, environ: (
            openeo_password_source(environ)
            if provider.is_basic
            else openeo_environment_source(environ, trusted_issuers(configuration), store)
        )
    # the order is that of `ways`
    names: list[SilentName] = sorted((name for name in makers if name in ways), key=ways.index)
    reason = _why_none(provider, configuration, is_app)
    if reason:
        return [SilentSource(name, lambda _: WhyNot(reason)) for name in names]
    return [makers[name](configuration, environ) for name in names]


def trusted_issuers(configuration: Configuration) -> frozenset[str]:
    """Return the issuers that may be sent a client's secret although only a back-end names them."""
    said = {configuration.terrascope.issuer, *configuration.openeo_issuers}
    return KNOWN_ISSUERS | {issuer.rstrip("/") for issuer in said}


def _why_none(provider: Provider, configuration: Configuration, is_app: bool) -> str:
    # what is stored for a back-end is bound to its origin, issuer and client
    is_backend = bool(provider.backend_url) and provider.endpoints is None
    if not (is_backend or is_meant_for(provider, configuration.own(provider))):
        return "What lies ready serves only the configured issuer, client and hosts."
    if configuration.use_silent_sources is False:
        return "c.Terrascope.use_silent_sources is off."
    if is_app and configuration.use_silent_sources is None:
        return "What lies ready does not serve the visitors of an app."
    return ""
