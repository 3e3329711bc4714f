"""The products that the sandbox offers, at Terrascope's URL shapes (sandbox)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from . import landscape as land
from .content import Content, Held
from .geotiff import geotiff

# Corners of the images, west, south, east, north in degrees. The Sentinel-2 one covers 2560 m of tile 31TCN.
_S2_BOX = (0.327927, 47.799587, 0.363257, 47.823386)
_COVER_BOX = (3.0, 50.978667, 3.021333, 51.0)
_LCFM_BOX = (-30.0, -57.021333, -29.978667, -57.0)
_UTM_ORIGIN = (300000.0, 5300040.0)


@dataclass(frozen=True, kw_only=True)
class ProductFile:
    """One file: an asset of an item. `path` starts below `/download/`; `band` is empty for what is no single band."""

    key: str
    path: str
    title: str
    media_type: str
    roles: tuple[str, ...]
    content: Content
    is_public: bool = False
    band: str = ""

    @property
    def name(self) -> str:
        """The last part of the path; not unique across products."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Product:
    """One product: an item of the catalogue. `box` is west, south, east, north in degrees."""

    identifier: str
    collection: str
    title: str
    at: str
    box: tuple[float, float, float, float]
    files: tuple[ProductFile, ...]


@lru_cache(maxsize=1)
def products() -> tuple[Product, ...]:
    """Return all products, the newest first."""
    return (
        _sentinel2("S2C_20260807T104621_31TCN", "2026-08-07T10:46:21Z", season=0, has_large=True),
        _sentinel2("S2A_20260802T105621_31TCN", "2026-08-02T10:56:21Z", season=1),
        _vegetation("NDVI", land.NDVI, season=1),
        _vegetation("FAPAR", land.FAPAR, season=2),
        _world_cover(),
        _land_cover(),
    )


def _sentinel2(scene: str, at: str, season: int, *, has_large: bool = False) -> Product:
    name = f"{scene}_TOC_V220"
    folder = f"Sentinel2/TOC_V2/{at[:10].replace('-', '/')}/{name}"
    bands = tuple(
        _tif(
            f"TOC-{band}_10M",
            f"{folder}/{scene}_TOC-{band}_10M_V220.tif",
            f"Band {band[1:]}, 10 m",
            _utm(land.landscape(256, values, bits=16, season=season), bits=16, pixel_size=10, nodata=32767),
            band=band,
        )
        for band, values in land.REFLECTANCE.items()
    )
    large = (_large(folder, scene, season),) if has_large else ()
    return Product(
        identifier=name,
        collection="terrascope-s2-toc-v2",
        title="Sentinel-2 top-of-canopy reflectance",
        at=at,
        box=_S2_BOX,
        files=(*bands, _classes(folder, scene, "V220", season), _metadata(folder, name, at), *large),
    )


def _vegetation(index: str, values: dict[int, int], season: int) -> Product:
    """Two of these have a file of the same name with other content, as it is at Terrascope."""
    scene, at = "S2B_20200507T104619_31TCN", "2020-05-07T10:46:19Z"
    name = f"{scene}_{index}_V210"
    folder = f"Sentinel2/{index}_V2/2020/05/07/{name}"
    data = _utm(land.landscape(256, values, season=season), pixel_size=10, nodata=255)
    image = _tif(f"{index}_10M", f"{folder}/{scene}_{index}_10M_V210.tif", f"{index}, 10 m", data)
    return Product(
        identifier=name,
        collection=f"terrascope-s2-{index.lower()}-v2",
        title=f"Sentinel-2 {index}",
        at=at,
        box=_S2_BOX,
        files=(image, _classes(folder, scene, "V210", season)),
    )


def _world_cover() -> Product:
    name = "ESA_WorldCover_10m_2020_v100_N48E003_Map"
    folder = f"WORLDCOVER/ESA_WORLDCOVER_10M_2020_V100/MAP/{name}"
    return _cover(name, "esa-worldcover-10m-2020-v1", "ESA WorldCover 2020", folder, _COVER_BOX)


def _land_cover() -> Product:
    name = "LCFM_LCM-10_V100_2020_S60W030"
    folder = "LCFM/products/LCM-10/v100/tiles_latlon/3deg/S60/W030/2020"
    return _cover(name, "lcfm-lcm-10", "LCFM land cover, 10 m", folder, _LCFM_BOX)


def _cover(name: str, collection: str, title: str, folder: str, box: tuple[float, float, float, float]) -> Product:
    rows = land.landscape(256, land.LAND_COVER, season=3)
    data = geotiff(
        rows,
        bits=8,
        epsg=4326,
        origin=(box[0], box[3]),
        pixel_size=1 / 12000,
        nodata=0,
        palette=land.LAND_COVER_COLOURS,
    )
    files = (_tif("MAP", f"{folder}/{name}.tif", "Land cover classes", data),)
    return Product(identifier=name, collection=collection, title=title, at="2020-01-01T00:00:00Z", box=box, files=files)


def _classes(folder: str, scene: str, version: str, season: int) -> ProductFile:
    data = _utm(land.landscape(128, land.SCENE_CLASSES, parcel=8, season=season), pixel_size=20, nodata=0)
    path = f"{folder}/{scene}_SCENECLASSIFICATION_20M_{version}.tif"
    return _tif("SCENECLASSIFICATION_20M", path, "Scene classification, 20 m", data, role="data-mask")


def _large(folder: str, scene: str, season: int) -> ProductFile:
    """Return a band of 34 MB, so that there is something to wait for: a download can be paused, and gone on with."""
    rows = land.landscape(256, land.REFLECTANCE["B08"], bits=16, season=season)
    content = _utm(rows, bits=16, pixel_size=10, nodata=32767, copies=16)
    path = f"{folder}/{scene}_TOC-B8A_10M_V220.tif"
    return _tif("TOC-B8A_10M", path, "Band 8A, 10 m, of a larger area", content, band="B8A")


def _metadata(folder: str, name: str, at: str) -> ProductFile:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<product><identifier>{name}</identifier><sensing>{at}</sensing>"
        "<note>Made by the sandbox of ipyterrascope: this landscape does not exist.</note></product>\n"
    )
    return ProductFile(
        key="INSPIRE",
        path=f"{folder}/{name}.xml",
        title="Metadata",
        media_type="application/vnd.iso.19139+xml",
        roles=("metadata",),
        content=Held(text.encode()),
        is_public=True,
    )


def _tif(key: str, path: str, title: str, content: Content, role: str = "data", band: str = "") -> ProductFile:
    media_type = "image/tiff; application=geotiff"
    return ProductFile(
        key=key, path=path, title=title, media_type=media_type, roles=(role,), content=content, band=band
    )


def _utm(rows: list[bytes], *, bits: int = 8, pixel_size: float, nodata: int, copies: int = 1) -> Content:
    return geotiff(rows, bits=bits, epsg=32631, origin=_UTM_ORIGIN, pixel_size=pixel_size, nodata=nodata, copies=copies)
