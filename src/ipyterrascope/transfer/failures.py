"""What went wrong on the network, as errors of our tree (floor 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ContentInvalid, ServerRefused, ServerUnreachable, TerrascopeError
from .names import host_of, shown

if TYPE_CHECKING:
    from .sources import Item

_LATER = "Check the address and the network, and try again later."


def not_found(host: str) -> ServerUnreachable:
    """Return the error for a name that nobody knows."""
    return ServerUnreachable(
        f"No server called {host} was found.", "The name is misspelt, or this machine has no network.", _LATER
    )


def silent(host: str) -> ServerUnreachable:
    """Return the error for a host of which nothing is heard."""
    return ServerUnreachable(f"{host} does not answer.", "It is down, or a firewall is in the way.", _LATER)


def takes_no_connections(host: str) -> ServerUnreachable:
    """Return the error for a host at which nobody listens."""
    return ServerUnreachable(
        f"{host} takes no connections.", "Nothing listens there, or a firewall or a proxy is in the way.", _LATER
    )


def untrusted(host: str) -> ServerRefused:
    """Return the error for a certificate of which nobody here knows the issuer."""
    return ServerRefused(
        f"The certificate of {host} is not trusted here.",
        "The CA bundle does not know its issuer, or something between you and the server breaks encryption.",
        "Set the CA bundle (`verify`, REQUESTS_CA_BUNDLE), and check the proxy and the clock.",
    )


def too_slow(url: str, limit_s: float) -> ServerUnreachable:
    """Return the error for a connection on which next to nothing came for a while."""
    return ServerUnreachable(
        f"{host_of(url)} sent next to nothing for {limit_s:.0f} s.",
        f"It happened at {shown(url)}.",
        "Check the network, and try again: it goes on where it was, if the server allows.",
    )


def broken_off(item: Item, got: int, size_bytes: int | None) -> ServerUnreachable:
    """Return the error for a body that ended too early."""
    of = "" if size_bytes is None else f" of {size_bytes:,}"
    return ServerUnreachable(
        f"The transfer of {item.name} broke off.",
        f"{got:,}{of} bytes came from {host_of(item.url)}.",
        "Try again: it goes on where it was, if the server allows.",
    )


def scanty(item: Item) -> ServerUnreachable:
    """Return the error for answers that bring next to nothing of what was asked for."""
    return ServerUnreachable(
        f"{host_of(item.url)} sends {item.name} a few bytes at a time.",
        "More was asked for, again and again, and so it would take too long.",
        "Try again later; if it stays so, tell the provider.",
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
