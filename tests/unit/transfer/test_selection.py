"""Which assets of STAC items are meant, by key, band and role."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stac import asset, item

from ipyterrascope.errors import UsageError
from ipyterrascope.transfer import Selection, items_from


def names(*features: dict[str, Any], **selection: Any) -> list[str]:
    return [found.name for found in items_from(list(features), selection=Selection.of(**selection))]


@pytest.mark.parametrize(
    ("assets", "found"),
    [
        ("TOC-B03", ["B03.tif"]),
        ("toc-b03", ["B03.tif"]),
        ("B03", ["B03.tif"]),
        ("b03", ["B03.tif"]),
        ("green", ["B03.tif"]),
        ("B04, B02", ["B04.tif", "B02.tif"]),
        (["B04", "TOC-B02,SCL"], ["B04.tif", "B02.tif", "SCL.tif"]),
        ([["B04", "B04"], ("red",)], ["B04.tif"]),
        ("INSPIRE", ["about.xml"]),
        ("", ["B02.tif", "B03.tif", "B04.tif"]),
        ([], ["B02.tif", "B03.tif", "B04.tif"]),
        (None, ["B02.tif", "B03.tif", "B04.tif"]),
    ],
)
def test_by_key_or_band(assets: object, found: list[str]) -> None:
    """An asset is named by its key or its band, in any letter case, once, and in the order of the names."""
    assert names(item(), assets=assets) == found


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"roles": "metadata"}, ["about.xml"]),
        ({"roles": "data,data-mask"}, ["B02.tif", "B03.tif", "B04.tif", "SCL.tif"]),
        ({"roles": ["data-mask", "metadata"]}, ["SCL.tif", "about.xml"]),
        ({"roles": "all"}, ["B02.tif", "B03.tif", "B04.tif", "SCL.tif", "about.xml"]),
        ({"roles": "data", "assets": "SCL,B02"}, ["B02.tif"]),
        ({"roles": "all", "assets": "SCL"}, ["SCL.tif"]),
        ({"roles": "metadata", "assets": "B02"}, []),
    ],
)
def test_by_role(chosen: dict[str, Any], found: list[str]) -> None:
    """Roles are those of which an asset has one; with names, only the named ones of these roles."""
    assert names(item(), **chosen) == found


def test_a_key_goes_before_a_band() -> None:
    """Where one asset is called as another's band, its key is meant; letter case counts where both are there."""
    assets = {"blue": asset("https://h/key.tif"), "x": asset("https://h/band.tif", eo__bands=[{"common_name": "blue"}])}
    assert names(item(assets), assets="blue") == ["key.tif"]
    assets = {"b02": asset("https://h/small.tif"), "B02": asset("https://h/large.tif")}
    assert names(item(assets), assets="B02") == ["large.tif"]


def test_a_band_alone_goes_before_a_picture() -> None:
    """A picture of several bands is not meant where one of them is there alone, and is where none is."""
    visual = asset("https://h/visual.tif", eo__bands=[{"name": "B04"}, {"name": "B03"}, {"name": "B02"}])
    assert names(item({"visual": visual, "B": asset("https://h/b.tif", bands=[{"name": "B02"}])}), assets="B02") == [
        "b.tif"
    ]
    assert names(item({"visual": visual}), assets="B02") == ["visual.tif"]


def test_bands_of_the_newer_specification() -> None:
    """`bands` of STAC 1.1 are read as `eo:bands` are."""
    assets = {"x": asset("https://h/x.tif", bands=[{"name": "B02", "eo:common_name": "blue"}])}
    assert names(item(assets), assets="b02") == names(item(assets), assets="Blue") == ["x.tif"]


def test_an_item_that_lacks_it_gives_nothing() -> None:
    """Of several items only those count that have what was asked for."""
    assert names(item(), item({"x": asset("https://h/x.tif")}), assets="x") == ["x.tif"]
    assert names(item(), item({"x": asset("https://h/x.tif", ("thumbnail",))}), roles="thumbnail") == ["x.tif"]


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (
            {"assets": "B99"},
            r"No item has an asset 'B99'\. There are: TOC-B02, TOC-B03, TOC-B04, SCL, INSPIRE\. Name one",
        ),
        ({"assets": "B02,SCLL"}, r"No item has an asset 'SCLL'\. .* Did you mean SCL\?"),
        (
            {"roles": "date"},
            r"No asset has the role 'date'\. There are: data, data-mask, metadata\. Did you mean data\?",
        ),
    ],
)
def test_what_no_item_has_is_said(chosen: dict[str, str], said: str) -> None:
    """A name that no item has is an error with those that there are."""
    with pytest.raises(UsageError, match=said):
        names(item(), item(), **chosen)


def test_many_names_are_shortened() -> None:
    """Of hundreds of keys the first are listed."""
    with pytest.raises(UsageError, match=r"k0, k1, .*k11, and 488 more\.") as caught:
        names(item({f"k{n}": asset() for n in range(500)}), assets="B02")
    assert len(str(caught.value)) < 300


def test_items_without_assets() -> None:
    """Where there is nothing to choose from, that is said; where no item was found at all, it is no error."""
    with pytest.raises(UsageError, match="There is none at all"):
        names(item({}), assets="B02")
    assert names(item({})) == []
    assert names(assets="B02") == []


@pytest.mark.parametrize("source", ["https://h/a.tif", [asset()]])
def test_no_items_to_choose_from(source: Any) -> None:
    """Choosing among the assets of what is no item is an error, not something that is ignored."""
    with pytest.raises(UsageError, match="no assets to choose from"):
        items_from(source, selection=Selection.of(assets="B02"))


@pytest.mark.parametrize("wrong", [5, [5], {"B02": 1}, b"B02", [["B02", None, 5]]])
def test_names_are_text(wrong: object) -> None:
    """What names no asset is said."""
    with pytest.raises(UsageError, match="names no assets"):
        Selection.of(assets=wrong)


@given(st.lists(st.sampled_from(["B02", "b03", "TOC-B04", "SCL", "red"]), min_size=1, max_size=6))
def test_each_asset_is_chosen_once(chosen: list[str]) -> None:
    """However often and by whatever names an asset is asked for, it is one file."""
    found = names(item(), assets=",".join(chosen))
    assert len(set(found)) == len(found) > 0
