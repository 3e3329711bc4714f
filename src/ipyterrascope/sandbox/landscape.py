"""A made-up landscape of parcels and a river, the same at every call, seen by a band or as classes (sandbox)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from math import sin

WATER, FOREST, GRASS, CROP, SOIL, TOWN = range(6)
_MIX = (FOREST, FOREST, GRASS, GRASS, CROP, CROP, CROP, CROP, SOIL, TOWN)

# Surface reflectance × 10,000, as in Sentinel-2 level 2.
REFLECTANCE: dict[str, dict[int, int]] = {
    "B02": {WATER: 520, FOREST: 260, GRASS: 480, CROP: 430, SOIL: 1050, TOWN: 1500},
    "B03": {WATER: 460, FOREST: 480, GRASS: 850, CROP: 780, SOIL: 1400, TOWN: 1650},
    "B04": {WATER: 300, FOREST: 250, GRASS: 620, CROP: 480, SOIL: 1850, TOWN: 1800},
    "B08": {WATER: 180, FOREST: 3100, GRASS: 3500, CROP: 4300, SOIL: 2500, TOWN: 2200},
}
NDVI = {WATER: 10, FOREST: 220, GRASS: 190, CROP: 210, SOIL: 75, TOWN: 60}
FAPAR = {WATER: 0, FOREST: 170, GRASS: 130, CROP: 180, SOIL: 20, TOWN: 10}
SCENE_CLASSES = {WATER: 6, FOREST: 4, GRASS: 4, CROP: 4, SOIL: 5, TOWN: 5}
LAND_COVER = {WATER: 80, FOREST: 10, GRASS: 30, CROP: 40, SOIL: 60, TOWN: 50}
LAND_COVER_COLOURS = {
    10: (0, 100, 0),
    30: (255, 255, 76),
    40: (240, 150, 255),
    50: (250, 0, 0),
    60: (180, 180, 180),
    80: (0, 100, 200),
}


def landscape(size: int, values: Mapping[int, int], *, bits: int = 8, parcel: int = 16, season: int = 0) -> list[bytes]:
    """Paint a square image.

    Parameters
    ----------
    size : int
        Edge in pixels, a multiple of `parcel`.
    values : mapping of int to int
        The pixel value of each kind of land.
    bits : {8, 16}
        Bits of a pixel; 16 bits get furrows, so that the fields are not flat.
    parcel : int
        Edge of a parcel in pixels.
    season : int
        Another number is the same land with other fields sown.
    """
    wide = bits == 16
    water = _pixel(values[WATER], bits)
    rows: list[bytes] = []
    for y in range(size):
        furrow = 40 * (y % 4 // 2) if wide else 0
        row = b"".join(
            _pixel(values[_kind(x, y // parcel, season)] + furrow, bits) * parcel for x in range(size // parcel)
        )
        bank = int(size * (0.55 + 0.2 * sin(5 * y / size) + 0.04 * sin(23 * y / size))) * (bits // 8)
        river = water * max(4, size // 24)
        rows.append(row[:bank] + river + row[bank + len(river) :])
    return rows


def _kind(x: int, y: int, season: int) -> int:
    # Two parcels share a field, so that the fields have different shapes.
    draw = zlib.crc32(b"%d/%d" % (x // (1 + y % 2), y // (1 + x // 3 % 2)))
    kind = _MIX[draw % len(_MIX)]
    return kind if kind not in (CROP, SOIL) else (CROP, CROP, SOIL)[(draw // 16 + season) % 3]


def _pixel(value: int, bits: int) -> bytes:
    return struct.pack("<H" if bits == 16 else "<B", value)
