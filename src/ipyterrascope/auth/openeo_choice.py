"""Which provider of an openEO back-end people sign in at, and as which client (floor 3).

The provider is the one that is asked for, else `OPENEO_AUTH_PROVIDER_ID`, else the only one, else the first; the client
is the one that is asked for, else the one that openEO's own `auth-config.json` names, else the first default client
whose grants hold the wanted way to sign in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..errors import FlowUnavailable, UsageError, quoted
from ..values.hosts import host_entry, is_loopback, origin_of
from ..values.openeo import (
    BASIC_BEARER,
    BASIC_ID,
    CLIENT_GRANT,
    CODE_GRANT,
    DEVICE_GRANTS,
    PASSWORD_GRANT,
    PREFIX,
    REFRESH_GRANT,
    Backend,
    DefaultClient,
    OidcProvider,
)
from ..values.providers import LoginMethod, Provider
from .openeo_settings import OwnClient

_NO_CLIENTS: Mapping[str, OwnClient] = {}
_BASIC_TITLE = "user name and password"
_LONGEST_TITLE = 40
_REGISTRATION = ("register", "registration", "sign-up", "signup", "create-account")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What somebody asks for: a provider of the back-end by its id, a client, a way to sign in; empty for any."""

    provider_id: str = ""
    client_id: str = ""
    method: LoginMethod | None = None


def providers_of(
    backend: Backend, wish: Wish, environ: Mapping[str, str], clients: Mapping[str, OwnClient] = _NO_CLIENTS
) -> list[Provider]:
    """Return the ways to sign in at a back-end, each as a provider; the one to use goes first.

    Parameters
    ----------
    backend : Backend
    wish : Wish
    environ : mapping
        Where `OPENEO_AUTH_PROVIDER_ID` is looked for, and whether a client signs in for itself.
    clients : mapping of str to OwnClient
        Of somebody's own, by the id of the provider.

    Raises
    ------
    UsageError
        There is no provider of the id that was asked for.
    FlowUnavailable
        The back-end offers no such way to sign in, or no client for it.
    """
    wants_basic = wish.method == "basic" or wish.provider_id == BASIC_ID
    named = None if wants_basic else _named(backend, wish, environ)
    others = () if wants_basic or wish.provider_id else (oidc for oidc in backend.providers if oidc is not named)
    offered = ([named] if named else []) + list(others)
    found: list[Provider] = []
    for oidc in offered:
        client, methods = _client_of(oidc, wish, environ, clients.get(oidc.id))
        if methods:
            found.append(_provider(backend, oidc, client, methods))
        elif oidc is named:
            raise _no_client(backend, oidc, wish)
    if backend.offers_basic and wish.method in (None, "basic") and not (wish.provider_id and not wants_basic):
        found.append(_basic_provider(backend))
    if not found:
        raise _no_client(backend, offered[0], wish) if offered else _no_way(backend, wants_basic)
    return found


def is_wished(provider: Provider, backend: Backend, wish: Wish) -> bool:
    """Tell whether a provider is one of the back-end, and of the id and the client that are asked for."""
    is_there = provider.backend_url == backend.url and wish.provider_id in ("", provider.name.partition("#")[2])
    return is_there and wish.client_id in ("", provider.client_id)


def _named(backend: Backend, wish: Wish, environ: Mapping[str, str]) -> OidcProvider | None:
    """Return the provider that is asked for by its id, here or in the environment."""
    by_id = {provider.id: provider for provider in backend.providers}
    if wish.provider_id and wish.provider_id not in by_id:
        known = ", ".join([*by_id, *([BASIC_ID] if backend.offers_basic else [])])
        raise UsageError(
            f"{backend.host} has no provider of that id.",
            f"It has {known or 'none'}.",
            "Give one of these as the provider's id.",
        )
    # an id of the environment that this back-end does not have was meant for another one
    return by_id.get(wish.provider_id or environ.get("OPENEO_AUTH_PROVIDER_ID", "").strip())


def _client_of(
    oidc: OidcProvider, wish: Wish, environ: Mapping[str, str], own: OwnClient | None
) -> tuple[DefaultClient, tuple[LoginMethod, ...]]:
    """Return the client to sign in as, and the ways that it may use; no way where none fits."""
    if wish.method != "token":
        client, methods = _own_or_default(oidc, wish, environ, own)
        return client, (*methods, "token") if methods else ()
    client, methods = _own_or_default(oidc, replace(wish, method=None), environ, own)
    # who has a token needs no client
    return client if methods else DefaultClient(client_id="none", grant_types=()), (*methods, "token")


