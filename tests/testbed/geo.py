"""Files of the field, made here: a cloud-optimized GeoTIFF, a netCDF and a zarr, large enough to be read in pieces."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
import xarray as xr
from rasterio.transform import from_origin

EPSG, ORIGIN, PIXEL_M = 32631, (300000.0, 5300040.0), 10.0


def pixels(edge: int) -> np.ndarray:
    """Return the values of the picture: no two blocks alike, and hard to compress."""
    return np.random.default_rng(8628).integers(1, 250, (edge, edge), dtype="uint8")


def cog(folder: Path, edge: int = 2048, block: int = 128) -> bytes:
    """Return a cloud-optimized GeoTIFF of one band, with overviews, not compressed."""
    plain, made = folder / "plain.tif", folder / "cog.tif"
    profile = {"driver": "GTiff", "width": edge, "height": edge, "count": 1, "dtype": "uint8", "crs": f"EPSG:{EPSG}"}
    with rasterio.open(plain, "w", **profile, transform=from_origin(*ORIGIN, PIXEL_M, PIXEL_M)) as target:
        target.write(pixels(edge), 1)
    rasterio.shutil.copy(plain, made, driver="COG", blocksize=block, compress="NONE")
    return made.read_bytes()


def dataset(edge: int = 512) -> xr.Dataset:
    """Return a data set of one variable, in chunks of 64 by 64."""
    values = np.random.default_rng(8707).integers(0, 10_000, (edge, edge), dtype="int32")
    axes = {"y": np.arange(edge), "x": np.arange(edge)}
    return xr.Dataset({"ndvi": (("y", "x"), values)}, coords=axes)


def netcdf(edge: int = 512) -> bytes:
    """Return `dataset` as a netCDF-4 file."""
    target = io.BytesIO()
    encoding = {"ndvi": {"chunksizes": (64, 64)}}
    dataset(edge).to_netcdf(target, engine="h5netcdf", encoding=encoding)
    return target.getvalue()


def zarr_files(folder: Path, zarr_format: int = 3, edge: int = 512) -> dict[str, bytes]:
    """Return the files of `dataset` as a zarr store, by their path in it."""
    store = folder / f"v{zarr_format}.zarr"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that consolidated metadata are no part of version 3
        chunks = {"y": 64, "x": 64}
        dataset(edge).chunk(chunks).to_zarr(store, zarr_format=zarr_format, consolidated=True)
    return {str(path.relative_to(store)): path.read_bytes() for path in store.rglob("*") if path.is_file()}
