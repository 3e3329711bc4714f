"""The live token for GDAL, and so for rasterio, rioxarray, odc-stac, stackstac and all else that reads by it (floor 5).

    ts.gdal.enable()                                     once, before or after signing in
    rasterio.open("https://services.terrascope.be/…")    as ever, in any thread, for hours

The token is renewed before it ends, for as long as this is on; so the session does not end for want of use. It goes to
the provider's hosts only, and stays behind where they redirect elsewhere. For that GDAL is told to remember no redirect
to a signed address. A permanent one (301) it remembers whatever it is told (seen from 3.10 to 3.12), and then asks the
new address itself, token and all: only name hosts that do not send their visitors away for good.

rasterio looks for a file's masks and overviews while it holds Python's lock (seen in 1.4.4, with GDAL 3.10). Where
their directories do not stand at the file's beginning, as in a COG they do, two threads read them at the same moment,
and the server answers by an error that is tried again (429, 5xx), each can wait for the other for ever. Read such files
in processes, or open each in one thread first.

Not reached are addresses as ``/vsicurl?…&url=``, WMS, WMTS, STACIT, and hosts that are not written in lower case. With
CPL_CURL_VERBOSE GDAL prints all headers.
"""

from __future__ import annotations

import atexit
import threading
import time
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from urllib.parse import quote

from .. import frontend
from ..accounts import account
from ..auth.account import Account
from ..errors import FlowUnavailable, TerrascopeError, UsageError
from ..threads.forks import renew_in_child
from ..values.providers import Provider
from . import extra_missing
from .gdal_keeper import Keeper
from .gdal_library import LINKED, ImportWatch

__all__ = ["GdalStatus", "disable", "enable", "ensure_fresh", "path", "status"]


class _Keepers(dict[Account, Keeper]):
    """The keepers that there are; `lock` is for who adds, starts or stops one."""

    def after_fork(self) -> None:
        self.lock = threading.RLock()

    def __init__(self) -> None:
        super().__init__()
        self.after_fork()
        renew_in_child(self)


_keepers = _Keepers()


@dataclass(frozen=True, kw_only=True)
class GdalStatus:
    """How GDAL is served with one provider's token at one moment.

    Attributes
    ----------
    is_on : bool
    is_signed_in : bool
        Without a login it is on and waits for one.
    hosts : tuple of str
        Who may see the token.
    libraries : tuple of str
        The libraries that are imported and served.
    unreached : tuple of str
        Those that are imported and cannot be served, or are older than GDAL 3.7: give them the addresses that `path`
        returns.
    expires_at : float, optional
        When the token that GDAL has now ends, in POSIX seconds.
    """

    is_on: bool
    is_signed_in: bool
    hosts: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    unreached: tuple[str, ...] = ()
    expires_at: float | None = None

    def __str__(self) -> str:
        if not self.is_on:
            return "off"
        through = f"through {', '.join(self.libraries)}" if self.libraries else "from the first import of rasterio on"
        parts = [f"on for {', '.join(self.hosts)}, {through}"]
        if self.unreached:
            parts.append(f"not reached: {', '.join(self.unreached)} (use ipyterrascope.gdal.path)")
        if not self.is_signed_in:
            parts.append("waits for a login")
        elif self.expires_at is not None:
            until = time.strftime("%H:%M:%S %Z", time.localtime(self.expires_at))
            parts.append(f"the token in use ends at {until} and is renewed before")
        return "; ".join(parts)

    def __repr__(self) -> str:
        return f"GDAL: {self}."


def enable(provider: str | Provider | None = None) -> GdalStatus:
    """Let GDAL read from a provider's hosts with a live token, from now on and whichever library brings it.

    What lies ready signs in; where nobody is signed in it waits, and serves from the login on. At a logout all is put
    back as it was, until the next login. Options of your own for these hosts go first.

    Parameters
    ----------
    provider : str or Provider, optional

    Returns
    -------
    GdalStatus

    Raises
    ------
    ExtraMissing
        No library that brings GDAL is installed.
    FlowUnavailable
        Visitors of an app share this process, and so would share the login.
    LoginError, ProviderError
        A credential lies ready, and it was refused or not answered.

    Examples
    --------
    >>> import ipyterrascope as ts
    >>> ts.gdal.enable()                                            # doctest: +SKIP
    GDAL: on for services.terrascope.be, through rasterio 1.4.4 (GDAL 3.10.3); the token in use ends at 10:20:31 and …
    >>> import rioxarray
    >>> rioxarray.open_rasterio("https://services.terrascope.be/download/….tif")    # doctest: +SKIP
    """
    chosen = account(provider)
    _check_place()
    if not chosen.is_signed_in:
        chosen.sign_in_silently()
    follow(chosen)
    if chosen.is_signed_in:
        ensure_fresh(chosen.provider)
    return _status_of(chosen)


