"""STAC as the tests need it: an item in Terrascope's shape, with what a test changes."""

from __future__ import annotations

from typing import Any

HERE = "https://stac.example.org/collections/c/items/S2A_1"
FILES = "https://services.example.org/download/S2A_1"


def asset(href: object = f"{FILES}/B02.tif", roles: object = ("data",), **fields: Any) -> dict[str, Any]:
    """Return an asset; fields are written with two underscores for a colon."""
    roles = list(roles) if isinstance(roles, tuple) else roles
    return {"href": href, "roles": roles, **{name.replace("__", ":"): value for name, value in fields.items()}}


def item(assets: object = None, identifier: object = "S2A_1", **fields: Any) -> dict[str, Any]:
    """Return an item with three bands, a mask and metadata, or with other assets."""
    bands = {
        f"TOC-{band}": asset(
            f"{FILES}/{band}.tif", file__size=number, eo__bands=[{"name": band, "common_name": common}]
        )
        for number, (band, common) in enumerate((("B02", "blue"), ("B03", "green"), ("B04", "red")), start=10)
    }
    mask = asset(f"{FILES}/SCL.tif", ("data-mask",), file__size=5)
    about = asset(f"{FILES}/about.xml", ("metadata",))
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": identifier,
        "geometry": None,
        "properties": {"datetime": "2026-08-07T10:46:21Z"},
        "links": [{"rel": "self", "href": HERE}],
        "assets": {**bands, "SCL": mask, "INSPIRE": about} if assets is None else assets,
        **fields,
    }


def collection(*items: dict[str, Any]) -> dict[str, Any]:
    """Return a collection of items."""
    return {"type": "FeatureCollection", "features": list(items)}
