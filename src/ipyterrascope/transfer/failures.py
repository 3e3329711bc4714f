"""What went wrong on the network, as errors of our tree (floor 4).

The texts are our own: those of requests hold the whole URL with its query, and its errors hold the request with the
Authorization header. So return the error from here and raise it after the `except` block, not inside.
"""

from __future__ import annotations

import requests
from urllib3.exceptions import HTTPError

from ..errors import ConfigurationError, ContentInvalid, ServerRefused, ServerUnreachable, TerrascopeError, quoted
from .names import host_of, shown
from .sources import Item

NETWORK_ERRORS = (requests.RequestException, HTTPError, OSError, ValueError)
"""What a request, or reading its body, may raise."""


def network_failure(problem: Exception, url: str) -> TerrascopeError:
    """Return our error for one of `NETWORK_ERRORS`; it is `retryable` for a lost connection and a time-out."""
    host = host_of(url)
    if "CERTIFICATE_VERIFY_FAILED" in str(problem):
        return ServerRefused(
            f"The certificate of {host} is not trusted here.",
            "The CA bundle does not know its issuer, or something between you and the server breaks encryption.",
            "Set the CA bundle (`verify`, REQUESTS_CA_BUNDLE), and check the proxy and the clock.",
        )
    if isinstance(problem, (ValueError, requests.TooManyRedirects)):
        return ServerRefused(
            f"{host} has an address, or sent a redirect, that cannot be followed.",
            f"It was about {shown(url)} ({type(problem).__name__}).",
            "Check the address.",
        )
    if isinstance(problem, (requests.RequestException, HTTPError)):
        timed_out = isinstance(problem, requests.Timeout) or "timed out" in str(problem)
        return ServerUnreachable(
            f"{host} stopped answering." if timed_out else f"The connection to {host} was lost.",
            f"It happened at {shown(url)}.",
            "Check the network, and try again: it goes on where it was, if the server allows.",
        )
    # only the CA bundle raises a bare OSError: requests looks for the file itself
    return ConfigurationError(
        f"No connection to {host} can be made.", quoted(problem), "Check the CA bundle (`verify`)."
    )


def too_slow(url: str, limit_s: float) -> ServerUnreachable:
    """Return the error for a connection on which next to nothing came for a while."""
    return ServerUnreachable(
        f"{host_of(url)} sent next to nothing for {limit_s:.0f} s.",
        f"It happened at {shown(url)}.",
        "Check the network, and try again: it goes on where it was, if the server allows.",
    )


def broken_off(item: Item, got: int, size_bytes: int) -> ServerUnreachable:
    """Return the error for a body that ended too early."""
    return ServerUnreachable(
        f"The transfer of {item.name} broke off.",
        f"{got:,} of {size_bytes:,} bytes came from {host_of(item.url)}.",
        "Try again: it goes on where it was, if the server allows.",
    )


def part_unusable(item: Item) -> ContentInvalid:
    """Return the error for a 206 or 416 that does not fit the part that is there."""
    return ContentInvalid(
        "The server sent a part that was not asked for.", f"It came for {shown(item.url)}.", "Try again later."
    )


def detached(error: TerrascopeError) -> TerrascopeError:
    """Return an error without traceback and chain: kept in a report, they would keep buffers and requests alive."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
