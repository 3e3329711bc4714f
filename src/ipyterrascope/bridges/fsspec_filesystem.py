"""The file system of protocol ``terrascope``: fsspec's for HTTP, over our session (floor 5)."""

from __future__ import annotations

from typing import Any, cast

import aiohttp
import fsspec
from fsspec.implementations.http import HTTPFileSystem

from ..accounts import account
from ..errors import ServerRefused, TerrascopeError, UsageError
from ..transfer.answers import refusal
from ..values.hosts import is_loopback, origin_of
from .fsspec_session import sessions

_PREFIX = "terrascope://"
# what of the class beneath would be pickled, or sent to every host
_NOT_TAKEN = ("headers", "auth", "cookies", "client_kwargs", "get_client")


class FileMissing(ServerRefused, FileNotFoundError):
    """The server has no such file. A `FileNotFoundError` too, by which fsspec and zarr know what is not there."""

    __str__ = ServerRefused.__str__


class TerrascopeFileSystem(HTTPFileSystem):
    """Reads by https with the live login of a provider, which goes to the provider's hosts only.

    Pickled, or as JSON, it is the provider's name: whoever reads it uses the login of that name there.

    Parameters
    ----------
    provider : str
        A provider's name.
    **options
        Those of fsspec's `HTTPFileSystem`, such as `block_size` and `asynchronous`; but no headers and no client.

    Examples
    --------
    >>> import fsspec
    >>> fsspec.open("terrascope://services.terrascope.be/download/….tif")                   # doctest: +SKIP
    """

    protocol = "terrascope"
    # several visitors may share this process, and each has accounts of their own
    cachable = False

    def __init__(self, provider: str = "terrascope", **options: Any) -> None:
        refused = [name for name in _NOT_TAKEN if name in options]
        if refused:
            raise UsageError(
                f"The file system takes no {refused[0]}.",
                "It would be sent to every host, and be pickled.",
                "Leave it out: the login is added, and renewed, by itself.",
            )
        self._account = account(provider)
        super().__init__(provider=provider, **options)
        # fsspec hands it on to every request
        self.kwargs.pop("provider", None)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in cast("list[Any]", path)]
        if not isinstance(path, str) or not path.startswith(_PREFIX):
            return path
        rest = path.removeprefix(_PREFIX)
        if rest.startswith(("https://", "http://")):
            return rest
        origin = origin_of(f"http://{rest}")
        return f"{'http' if origin and is_loopback(origin[1]) else 'https'}://{rest}"

    def unstrip_protocol(self, name: str) -> str:
        """Return an address as ``terrascope://…``."""
        return f"{_PREFIX}{str(self._strip_protocol(name)).partition('://')[2]}"

    def encode_url(self, url: Any) -> Any:
        """Return what is asked for a path."""
        return super().encode_url(self._strip_protocol(url))

    async def set_session(self) -> aiohttp.ClientSession:
        """Return the session of the running loop."""
        return await sessions.get(self._account)

    def _raise_not_found_for_status(self, response: aiohttp.ClientResponse, url: Any) -> None:
        if response.status in (404, 410):
            raise _missing(response.status, str(self._strip_protocol(url)))
        response.raise_for_status()

    async def _info(self, url: Any, **kwargs: Any) -> dict[str, Any]:
        try:
            return cast("dict[str, Any]", await super()._info(url, **kwargs))
        except FileNotFoundError as exc:
            # fsspec says so of whatever went wrong
            cause = exc.__cause__ or exc
        if isinstance(cause, aiohttp.ClientResponseError) and cause.status in (404, 410):
            cause = _missing(cause.status, str(self._strip_protocol(url)))
        raise cause

    async def _exists(self, path: Any, strict: bool = True, **kwargs: Any) -> bool:
        # what was refused, or not answered, is not missing
        return cast("bool", await super()._exists(path, strict=strict, **kwargs))


def _missing(status: int, url: str) -> TerrascopeError:
    told = refusal(status, url)
    return FileMissing(told.what, told.why, told.do, status=status)


cast("Any", fsspec).register_implementation("terrascope", TerrascopeFileSystem, clobber=True)
