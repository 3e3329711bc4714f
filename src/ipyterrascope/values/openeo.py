"""What an openEO back-end says of itself and of the ways to sign in there: data, frozen (floor 1; openEO API 1.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass

PREFIX = "openeo:"
"""What the name of a provider begins with where a back-end was asked for it."""

DEVICE_GRANTS = (
    "urn:ietf:params:oauth:grant-type:device_code+pkce",
    "urn:ietf:params:oauth:grant-type:device_code",
)
CODE_GRANT = "authorization_code+pkce"
REFRESH_GRANT = "refresh_token"
CLIENT_GRANT = "client_credentials"
PASSWORD_GRANT = "password"  # noqa: S105 - the RFC's word for it

BASIC_BEARER = "basic//"
"""What stands before a token that a back-end gave for a user name and password."""
BASIC_ID = "basic"
"""The id by which a person asks for that way to sign in; no provider of a back-end goes by it."""

# by which a request for authorization says who asks, for what, and where the answer goes (OAuth Parameters registry)
_PROTOCOL_FIELDS = {
    "access_token", "actor_token", "assertion", "client_assertion", "client_assertion_type", "client_id",
    "client_secret", "code", "code_challenge", "code_challenge_method", "code_verifier", "device_code", "grant_type",
    "id_token", "nonce", "password", "redirect_uri", "refresh_token", "request", "request_uri", "response_mode",
    "response_type", "scope", "state", "subject_token", "token", "totp", "user_code", "username",
}  # fmt: skip


def is_free_parameter(name: str) -> bool:
    """Tell whether a parameter may be added to a request for authorization: it must be no field of the protocol."""
    return re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name) is not None and name.lower() not in _PROTOCOL_FIELDS


@dataclass(frozen=True, kw_only=True)
class PageLink:
    """A page for people that belongs to a provider.

    `rel` says what it is for, such as ``register`` or ``help``; `title` is what people read.
    """

    rel: str
    url: str
    title: str


@dataclass(frozen=True, kw_only=True)
class DefaultClient:
    """A public client that a back-end lends to whoever has none of their own, and the grants that it may use.

    `redirect_urls` are where its provider may lead a browser after a sign-in.
    """

    client_id: str
    grant_types: tuple[str, ...]
    redirect_urls: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OidcProvider:
    """One of the providers of ``/credentials/oidc``.

    `authorization_parameters` are pairs that go with a request for authorization; none is a field of the protocol.
    """

    id: str
    issuer: str
    title: str = ""
    scopes: tuple[str, ...] = ()
    default_clients: tuple[DefaultClient, ...] = ()
    authorization_parameters: tuple[tuple[str, str], ...] = ()
    links: tuple[PageLink, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A back-end: the address of its API, and the ways to sign in that it offers.

    Attributes
    ----------
    url : str
        The root of the API as ``/.well-known/openeo`` tells it, without a slash at its end.
    host : str
        What people are shown: the host, and the port where that is not the usual one.
    providers : tuple of OidcProvider
        In the back-end's order.
    offers_basic : bool
        Whether ``/credentials/basic`` gives a token for a user name and password.
    """

    url: str
    host: str
    providers: tuple[OidcProvider, ...] = ()
    offers_basic: bool = False
