"""The live token for the workers of a Dask cluster (floor 5).

    ts.dask.attach(client)                         once; the workers get access tokens from now on
    ts.download(items, "data", client=client)      the workers fetch, to a folder that they share with the kernel

In a task `ts.session()`, `ts.auth()`, `ts.gdal.enable()`, `ts.fsspec` and what was opened by it are signed in then as
in the notebook. Workers hold access tokens only, in memory only: no password and no refresh token ever leaves the
kernel, and after a logout, or `detach`, they have none. Who may run code on the cluster may use the login, as with
anything that is sent there.

A token goes over the network in the clear where the cluster does not use tls; then a warning says so.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import asking
from ..accounts import account
from ..errors import UsageError
from ..threads.forks import renew_in_child
from ..values.providers import Provider
from . import extra_missing

if TYPE_CHECKING:
    from distributed import Client

    from .dask_attachment import Attachment
    from .dask_download import ClusterEngine

__all__ = ["DaskStatus", "attach", "detach", "status"]


class TokenExposed(UserWarning):
    """A token goes over a network on which others can read it."""


@dataclass(frozen=True)
class DaskStatus:
    """How a cluster is served with a provider's token at one moment.

    Attributes
    ----------
    address : str
        The scheduler's; empty where the cluster is not attached.
    workers : int
        How many have the token.
    exposed : tuple of str
        The addresses on whose way others could read it.
    is_signed_in : bool
        Without a login the workers get none.
    """

    address: str
    workers: int = 0
    exposed: tuple[str, ...] = ()
    is_signed_in: bool = False

    def __str__(self) -> str:
        if not self.address:
            return "not attached"
        noun = "worker has" if self.workers == 1 else "workers have"
        login = f"{self.workers} {noun} the token" if self.is_signed_in else "waits for a login"
        return f"attached to {self.address}; {login}{'; not encrypted' if self.exposed else ''}"

    def __repr__(self) -> str:
        return f"Dask: {self}."


class _Attached(list["Attachment"]):
    """What is attached; `lock` is for who changes it."""

    def after_fork(self) -> None:
        # the parent goes on serving
        self.clear()
        self.lock = threading.RLock()

    def __init__(self) -> None:
        super().__init__()
        self.after_fork()
        renew_in_child(self)


_attached = _Attached()


def attach(client: Client, provider: str | Provider | None = None) -> DaskStatus:
    """Give the workers of a cluster live access tokens, from now on. Signs in first as `session` does.

    Workers that come later get them too, and those that are started anew; where GDAL is switched on here
    (`ipyterrascope.gdal.enable()`) it is so there, for what reads by dask's arrays. It lasts until `detach`, the
    client's end or the kernel's; a logout takes the token away from the workers, and the next login gives them one
    again. While it lasts the session does not end for want of use.

    Parameters
    ----------
    client : distributed.Client
        One that is not asynchronous.
    provider : str or Provider, optional

    Returns
    -------
    DaskStatus

    Warns
    -----
    TokenExposed
        The cluster is reached over a network without tls.

    Raises
    ------
    ExtraMissing
        distributed is not installed.
    LoginRequired
        Nobody is signed in yet, or it is a Basic login, which has no token.
    UsageError
        It is no such client, or ipyterrascope is not installed on the workers.

    Examples
    --------
    >>> import ipyterrascope as ts, distributed
    >>> client = distributed.Client(n_workers=2)                                            # doctest: +SKIP
    >>> ts.dask.attach(client)                                                              # doctest: +SKIP
    Dask: attached to tcp://127.0.0.1:39771; 2 workers have the token.
    """
    attachment_kind = _library()
    _check(client)
    chosen = asking.ready(account(provider))
    # a Basic login would be a password on every worker
    chosen.tokens()
    with _attached.lock:
        attachment = _found(client, chosen.provider)
        if attachment is None:
            attachment = attachment_kind(client, chosen)
            # before anything is sent: who makes warnings errors sends nothing
            _warn_about(attachment.exposed)
            attachment.start()
            _attached.append(attachment)
    return _status_of(attachment)


def detach(client: Client, provider: str | Provider | None = None) -> DaskStatus:
    """Take the token away from the workers of a cluster. The login goes on here.

    Parameters
    ----------
    client : distributed.Client
    provider : str or Provider, optional
    """
    with _attached.lock:
        attachment = _found(client, account(provider).provider)
        if attachment is not None:
            _attached.remove(attachment)
            attachment.stop()
    return DaskStatus("")


def status(client: Client, provider: str | Provider | None = None) -> DaskStatus:
    """Tell how a cluster is served.

    Parameters
    ----------
    client : distributed.Client
    provider : str or Provider, optional
    """
    with _attached.lock:
        attachment = _found(client, account(provider).provider)
    return _status_of(attachment) if attachment else DaskStatus("")


def engine(client: Client, provider: Provider, max_connections: int, limit_rate: float | None) -> ClusterEngine:
    """Return what downloads by the workers of a cluster, for `ipyterrascope.download`. Raises as `attach` does."""
    _library()
    _check(client)
    from .dask_download import ClusterEngine

    return ClusterEngine(client, provider, max_connections=max_connections, limit_rate=limit_rate)


def all_of(provider: Provider) -> list[DaskStatus]:
    """Return how each cluster that is attached for a provider is served."""
    with _attached.lock:
        _forget_ended()
        return [_status_of(attachment) for attachment in _attached if attachment.account.provider == provider]


def _status_of(attachment: Attachment) -> DaskStatus:
    return DaskStatus(
        attachment.address,
        len(attachment.served),
        tuple(attachment.exposed),
        attachment.account.is_signed_in,
    )


def _found(client: Client, provider: Provider) -> Attachment | None:
    _forget_ended()
    here = (one for one in _attached if one.client is client and one.account.provider == provider)
    return next(here, None)


def _forget_ended() -> None:
    for attachment in [one for one in _attached if one.is_over]:
        _attached.remove(attachment)
        attachment.stop()


def _check(client: object) -> None:
    from distributed import Client

    if not isinstance(client, Client) or client.asynchronous:
        raise UsageError(
            "That is no client by which workers can be reached here.",
            "It is asynchronous." if isinstance(client, Client) else f"It is of type {type(client).__name__}.",
            "Give a distributed.Client, made without asynchronous=True.",
        )


def _warn_about(addresses: Iterable[str]) -> None:
    shown = ", ".join(list(addresses)[:3])
    if shown:
        warnings.warn(
            f"The access token goes over the network unencrypted ({shown}): who listens there can use it until it "
            "ends. Make the cluster with tls, as by security=distributed.Security.temporary(), or on this machine.",
            TokenExposed,
            stacklevel=3,
        )


def _library() -> type[Attachment]:
    try:
        from .dask_attachment import Attachment
    except ImportError as exc:
        if str(exc.name).partition(".")[0] != "distributed":
            raise
        missing = extra_missing("dask", "distributed")
    else:
        return Attachment
    raise missing
