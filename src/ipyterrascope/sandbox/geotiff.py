"""A minimal GeoTIFF writer: one band, tiled, not compressed (sandbox; TIFF 6.0, OGC GeoTIFF 1.1)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import ceil

from .content import Repeated

_SHORT, _LONG, _DOUBLE, _ASCII = 3, 4, 12, 2
_FORMAT = {_SHORT: "H", _LONG: "I", _DOUBLE: "d"}


def geotiff(
    rows: Sequence[bytes],
    *,
    bits: int,
    epsg: int,
    origin: tuple[float, float],
    pixel_size: float,
    nodata: int | None = None,
    palette: dict[int, tuple[int, int, int]] | None = None,
    tile: int = 128,
    copies: int = 1,
) -> Repeated:
    """Return the content of a GeoTIFF.

    Parameters
    ----------
    rows : sequence of bytes
        The image from north to south; all of one length, little-endian.
    bits : {8, 16}
        Bits of an unsigned pixel.
    epsg : int
        Reference system: 4326 is geographic, any other projected.
    origin : (float, float)
        West and north edge, in units of the reference system.
    pixel_size : float
        Width and height of a pixel, in the same units.
    nodata : int, optional
        The pixel value that means nothing.
    palette : dict, optional
        For 8 bits: pixel value to (red, green, blue), 0 to 255 each.
    tile : int
        Edge of a tile in pixels, a multiple of 16.
    copies : int
        How often the image stands beside itself, and below itself: a large file that takes no memory. Its edges are
        multiples of `tile` then.
    """
    width, height = len(rows[0]) * 8 // bits, len(rows)
    tiles = _tiles(rows, width, bits // 8, tile)
    across, count = ceil(width / tile), len(tiles) * copies**2
    geographic = epsg == 4326
    keys = (1, 1, 0, 3, 1024, 0, 1, 2 if geographic else 1, 1025, 0, 1, 1, 2048 if geographic else 3072, 0, 1, epsg)
    entries: dict[int, tuple[int, Sequence[float] | bytes]] = {
        256: (_LONG, [width * copies]),
        257: (_LONG, [height * copies]),
        258: (_SHORT, [bits]),
        259: (_SHORT, [1]),  # not compressed
        262: (_SHORT, [3 if palette else 1]),
        277: (_SHORT, [1]),
        284: (_SHORT, [1]),
        322: (_LONG, [tile]),
        323: (_LONG, [tile]),
        324: (_LONG, [0] * count),
        325: (_LONG, [len(tiles[0])] * count),
        339: (_SHORT, [1]),  # unsigned
        33550: (_DOUBLE, [pixel_size, pixel_size, 0]),
        33922: (_DOUBLE, [0, 0, 0, *origin, 0]),
        34735: (_SHORT, keys),
    }
    if palette:
        colours = [palette.get(value, (0, 0, 0)) for value in range(256)]
        entries[320] = (_SHORT, [colour[channel] * 257 for channel in range(3) for colour in colours])
    if nodata is not None:
        entries[42113] = (_ASCII, f"{nodata}\0".encode())
    head_size = len(_head(entries))
    places = _places(across, len(tiles) // across, copies)
    entries[324] = (_LONG, [head_size + place * len(tiles[0]) for place in places])
    return Repeated(_head(entries), b"".join(tiles), copies**2)


def _places(across: int, down: int, copies: int) -> list[int]:
    """Return for each tile of the image, row by row, its number in the file: there one copy comes after another."""
    return [
        (top // down * copies + left // across) * across * down + top % down * across + left % across
        for top in range(down * copies)
        for left in range(across * copies)
    ]


def _tiles(rows: Sequence[bytes], width: int, pixel_bytes: int, tile: int) -> list[bytes]:
    span, across = tile * pixel_bytes, ceil(width / tile)
    padded = [row.ljust(across * span, b"\0") for row in rows]
    padded += [bytes(across * span)] * (-len(rows) % tile)
    return [
        b"".join(row[left * span : (left + 1) * span] for row in padded[top : top + tile])
        for top in range(0, len(padded), tile)
        for left in range(across)
    ]


def _head(entries: dict[int, tuple[int, Sequence[float] | bytes]]) -> bytes:
    """Return the file header, the directory and the values that do not fit into it (TIFF 6.0 section 2)."""
    directory, overflow = [struct.pack("<H", len(entries))], b""
    overflow_at = 8 + 2 + 12 * len(entries) + 4
    for tag, (kind, values) in sorted(entries.items()):
        packed = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{_FORMAT[kind]}", *values)
        field = packed.ljust(4, b"\0")
        if len(packed) > 4:
            field = struct.pack("<I", overflow_at + len(overflow))
            overflow += packed.ljust(len(packed) + len(packed) % 2, b"\0")
        directory.append(struct.pack("<HHI", tag, kind, len(values)) + field)
    return b"II*\0" + struct.pack("<I", 8) + b"".join(directory) + bytes(4) + overflow
