"""The live login at Earthdata Login for earthaccess (floor 5).

    ts.earthaccess_auth()
    granules = earthaccess.search_data(short_name="ATL06", count=2)
    earthaccess.download(granules, "data"); earthaccess.open(granules)

It stands in the place of `earthaccess.login()`, which asks for the password again, keeps it, and sends the token along
to every host that it asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import asking
from ..accounts import account
from ..errors import UsageError
from ..values.providers import Provider
from . import library_missing

if TYPE_CHECKING:
    from earthaccess import Auth

__all__ = ["earthaccess_auth"]


def earthaccess_auth(provider: str | Provider = "earthdata") -> Auth:
    """Have earthaccess use the login of this kernel from now on. Signs in first as `session` does.

    `earthaccess.virtualize` is the exception: it puts the token of that moment into a header for whatever https host a
    granule names, Earthdata's or not, and never renews it. Open the granules instead, as by
    ``xarray.open_mfdataset(earthaccess.open(granules))``, which signs for Earthdata's hosts alone.

    Parameters
    ----------
    provider : str or Provider
        "earthdata", or "earthdata-uat" for the test system.

    Returns
    -------
    earthaccess.Auth
        The one of the module, for what takes one as an argument. Its sessions sign each request as it leaves, for
        Earthdata's hosts only. Pickled, it is the provider's name.

    Raises
    ------
    ExtraMissing
        earthaccess is not installed.
    LoginRequired
        Nobody is signed in yet.
    UsageError
        The provider is not Earthdata Login.

    Examples
    --------
    >>> import earthaccess, ipyterrascope as ts                                    # doctest: +SKIP
    >>> ts.earthaccess_auth()                                                      # doctest: +SKIP
    >>> earthaccess.download("https://data.nsidc.earthdatacloud.nasa.gov/….h5")    # doctest: +SKIP
    """
    try:
        from .earthaccess_live import LiveAuth, hand_over
    except ImportError as exc:
        if str(exc.name).partition(".")[0] != "earthaccess":
            raise
        missing = library_missing("earthaccess")
    else:
        chosen = account(provider)
        if not chosen.provider.is_earthdata:
            raise UsageError(
                f"{chosen.provider.label} is not Earthdata Login.", "earthaccess knows no other.", "Leave it out."
            )
        auth = LiveAuth(asking.ready(chosen))
        hand_over(auth)
        return auth
    raise missing
