"""What went wrong on the network, as errors of our tree (floor 4)."""

from __future__ import annotations

from ..errors import ContentInvalid, ServerUnreachable, TerrascopeError
from .names import host_of, shown
from .sources import Item


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


def part_unusable(item: Item) -> ContentInvalid:
    """Return the error for a 206 or 416 that does not fit the part that is there."""
    return ContentInvalid(
        "The server sent a part that was not asked for.", f"It came for {shown(item.url)}.", "Try again later."
    )


def detached(error: TerrascopeError) -> TerrascopeError:
    """Return an error without traceback and chain: kept in a report, they would keep buffers and requests alive."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
