"""The environment as a source for openEO back-ends, by the names that openEO's own client reads (floor 3).

`OPENEO_AUTH_METHOD=client_credentials` with `OPENEO_AUTH_CLIENT_ID` and `OPENEO_AUTH_CLIENT_SECRET`, or, where neither
is set, with the client that openEO's own `auth-config.json` names. A back-end chooses the issuer that gets the secret,
so it has to be one that is trusted: built in, configured, or one at which a person signed in for that back-end before
and chose to stay so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..errors import ConfigurationError
from ..values.providers import Provider
from ..values.secret import Secret
from .chain import Found, GivenClient, GivenPassword, SilentSource, WhyNot
from .login_store import LoginStore
from .openeo_settings import basic_password, own_client
from .stored_login import StoreTroubleError

_NAMES = ("OPENEO_AUTH_CLIENT_ID", "OPENEO_AUTH_CLIENT_SECRET")


def openeo_environment_source(
    environ: Mapping[str, str], trusted_issuers: Collection[str], store: LoginStore | WhyNot
) -> SilentSource:
    """Make the source.

    Parameters
    ----------
    environ : mapping
        Usually `os.environ`.
    trusted_issuers : collection of str
        Issuers that may be sent a secret.
    store : LoginStore or WhyNot
        Where a login of a person is kept, which says that the issuer was confirmed for this back-end.
    """

    def find(provider: Provider) -> Found:
        method = environ.get("OPENEO_AUTH_METHOD", "").strip()
        if not method:
            return WhyNot("OPENEO_AUTH_METHOD is not set.")
        if method != "client_credentials":
            return WhyNot("OPENEO_AUTH_METHOD says something else than client_credentials.", is_fault=True)
        if not any(environ.get(name) for name in _NAMES):
            return _by_auth_config(environ, provider, trusted_issuers)
        client_id, secret = (environ.get(name, "") for name in _NAMES)
        for name, value in zip(_NAMES, (client_id.strip(), secret), strict=True):
            if not value:
                return WhyNot(f"{name} is not set.", is_fault=True)
        if provider.issuer not in trusted_issuers and not _is_confirmed(store):
            return WhyNot(
                f"The client's secret is not sent to {provider.issuer_host}, which the back-end names and nobody here "
                "confirmed: add its issuer to c.Terrascope.openeo_issuers (TERRASCOPE_OPENEO_ISSUERS).",
                is_fault=True,
            )
        return GivenClient(client_id.strip(), Secret(secret), " and ".join(_NAMES))

    return SilentSource("environment", find)


def _by_auth_config(environ: Mapping[str, str], provider: Provider, trusted_issuers: Collection[str]) -> Found:
    try:
        own = own_client(environ, provider, trusted_issuers)
    except ConfigurationError as exc:
        return WhyNot(str(exc), is_fault=True)
    if own is None or own.client_secret is None:
        return WhyNot(f"Neither {_NAMES[0]} is set, nor has openEO's auth-config.json a secret for it.", is_fault=True)
    return GivenClient(own.client_id, own.client_secret, "openEO's auth-config.json")


def openeo_password_source(environ: Mapping[str, str]) -> SilentSource:
    """Make the source of a back-end that takes user name and password itself: openEO's own `auth-config.json`."""

    def find(provider: Provider) -> Found:
        try:
            found = basic_password(environ, provider.backend_url)
        except ConfigurationError as exc:
            return WhyNot(str(exc), is_fault=True)
        if found is None:
            return WhyNot("openEO's auth-config.json has no password for this back-end.")
        return GivenPassword(*found, "openEO's auth-config.json")

    return SilentSource("environment", find)


def _is_confirmed(store: LoginStore | WhyNot) -> bool:
    if isinstance(store, WhyNot):
        return False
    try:
        return store.covers(store.look())
    except StoreTroubleError:
        return False
