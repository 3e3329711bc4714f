"""The live token for fsspec, and so for xarray, zarr, h5netcdf, pandas and all else that reads by it (floor 5).

    xr.open_zarr(ts.fsspec.store("https://services.terrascope.be/….zarr"))
    xr.open_dataset(ts.fsspec.open("https://services.terrascope.be/….nc"), engine="h5netcdf")
    pd.read_csv("terrascope://services.terrascope.be/….csv")

The token is added, renewed and kept to the provider's hosts for each request, also in threads and coroutines. What is
pickled is the provider's name, so dask can send it anywhere; where it is used somebody has to be signed in.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from .. import asking
from ..accounts import account
from ..values.providers import Provider
from . import extra_missing

if TYPE_CHECKING:
    from .fsspec_filesystem import TerrascopeFileSystem

__all__ = ["filesystem", "open", "store"]


def filesystem(provider: str | Provider | None = None, **options: Any) -> TerrascopeFileSystem:
    """Return a file system that is signed in. Signs in first as `session` does.

    Parameters
    ----------
    provider : str or Provider, optional
    **options
        Those of fsspec's `HTTPFileSystem`, such as `asynchronous` or `block_size`.

    Raises
    ------
    LoginRequired
        Nobody is signed in yet.
    ExtraMissing
        fsspec or aiohttp is not installed.
    """
    kind = _library()
    return kind(asking.ready(account(provider)).provider.name, **options)


def open(url: str, mode: str = "rb", provider: str | Provider | None = None, **options: Any) -> Any:
    """Open a file for reading, in pieces as they are asked for; it can be pickled. Signs in first as `session` does.

    Parameters
    ----------
    url : str
        An https address, or the same with ``terrascope://``.
    mode : str
        "rb"; there is no other.
    provider : str or Provider, optional
    **options
        Those of fsspec, such as `block_size` (5 MiB) and `cache_type` ("bytes").

    Returns
    -------
    file object

    Raises
    ------
    LoginRequired
        Nobody is signed in yet.
    FileMissing
        There is no such file; it is a `FileNotFoundError` as well.
    ServerRefused
        The server does not give it.
    ServerUnreachable
        The server has a passing trouble.

    Examples
    --------
    >>> import ipyterrascope as ts, xarray as xr
    >>> xr.open_dataset(ts.fsspec.open("https://services.terrascope.be/….nc"), engine="h5netcdf")    # doctest: +SKIP
    """
    return filesystem(provider).open(url, mode, **options)


def store(url: str, provider: str | Provider | None = None) -> Any:
    """Return a zarr store to read from: for zarr 3 one of its own, for zarr 2 a mapping. Signs in as `session` does.

    Parameters
    ----------
    url : str
        The store's address.
    provider : str or Provider, optional

    Returns
    -------
    zarr.storage.FsspecStore or fsspec.FSMap
        A chunk that is missing is filled, as zarr has it; one that is refused raises.

    Raises
    ------
    LoginRequired
        Nobody is signed in yet.

    Examples
    --------
    >>> import ipyterrascope as ts, xarray as xr
    >>> xr.open_zarr(ts.fsspec.store("https://services.terrascope.be/….zarr"))              # doctest: +SKIP
    """
    if _zarr_version() < 3:
        return filesystem(provider).get_mapper(url)
    from zarr.storage import FsspecStore

    system = filesystem(provider, asynchronous=True)
    return FsspecStore(system, read_only=True, path=str(system._strip_protocol(url)).rstrip("/"))  # pyright: ignore[reportPrivateUsage]


def _library() -> type[TerrascopeFileSystem]:
    try:
        from .fsspec_filesystem import TerrascopeFileSystem
    except ImportError as exc:
        name = str(exc.name).partition(".")[0]
        if name not in ("aiohttp", "fsspec"):
            raise
        missing = extra_missing("geo", "aiohttp 3.12" if name == "aiohttp" else name)
    else:
        return TerrascopeFileSystem
    raise missing


def _zarr_version() -> int:
    try:
        return int(version("zarr").partition(".")[0])
    except PackageNotFoundError:
        return 0