def _own_or_default(
    oidc: OidcProvider, wish: Wish, environ: Mapping[str, str], own: OwnClient | None
) -> tuple[DefaultClient, tuple[LoginMethod, ...]]:
    if client_id := wish.client_id or (own.client_id if own else ""):
        known = [client for client in oidc.default_clients if client.client_id == client_id]
        # what a client of one's own may do, only the provider knows
        client = known[0] if known else DefaultClient(client_id=client_id, grant_types=())
        methods = _wished((*(_methods_of(client) if known else ("device", "password")), "oidc"), wish)
        if methods or wish.client_id:
            return client, methods
    clients = sorted(oidc.default_clients, key=_preference)
    for client in clients:
        if methods := _wished(_methods_of(client), wish):
            return client, methods
    service = environ.get("OPENEO_AUTH_CLIENT_ID", "").strip()
    if service and environ.get("OPENEO_AUTH_METHOD") == "client_credentials" and wish.method is None:
        return DefaultClient(client_id=service, grant_types=()), ("device",)
    return DefaultClient(client_id="", grant_types=()), ()


def _preference(client: DefaultClient) -> tuple[bool, bool]:
    may_renew = REFRESH_GRANT in client.grant_types
    return "device" not in _methods_of(client), not may_renew


def _methods_of(client: DefaultClient) -> tuple[LoginMethod, ...]:
    methods: list[LoginMethod] = []
    if any(grant in client.grant_types for grant in DEVICE_GRANTS):
        methods.append("device")
    if PASSWORD_GRANT in client.grant_types:
        methods.append("password")
    if CODE_GRANT in client.grant_types and client.redirect_urls:
        methods.append("code")
    return tuple(methods)


def _wished(methods: tuple[LoginMethod, ...], wish: Wish) -> tuple[LoginMethod, ...]:
    return methods if wish.method is None or wish.method in methods else ()


def _provider(
    backend: Backend, oidc: OidcProvider, client: DefaultClient, methods: tuple[LoginMethod, ...]
) -> Provider:
    pages = [link.url for link in oidc.links if link.rel.lower() in _REGISTRATION]
    return Provider(
        name=f"{_name_of(backend)}#{oidc.id}",
        label=f"openEO at {backend.host} ({_title_of(backend, oidc)})",
        issuer=oidc.issuer,
        client_id=client.client_id,
        hosts=frozenset({host_entry(backend.url)}),
        scope=" ".join(sorted({"openid", *oidc.scopes})),
        methods=methods,
        sources=("environment", "stored"),
        registration_url=pages[0] if pages else "",
        backend_url=backend.url,
        bearer_prefix=f"oidc/{oidc.id}/",
        authorization_parameters=oidc.authorization_parameters,
        redirect_uri=_redirect_of(client) if "code" in methods else "",
        links=oidc.links,
    )


def _title_of(backend: Backend, oidc: OidcProvider) -> str:
    """Return what people read of a provider: its title, or its id where another one could be taken for it."""
    title = _shown(oidc.title)
    others = [other for other in backend.providers if other is not oidc]
    taken = [_BASIC_TITLE, *(name for other in others for name in (other.id, _shown(other.title)))]
    return oidc.id if not title or title.casefold() in map(str.casefold, taken) else title


def _shown(title: str) -> str:
    # a back-end may say anything
    return quoted(title, _LONGEST_TITLE)


def _redirect_of(client: DefaultClient) -> str:
    """Return an address on loopback, where nobody listens and so nobody uses up the code; else the first one."""
    return min(client.redirect_urls, key=lambda url: not is_loopback((origin_of(url) or ("", "", 0))[1]))


def _basic_provider(backend: Backend) -> Provider:
    return Provider(
        name=f"{_name_of(backend)}#{BASIC_ID}",
        label=f"openEO at {backend.host} ({_BASIC_TITLE})",
        # the back-end itself says who is who
        issuer=backend.url,
        client_id=BASIC_ID,
        hosts=frozenset({host_entry(backend.url)}),
        methods=("basic",),
        sources=("environment", "stored"),
        backend_url=backend.url,
        bearer_prefix=BASIC_BEARER,
    )


def _name_of(backend: Backend) -> str:
    return f"{PREFIX}{backend.url.removeprefix('https://')}"


def _no_way(backend: Backend, wants_basic: bool) -> FlowUnavailable:
    if wants_basic:
        return FlowUnavailable(
            f"{backend.host} takes no user name and password itself.",
            "It has no /credentials/basic.",
            "Sign in another way.",
        )
    return FlowUnavailable(
        f"{backend.host} offers no way to sign in.", "It lists no provider.", "Tell who runs the back-end."
    )


def _no_client(backend: Backend, oidc: OidcProvider, wish: Wish) -> FlowUnavailable:
    grants = {"password": PASSWORD_GRANT, "code": CODE_GRANT, "oidc": CLIENT_GRANT}
    wanted = grants.get(wish.method or "", DEVICE_GRANTS[0])
    if wish.client_id:
        why = f"Client {wish.client_id} is not said to have the grant {wanted}."
    else:
        clients = "; ".join(
            f"{client.client_id} ({', '.join(client.grant_types) or 'no grant'})" for client in oidc.default_clients
        )
        why = f"No client has the grant {wanted}: {clients or 'there is none at all'}."
    do = "Give the id of a client that has it (client_id, --client-id)."
    return FlowUnavailable(f"{backend.host} lends no client for this sign-in at {oidc.id}.", why, do)
