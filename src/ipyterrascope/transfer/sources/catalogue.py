"""What went wrong with a catalogue, as an error of our tree (floor 4).

Whoever asks it is pystac-client, over requests: what that raises says most, but may hold an address with a query.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import requests

from ...errors import ServerRefused, ServerUnreachable, TerrascopeError, TransferError
from ..failures import not_found, silent, takes_no_connections, untrusted
from ..names import host_of


def catalogue_failed(error: Exception) -> TerrascopeError:
    """Return the error for a catalogue that did not answer."""
    chain = [*_chain(error)]
    for cause in chain:
        if isinstance(cause, TerrascopeError):
            return cause
    for cause in chain:
        if isinstance(cause, requests.RequestException) and cause.request is not None and cause.response is None:
            return _unreached(cause, chain, host_of(str(cause.request.url)))
    status: object = getattr(error, "status_code", None)
    said = f"It said {status}." if isinstance(status, int) else f"The library says {type(error).__name__}."
    kind: type[TransferError] = ServerUnreachable
    if isinstance(status, int) and 400 <= status < 500 and status not in (408, 429):
        kind = ServerRefused
    do = "Check the search." if kind is ServerRefused else "Try again later."
    return kind("The catalogue did not answer.", said, do, status=status if isinstance(status, int) else None)


def _unreached(cause: requests.RequestException, chain: list[BaseException], host: str) -> TerrascopeError:
    if isinstance(cause, requests.exceptions.ProxyError):
        return ServerUnreachable(
            f"{host} was not reached.", "The proxy refused or did not answer.", "Check HTTPS_PROXY and NO_PROXY."
        )
    if any(isinstance(each, socket.gaierror) for each in chain):
        return not_found(host)
    if isinstance(cause, requests.exceptions.SSLError):
        return untrusted(host)
    return silent(host) if isinstance(cause, requests.Timeout) else takes_no_connections(host)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it, also what its library said should not be shown."""
    seen = set[int]()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop(0)
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            left += [each.__cause__, each.__context__]
