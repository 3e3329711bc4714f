"""The providers that are built in, and what the environment changes of them (floor 1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from .hosts import host_entry
from .openeo import PageLink
from .providers import Endpoints, Provider

_REALM = "https://sso.terrascope.be/auth/realms/terrascope"

TERRASCOPE = Provider(
    name="terrascope",
    label="Terrascope",
    issuer=_REALM,
    client_id="public",
    hosts=frozenset({"services.terrascope.be"}),
    methods=("device", "password", "basic", "token"),
    endpoints=Endpoints(
        token_endpoint=f"{_REALM}/protocol/openid-connect/token",
        device_authorization_endpoint=f"{_REALM}/protocol/openid-connect/auth/device",
        revocation_endpoint=f"{_REALM}/protocol/openid-connect/revoke",
        end_session_endpoint=f"{_REALM}/protocol/openid-connect/logout",
    ),
    stac_url="https://stac.terrascope.be",
    registration_url="https://terrascope.be/en/sign-up",
    account_url=f"{_REALM}/account/",
    password_reset_url=f"{_REALM}/login-actions/reset-credentials",
)


def earthdata_at(
    issuer: str, hosts: Iterable[str], *, name: str = "earthdata", label: str = "Earthdata Login"
) -> Provider:
    """Return an Earthdata Login at an address; `hosts` see its tokens beside itself.

    Each other data centre leads to the login, and never sees one.
    """
    return Provider(
        name=name,
        label=label,
        issuer=issuer,
        client_id="user-token",
        hosts=frozenset({host_entry(issuer), *hosts}),
        endpoints=Endpoints(token_endpoint=f"{issuer}/oauth/token", authorization_endpoint=f"{issuer}/oauth/authorize"),
        methods=("token", "password"),
        sources=("environment", "netrc"),
        registration_url=f"{issuer}/users/new",
        account_url=f"{issuer}/profile",
        password_reset_url=f"{issuer}/reset_passwords/new",
        links=(PageLink(rel="token", url=f"{issuer}/profile", title="Make a user token"),),
        is_earthdata=True,
    )


EARTHDATA = earthdata_at(
    "https://urs.earthdata.nasa.gov",
    [
        "archive.podaac.earthdata.nasa.gov",
        "cmr.earthdata.nasa.gov",
        "cumulus.asf.alaska.edu",
        "data.asdc.earthdata.nasa.gov",
        "data.gesdisc.earthdata.nasa.gov",
        "data.ghrc.earthdata.nasa.gov",
        "data.laadsdaac.earthdatacloud.nasa.gov",
        "data.lpdaac.earthdatacloud.nasa.gov",
        "data.nsidc.earthdatacloud.nasa.gov",
        "data.ornldaac.earthdata.nasa.gov",
        "ladsweb.modaps.eosdis.nasa.gov",
        "obdaac-tea.earthdatacloud.nasa.gov",
        "opendap.earthdata.nasa.gov",
        "sentinel1.asf.alaska.edu",
    ],
)
EARTHDATA_UAT = earthdata_at(
    "https://uat.urs.earthdata.nasa.gov",
    ["cmr.uat.earthdata.nasa.gov"],
    name="earthdata-uat",
    label="Earthdata Login (test system)",
)
KNOWN_BACKENDS = ("openeo.terrascope.be", "openeo.dataspace.copernicus.eu")
"""Addresses of openEO back-ends that Tab offers."""

KNOWN_ISSUERS = frozenset(
    {
        TERRASCOPE.issuer,
        "https://aai.egi.eu/auth/realms/egi",
        "https://identity.dataspace.copernicus.eu/auth/realms/CDSE",
    }
)
"""Issuers that may be sent a client's secret from the environment when an openEO back-end names them."""

_UNKNOWN: dict[str, object] = {
    "endpoints": None, "hosts": (), "stac_url": "", "registration_url": "", "account_url": "", "password_reset_url": "",
}  # fmt: skip


def reconfigured(provider: Provider, **changes: object) -> Provider:
    """Return `provider` with `changes`. Another issuer keeps nothing of the old one's endpoints, pages and hosts.

    A host that is not named anew gets no token of the other issuer: it was never meant for it.
    """
    known = {name: value for name, value in changes.items() if value}
    if str(known.get("issuer", provider.issuer)).rstrip("/") != provider.issuer:
        known = {**_UNKNOWN, **known}
    return replace(provider, **known) if known else provider  # pyright: ignore[reportArgumentType]


def terrascope_from_environment(environ: Mapping[str, str]) -> Provider:
    """Return Terrascope as the environment says.

    `TERRASCOPE_ISSUER`, `TERRASCOPE_CLIENT_ID`, `TERRASCOPE_HOSTS` (comma-separated), `TERRASCOPE_STAC_URL`. Beside a
    `TERRASCOPE_CLIENT_SECRET` the client is a confidential one that signs in for itself, not the one of people.

    Raises
    ------
    ConfigurationError
        When one of them cannot be right.
    """
    hosts = frozenset(host.strip() for host in environ.get("TERRASCOPE_HOSTS", "").split(",") if host.strip())
    return reconfigured(
        TERRASCOPE,
        issuer=environ.get("TERRASCOPE_ISSUER", "").strip().rstrip("/"),
        client_id="" if environ.get("TERRASCOPE_CLIENT_SECRET") else environ.get("TERRASCOPE_CLIENT_ID", "").strip(),
        hosts=hosts,
        stac_url=environ.get("TERRASCOPE_STAC_URL", "").strip(),
    )
