"""Products of terracatalogueclient, made by that library of what Terrascope's older catalogue answers."""

from __future__ import annotations

from typing import Any

import pytest
from terracatalogueclient.client import Catalogue, Product, ProductFile

from ipyterrascope.errors import SourceInvalid, UsageError
from ipyterrascope.transfer import Item, Selection, items_from

BASE = "https://services.terrascope.be/download/Sentinel2/TOC_V2/2024/08/02/S2B_TOC_V220"


def link(name: str, title: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"href": f"{BASE}/{name}", "type": "image/tiff", "title": title, **fields}


def product(**links: list[dict[str, Any]]) -> Product:
    given = {
        "data": [link("B02.tif", "TOC-B02_10M", length=185), link("B03.tif", "TOC-B03_10M", length=184)],
        "related": [link("SCL.tif", "SCENECLASSIFICATION_20M", length=51)],
        "previews": [
            link("QUICKLOOK.tif", category="QUICKLOOK"),
            {"href": "https://services.terrascope.be/wms/v2?SERVICE=WMS", "title": "WMS", "type": "image/png"},
        ],
        "alternates": [link("S2B.xml", "Inspire metadata", length=41)],
    }
    feature = {
        "id": "urn:eop:VITO:TERRASCOPE_S2_TOC_V2:S2B_TOC_V220",
        "geometry": {"type": "Point", "coordinates": [5.0, 51.0]},
        "bbox": [5.0, 51.0, 5.0, 51.0],
        "properties": {"title": "S2B_TOC_V220", "acquisitionInformation": [], "links": {**given, **links}},
    }
    return Catalogue._build_product(feature)


@pytest.mark.parametrize("form", [lambda one: one, lambda one: [one], lambda one: iter([one])])
def test_the_data_of_a_product(form: Any) -> None:
    """A product, or several as the library gives them, are its data files, with their lengths."""
    assert items_from(form(product())) == [
        Item(f"{BASE}/B02.tif", "B02.tif", 185),
        Item(f"{BASE}/B03.tif", "B03.tif", 184),
    ]


def test_files_of_a_product() -> None:
    """Its files may be given themselves; one alone is one file."""
    files = product().data
    assert isinstance(files[0], ProductFile)
    assert items_from(files) == items_from(product())
    assert items_from(files[0], "mine.tif") == [Item(f"{BASE}/B02.tif", "mine.tif", 185)]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"roles": "related"}, ["SCL.tif"]),
        ({"roles": "alternates,data"}, ["B02.tif", "B03.tif", "S2B.xml"]),
        ({"roles": "all"}, ["B02.tif", "B03.tif", "SCL.tif", "QUICKLOOK.tif", "v2", "S2B.xml"]),
        ({"assets": "toc-b03_10m"}, ["B03.tif"]),
        ({"assets": "SCENECLASSIFICATION_20M,TOC-B02_10M"}, ["SCL.tif", "B02.tif"]),
        ({"assets": "previews"}, ["QUICKLOOK.tif"]),
    ],
)
def test_choosing_among_its_files(chosen: dict[str, str], found: list[str]) -> None:
    """Files are chosen by their title, or by their kind as by a role."""
    assert [item.name for item in items_from(product(), selection=Selection.of(**chosen))] == found


def test_files_of_one_title() -> None:
    """Files that are called alike are both there."""
    twice = product(data=[link("1.tif", "NDVI"), link("2.tif", "NDVI")])
    assert [item.name for item in items_from(twice)] == ["1.tif", "2.tif"]
    with pytest.raises(UsageError, match=r"There are: NDVI, NDVI \(2\)"):
        items_from(twice, selection=Selection.of(assets="B02"))


def test_links_for_the_platform() -> None:
    """What was looked up for Terrascope's own machines says that it lies there."""
    lies_there = product(data=[{"href": "file:///data/MTDA/TERRASCOPE_Sentinel2/B02.tif", "title": "TOC-B02_10M"}])
    with pytest.raises(SourceInvalid, match=r"Asset TOC-B02_10M of item urn:eop:.*on the provider's own machines"):
        items_from(lies_there)
