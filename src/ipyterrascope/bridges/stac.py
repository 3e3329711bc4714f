"""Terrascope's catalogue by pystac-client, over our session (floor 5; STAC API 1.0).

    items = ts.stac.open().search(collections=["terrascope-s2-toc-v2"], bbox=[5.0, 51.1, 5.2, 51.3], max_items=2)
    ts.download(items, "data", assets="B02")

The catalogue is open to everybody, and refuses even what is public to who shows it a token that has ended: so it is
asked without a login, and no page of it, wherever its links lead, ever meets a credential.

    await stac_asset.download_item(item, "data", clients=ts.stac.asset_clients())

Files want a login: stac-asset gets clients whose requests carry the live one, to the provider's hosts only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from urllib3.util import Retry

from .. import asking
from ..accounts import account
from ..configuration import current
from ..errors import ConfigurationError, ServerRefused, UsageError
from ..protocol.bodies import CODINGS, HeadWithin, TooSlow, read_body_within
from ..session import AuthorizedSession
from ..transfer.names import host_of, size_text
from ..transfer.sources import catalogue_failed
from ..values.connection import Connection
from ..values.providers import Provider
from ..values.redirects import may_redirect
from . import extra_missing, library_missing

if TYPE_CHECKING:
    from pystac_client import Client
    from requests import PreparedRequest, Response
    from stac_asset import Client as AssetClient

__all__ = ["asset_clients", "open"]

_RETRIED = (408, 429, 502, 503, 504)
_MOST_BYTES, _MOST_S = 64 << 20, 300.0
"""Of one page: a thousand items of a dozen assets have some 10 MB."""


def open(provider: str | Provider | None = None) -> Client:
    """Open the catalogue of a provider. Nobody has to be signed in.

    Parameters
    ----------
    provider : str or Provider, optional
        Terrascope unless given.

    Returns
    -------
    pystac_client.Client
        Its searches can be downloaded as they are.

    Raises
    ------
    ExtraMissing
        pystac-client is not installed.
    ConfigurationError
        The provider has no catalogue.
    UsageError
        There is no provider of that name.
    TransferError
        The catalogue did not answer.

    Examples
    --------
    >>> import ipyterrascope as ts
    >>> items = ts.stac.open().search(collections=["terrascope-s2-toc-v2"], max_items=2)    # doctest: +SKIP
    """
    configuration = current()
    client, io = _library()
    chosen = _provider(provider, configuration.terrascope)
    if not chosen.stac_url:
        raise ConfigurationError(
            f"No catalogue of {chosen.label} is known.",
            "Its stac_url is empty.",
            "Set c.Terrascope.stac_url or TERRASCOPE_STAC_URL, or give the provider one.",
        )
    connection = configuration.connection
    api = io(timeout=connection.timeout)
    api.session = _CatalogueSession(chosen.stac_url, connection)
    try:
        return client.open(chosen.stac_url, stac_io=api)
    except Exception as error:  # noqa: BLE001 - what it raises is no part of what it promises
        problem = catalogue_failed(error)
    raise problem


def asset_clients(provider: str | Provider | None = None) -> list[AssetClient]:
    """Return clients for stac-asset that are signed in, for one call of it or many. Signs in first as `session` does.

    At most `c.Terrascope.max_connections` files are fetched at once, whatever `max_concurrent_downloads` allows.

    Parameters
    ----------
    provider : str or Provider, optional
        Terrascope unless given. What other hosts have is fetched too, without a login.

    Returns
    -------
    list of stac_asset.Client
        The one for http and https, for the argument `clients`; it takes no `http_…` of a `stac_asset.Config`.

    Raises
    ------
    ExtraMissing
        stac-asset is not installed.
    LoginRequired
        Nobody is signed in yet.

    Examples
    --------
    >>> import ipyterrascope as ts, stac_asset
    >>> await stac_asset.download_item(item, "data", clients=ts.stac.asset_clients())       # doctest: +SKIP
    """
    try:
        from . import stac_assets
    except ImportError as exc:
        if str(exc.name).partition(".")[0] not in ("stac_asset", "aiohttp", "aiohttp_retry"):
            raise
        missing = library_missing("stac-asset")
    else:
        return [stac_assets.client(asking.ready(account(provider)), current().max_connections)]
    raise missing


def _library() -> tuple[Any, Any]:
    try:
        from pystac_client import Client
        from pystac_client.stac_api_io import StacApiIO
    except ImportError:
        raise extra_missing("geo", "pystac-client") from None
    return Client, StacApiIO


def _provider(provider: str | Provider | None, terrascope: Provider) -> Provider:
    if isinstance(provider, Provider):
        return provider
    if provider not in (None, terrascope.name):
        raise UsageError(
            "There is no catalogue of that name.", f"Known by name: {terrascope.name}.", "Give a Provider."
        )
    return terrascope


def _retries() -> Retry:
    # a search by POST changes nothing; what is left after the last try is answered by pystac-client
    return Retry(total=3, backoff_factor=0.5, status_forcelist=_RETRIED, allowed_methods=None, raise_on_status=False)


class _Nobody:
    """Is signed in nowhere."""

    def headers(self, url: str) -> Mapping[str, str]:
        return {}

    def refused(self, url: str, headers: Mapping[str, str]) -> bool:
        return False


class _CatalogueSession(AuthorizedSession):
    """A session without a login that asks only where the catalogue itself might lead by a redirect."""

    def __init__(self, catalogue_url: str, connection: Connection) -> None:
        super().__init__(_Nobody(), connection=connection)
        self._catalogue_url = catalogue_url
        self._bundle = connection.verify
        self.headers.update({"Accept": "application/geo+json, application/json", "Accept-Encoding": CODINGS})
        for scheme in ("http://", "https://"):
            self.mount(scheme, HeadWithin(_MOST_S, max_retries=_retries()))

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        """Send a request of pystac-client, which says True where it means: as the session has it."""
        # the links of a page, `next` among them, are whatever who wrote it wanted
        if not may_redirect(self._catalogue_url, str(request.url)):
            raise ServerRefused(
                f"The catalogue leads to {host_of(str(request.url))}, which is not safe to ask.",
                "It is not encrypted, or leads into this machine or its network.",
                "Tell who keeps the catalogue.",
            )
        if self._bundle:
            kwargs["verify"] = self._bundle
        try:
            response = super().send(request, **{**kwargs, "stream": True})
        except TooSlow:
            raise _endless(str(request.url)) from None
        # that of the last hop is there already
        if response._content is False:  # pyright: ignore[reportPrivateUsage]
            try:
                response._content = read_body_within(response, _MOST_BYTES, _MOST_S)  # pyright: ignore[reportPrivateUsage]
            except ValueError:
                response.close()
                raise _endless(str(request.url)) from None
        return response


def _endless(url: str) -> ServerRefused:
    return ServerRefused(
        f"The catalogue's answer is too much ({host_of(url)}).",
        f"It has more than {size_text(_MOST_BYTES)}, takes more than {_MOST_S / 60:.0f} minutes, or is packed oddly.",
        "Let the search ask for fewer items at once (`limit=100`), or tell who keeps the catalogue.",
    )