def follow(chosen: Account) -> None:
    """Serve an account from now on, without asking anybody: at once if it is signed in, else from its next login."""
    _check_place()
    with _keepers.lock:
        keeper = _keepers.get(chosen) or Keeper(chosen)
        for other in _keepers.values():
            if other is not keeper and not set(other.prefixes).isdisjoint(keeper.prefixes):
                other.stop()
        _keepers[chosen] = keeper
        _watch.start()
        keeper.start()


def disable(provider: str | Provider | None = None) -> GdalStatus:
    """Take the token away from GDAL, and leave it as it was found. The login goes on.

    Parameters
    ----------
    provider : str or Provider, optional
    """
    chosen = account(provider)
    with _keepers.lock:
        if chosen in _keepers:
            _keepers[chosen].stop()
        if not any(keeper.is_on for keeper in _keepers.values()):
            _watch.stop()
    return _status_of(chosen)


def ensure_fresh(provider: str | Provider | None = None) -> GdalStatus:
    """Make sure that GDAL's token has time left: a minute, or half of its life where that is less.

    Not needed while all goes well. After a gap, such as a laptop's sleep, it is done within seconds without you; this
    call is for who will not wait, and says why when it cannot be done.

    Parameters
    ----------
    provider : str or Provider, optional

    Raises
    ------
    UsageError
        It is not switched on.
    LoginRequired
        Nobody is signed in.
    ProviderError
        The provider cannot renew the token right now.
    """
    chosen = account(provider)
    keeper = _keepers.get(chosen)
    if keeper is None or not keeper.is_on:
        raise UsageError("GDAL gets no token.", "It is not switched on.", "Call ipyterrascope.gdal.enable().")
    keeper.refresh()
    return _status_of(chosen)


def status(provider: str | Provider | None = None) -> GdalStatus:
    """Tell how GDAL is served.

    Parameters
    ----------
    provider : str or Provider, optional
    """
    return _status_of(account(provider))


def path(url: str, provider: str | Provider | None = None) -> str:
    """Return what GDAL opens for an address: for libraries that cannot be served otherwise, see `status`.

    Parameters
    ----------
    url : str
    provider : str or Provider, optional

    Returns
    -------
    str
        A path that names the file from which GDAL reads the token. It works in this process and its children.
    """
    chosen = account(provider)
    keeper = _keepers.get(chosen)
    if keeper is None or not keeper.is_on or not chosen.provider.may_carry(url):
        return f"/vsicurl/{url}"
    file = quote(keeper.path, safe="/")
    return f"/vsicurl?max_retry=4&retry_delay=0.5&empty_dir=yes&header_file={file}&url={quote(url, safe=':/')}"


def settle(chosen: Account) -> None:
    """See to it that GDAL follows a login, or a logout, of just now: the keeper is told of it by another thread.

    Raises nothing.
    """
    keeper = _keepers.get(chosen)
    if keeper is not None and keeper.is_on:
        try:
            if chosen.is_signed_in:
                keeper.refresh()
            else:
                keeper.follow()
        except (TerrascopeError, OSError):
            return  # the keeper goes on trying


def _status_of(chosen: Account) -> GdalStatus:
    keeper = _keepers.get(chosen)
    hosts = tuple(sorted(chosen.provider.hosts))
    if keeper is None or not keeper.is_on:
        return GdalStatus(is_on=False, is_signed_in=chosen.is_signed_in, hosts=hosts)
    return GdalStatus(
        is_on=True,
        is_signed_in=chosen.is_signed_in,
        hosts=hosts,
        libraries=tuple(keeper.libraries.names),
        unreached=tuple(keeper.libraries.unreached.values()),
        expires_at=keeper.ends_at,
    )


def _check_place() -> None:
    if frontend.visitor_namespace() is not None:
        raise FlowUnavailable(
            "GDAL cannot have a visitor's token.",
            "Visitors of this app share a process, and GDAL's options hold for all of it.",
            "Use ipyterrascope.session() or ipyterrascope.fsspec.",
        )
    if not any(find_spec(name.partition(".")[0]) for name in LINKED):
        raise extra_missing("geo", "rasterio")


def _found(module: ModuleType) -> None:
    for keeper in tuple(_keepers.values()):
        keeper.found(module)


@atexit.register
def _close() -> None:
    for keeper in tuple(_keepers.values()):
        keeper.close()


_watch = ImportWatch(_found)
