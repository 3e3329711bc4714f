"""A process that reads by GDAL for a while, as people do; run by the tests, and told what to do by the environment.

It prints one line of JSON: how often each library read, and what failed.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable

os.environ["GDAL_CACHEMAX"] = "1"  # every block is asked for again
os.environ["CPL_VSIL_CURL_CACHE_SIZE"] = "65536"

import numpy as np
import rasterio
from rasterio.windows import Window

import ipyterrascope as ts

URL, FOREIGN = os.environ["URL"], os.environ["FOREIGN"]
SECONDS = float(os.environ["SECONDS"])
EDGE, EPSG = int(os.environ["EDGE"]), int(os.environ["EPSG"])
EXPECTED = np.random.default_rng(8628).integers(1, 250, (EDGE, EDGE), dtype="uint8")


def by_rasterio(ends_at: float) -> int:
    """Read block by block from one open data set."""
    count, blocks = 0, random.Random(threading.get_ident())
    with rasterio.open(URL) as source:
        while time.monotonic() < ends_at:
            row, column = (blocks.randrange(EDGE // 128) * 128 for _ in range(2))
            read = source.read(1, window=Window(column, row, 128, 128))
            assert (read == EXPECTED[row : row + 128, column : column + 128]).all()
            count += 1
    return count


def by_rioxarray(ends_at: float) -> int:
    """Read by dask's threads."""
    import rioxarray

    count = 0
    while time.monotonic() < ends_at:
        with rioxarray.open_rasterio(URL, chunks={"x": 512, "y": 512}, lock=False) as picture:
            assert int(picture.sum().compute(scheduler="threads", num_workers=2)) == int(EXPECTED.sum())
        count += 1
    return count


def _item() -> object:
    import pystac
    from rasterio.warp import transform_bounds

    with rasterio.open(URL) as source:
        box = transform_bounds(source.crs, "EPSG:4326", *source.bounds)
        bounds, shape, transform = list(source.bounds), list(source.shape), list(source.transform)[:6]
    properties = {
        "datetime": "2026-08-07T00:00:00Z", "proj:epsg": EPSG, "proj:code": f"EPSG:{EPSG}", "proj:bbox": bounds,
        "proj:shape": shape, "proj:transform": transform,
    }  # fmt: skip
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return pystac.Item.from_dict(
        {
            "type": "Feature", "stac_version": "1.0.0", "id": "cog", "collection": "c", "links": [], "bbox": list(box),
            "stac_extensions": ["https://stac-extensions.github.io/projection/v1.1.0/schema.json"],
            "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties,
            "assets": {"band": {"href": URL, "type": "image/tiff; application=geotiff", "roles": ["data"]}},
        }
    )  # fmt: skip


def by_odc_stac(ends_at: float) -> int:
    """Load the item as a cube."""
    import odc.stac

    count, item = 0, _item()
    while time.monotonic() < ends_at:
        cube = odc.stac.load([item], bands=["band"], resolution=10, crs=f"EPSG:{EPSG}", chunks={"x": 512, "y": 512})
        assert int(cube.band.astype("int64").sum().compute(scheduler="threads", num_workers=2)) == int(EXPECTED.sum())
        count += 1
    return count


def by_stackstac(ends_at: float) -> int:
    """Stack the item."""
    import stackstac

    count, item = 0, _item()
    while time.monotonic() < ends_at:
        stack = stackstac.stack([item], assets=["band"], epsg=EPSG, resolution=10, chunksize=512, rescale=False)
        assert int(stack.sum().compute(scheduler="threads", num_workers=2)) == int(EXPECTED.sum())
        count += 1
    return count


def beside(ends_at: float) -> int:
    """Read from a host that is none of the provider's, which gives its file to everybody."""
    count = 0
    while time.monotonic() < ends_at:
        with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(FOREIGN) as source:
            source.read(1, window=Window(0, 0, 128, 128))
        count += 1
        time.sleep(0.05)
    return count


def main() -> None:
    """Read by all of them at once."""
    wanted: list[Callable[[float], int]] = [*[by_rasterio] * 8, by_rioxarray, by_odc_stac, by_stackstac, beside]
    counts: dict[str, int] = {}
    failures: list[str] = []
    ts.gdal.enable()
    ends_at = time.monotonic() + SECONDS

    def run(read: Callable[[float], int]) -> None:
        try:
            counts[read.__name__] = counts.get(read.__name__, 0) + read(ends_at)
        except BaseException as exc:
            failures.append(f"{read.__name__}: {type(exc).__name__}: {exc}")

    threads = [threading.Thread(target=run, args=(read,)) for read in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    status = str(ts.gdal.status())
    ts.logout()
    after = ""
    try:
        rasterio.open(URL)
    except rasterio.errors.RasterioIOError as exc:
        after = str(exc)
    json.dump({"counts": counts, "failures": failures, "status": status, "after": after}, sys.stdout)


if __name__ == "__main__":
    main()
