"""A connection of openEO's own client whose bearer is always live (floor 5; openEO API 1.2).

    con = ts.openeo_connection("openeo.terrascope.be")
    con.load_collection("SENTINEL2_L2A") …

It is a real `openeo.Connection`: jobs, services and `MultiBackendJobManager` work through it for as long as the login
lasts, however often its token changes meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import asking
from ..accounts import providers
from ..auth.openeo_choice import Wish
from ..values.openeo import PREFIX
from . import extra_missing

if TYPE_CHECKING:
    from openeo.rest.connection import Connection

__all__ = ["openeo_connection"]


def openeo_connection(
    url: str | None = None, *, provider_id: str = "", client_id: str = "", **options: Any
) -> Connection:
    """Connect to an openEO back-end with the login of this kernel.

    What lies ready signs in, and at a terminal the person is asked, as by `login`.

    Parameters
    ----------
    url : str, optional
        Address of the back-end. Unless given: `c.Terrascope.openeo_backend`, else what openEO's own
        ``openeo-client-config.ini`` says, with its way to sign in (`auto_authenticate`).
    provider_id, client_id : str
        Which of its providers, by its id there, and a client of your own.
    **options
        As `openeo.Connection` takes them: `default_timeout`, `auto_validate`, `retry` …

    Returns
    -------
    openeo.Connection

    Raises
    ------
    ExtraMissing
        The openEO client is not installed.
    LoginRequired
        Nobody is signed in at that back-end yet.
    UsageError, FlowUnavailable, ProviderError
        As for `login`.

    Examples
    --------
    >>> import ipyterrascope as ts
    >>> con = ts.openeo_connection("openeo.terrascope.be")    # doctest: +SKIP
    >>> con.describe_account()["user_id"]                     # doctest: +SKIP
    'dora'
    """
    try:
        from .openeo_live import LiveConnection
    except ImportError:
        missing = extra_missing("openeo", "The openEO client")
    else:
        wish = Wish(provider_id=provider_id, client_id=client_id)
        account = providers.of_backend(f"{PREFIX}{(url or '').removeprefix(PREFIX)}", wish)[0]
        return LiveConnection(asking.ready(account), **options)
    raise missing
