"""STAC items, assets and collections as sources: as JSON and as pystac's objects, well made and hostile."""

from __future__ import annotations

import contextlib
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pystac
import pytest
from downloads import Downloads
from faulty import Answer
from hypothesis import given
from hypothesis import strategies as st
from stac import FILES, HERE, asset, collection, item

from ipyterrascope.errors import DownloadFailed, ServerRefused, ServerUnreachable, SourceInvalid, TerrascopeError
from ipyterrascope.transfer import Item, Selection, download, items_from, prepare
from ipyterrascope.transfer.sources import Unusable

FORMS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "json": lambda feature: feature,
    "pystac": pystac.Item.from_dict,
    "collection": lambda feature: collection(feature),
    "pystac collection": lambda feature: pystac.ItemCollection([feature]),
    "list": lambda feature: [feature],
    "generator": lambda feature: (each for each in [pystac.Item.from_dict(feature)]),
    "mixed": lambda feature: [[pystac.Item.from_dict(feature)]],
}


def names(source: Any, **selection: Any) -> list[str]:
    return [found.name for found in items_from(source, selection=Selection.of(**selection))]


@pytest.mark.parametrize("form", FORMS)
def test_the_data_of_an_item(form: str) -> None:
    """An item, however it comes, gives its assets of role data, with the size that the catalogue tells."""
    found = items_from(FORMS[form](item()))
    assert found == [
        Item(f"{FILES}/{band}.tif", f"{band}.tif", size)
        for band, size in zip(("B02", "B03", "B04"), (10, 11, 12), strict=True)
    ]


def test_all_of_an_item_without_data() -> None:
    """Where no asset has the role data, all are meant."""
    assert names(item({"a": asset(f"{FILES}/a.tif", None), "b": asset(f"{FILES}/b.xml", ("metadata",))})) == [
        "a.tif",
        "b.xml",
    ]


@pytest.mark.parametrize("form", ["json", "pystac", "file"])
def test_one_asset(form: str, tmp_path: Path) -> None:
    """An asset alone is one file, whatever its role; a name may be given."""
    fields = asset(roles=("metadata",), file__size=7)
    (tmp_path / "asset.json").write_text(json.dumps(fields))
    source: Any = {"json": fields, "pystac": pystac.Asset.from_dict(fields), "file": tmp_path / "asset.json"}[form]
    assert items_from(source) == [Item(f"{FILES}/B02.tif", "B02.tif", 7)]
    assert items_from(source, "mine.tif")[0].name == "mine.tif"


@pytest.mark.parametrize("how", ["path", "at", "home"])
def test_a_file_of_stac(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item or a collection of items may lie in a file, with a byte order mark too."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "items.json"
    path.write_text("\ufeff\n" + json.dumps(collection(item(), item({"x": asset(f"{FILES}/x.tif")}))), "utf-8")
    source = {"path": path, "at": f"@{path}", "home": "@~/items.json"}[how]
    assert names(source) == ["B02.tif", "B03.tif", "B04.tif", "x.tif"]


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("../files/a.tif", "https://stac.example.org/collections/c/files/a.tif"),
        ("./a.tif", "https://stac.example.org/collections/c/items/a.tif"),
        ("/a.tif", "https://stac.example.org/a.tif"),
        ("//elsewhere.example.org/a.tif", "https://elsewhere.example.org/a.tif"),
        (" https://h.example.org/a.tif\n", "https://h.example.org/a.tif"),
    ],
)
@pytest.mark.parametrize("form", ["json", "pystac"])
def test_relative_addresses(href: str, url: str, form: str) -> None:
    """A relative address is one of the place where the item lies."""
    assert [found.url for found in items_from(FORMS[form](item({"a": asset(href)})))] == [url]


def test_an_asset_of_pystac_knows_its_item() -> None:
    """A relative address of an asset that was taken out of its item is read as the item's."""
    taken = pystac.Item.from_dict(item({"a": asset("a.tif")})).assets["a"]
    assert items_from(taken)[0].url == f"{HERE.rpartition('/')[0]}/a.tif"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"href": "s3://bucket/a.tif"}, "begins with s3: and has no other. Only https"),
        ({"href": "http://h.example.org/a.tif"}, "begins with http: and has no other. Plain http"),
        ({"href": "file:///data/MTDA/a.tif"}, "begins with file: and has no other. It lies on the provider's own"),
        ({"href": "C:\\a.tif"}, "begins with c:"),
        ({"href": ""}, "has no address"),
        ({"href": 5}, "has no address"),
        ({"href": None}, "has no address"),
        ({"href": "https://me:s3cret@h.example.org/a.tif"}, "cannot be read"),
        ({"href": "https://h.example.org/a b.tif"}, "white space"),
        ({"href": "//[h"}, "Its address is relative"),
        ({"file:size": "7"}, "size of B02.tif is 7"),
        ({"file:size": -1}, "size of B02.tif is -1"),
        ({"file:size": 7.5}, "size of B02.tif is 7.5"),
        ({"file:size": float("nan")}, "size of B02.tif is nan"),
        ({"file:size": True}, "size of B02.tif is True"),
        ({"file:size": [7]}, "size of B02.tif is"),
        ({"file:checksum": "sha256:00"}, "'sha256:00' is no checksum"),
        ({"file:checksum": "1220ff"}, "is no checksum"),
        ({"file:checksum": 7}, "checksum of an item is of type int"),
    ],
)
def test_an_asset_that_cannot_be_fetched_is_named(fields: dict[str, Any], reason: str) -> None:
    """What is wrong with an asset is said with its key and its item, and what to do; nothing secret is repeated."""
    with pytest.raises(SourceInvalid, match=reason) as caught:
        items_from(item({"B02": {**asset(), **fields}}))
    assert caught.value.what.startswith("Asset B02 of item S2A_1: ")
    assert "--asset" in caught.value.do
    assert "s3cret" not in str(caught.value)


WRONG = [{"href": ""}, {"href": None}, {"roles": ["data"]}, 5]


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("form", ["collection", "search", "list", "lines"])
def test_one_without_an_address_fails_alone(wrong: Any, form: str, tmp_path: Path) -> None:
    """Of a long list one asset that has no address stops nothing, and is told of in its own row; so is an item without
    assets."""
    features = [item({"a": asset(f"{FILES}/{number}.tif")}, f"S{number}") for number in range(3)]
    features[1]["assets"] = {"a": wrong}
    features.append({"type": "Feature", "id": "S3"})
    (tmp_path / "items.json").write_text(json.dumps(collection(*features)))
    source: Any = {
        "collection": collection(*features),
        "search": Search(*features),
        "list": features,
        "lines": ["@" + str(tmp_path / "items.json")],
    }[form]
    planned = prepare(source, tmp_path / "data")
    assert [action.do for action in planned.actions] == ["fetch", "conflict", "fetch", "conflict"]
    assert str(planned).startswith("2 unusable, 2 to fetch\n")
    assert [action.error.what for action in planned.actions if action.error] == [
        "Asset a of item S1: It has no address.",
        "Item S3 has no assets.",
    ]


def test_the_others_are_fetched(one: Downloads) -> None:
    """What has no address is a failed row of the report, with its own words; the rest is fetched."""
    one.server.files["/b.tif"] = Answer(b"b")
    with pytest.raises(
        DownloadFailed, match=r"1 of 2 downloads failed\.\nS_a: Asset a of item S: It has no address\."
    ) as it:
        download(item({"a": asset(""), "b": asset(one.server.url("/b.tif"))}, "S"), one.folder, engine=one.engine())
    report = pickle.loads(pickle.dumps(it.value.report))
    assert [outcome.status for outcome in report.outcomes] == ["failed", "saved"]
    assert one.names() == ["b.tif"]


@pytest.mark.parametrize("count", [1, 3])
def test_a_list_without_any_address(count: int) -> None:
    """Where nothing can be fetched that is an error at once."""
    with pytest.raises(SourceInvalid, match="Asset a of item S0: It has no address"):
        items_from([item({"a": asset("")}, f"S{number}") for number in range(count)])


def test_relative_without_a_place() -> None:
    """A relative address is refused where the item does not say where it lies, or lies at no https address."""
    for links in ([], None, [{"rel": "self", "href": "/home/me/item.json"}], [{"rel": "self", "href": 5}], [5]):
        with pytest.raises(SourceInvalid, match="Its address is relative"):
            items_from(item({"a": asset("a.tif")}, links=links))


def test_an_alternate_where_the_address_is_not_spoken() -> None:
    """An asset at s3 is fetched from the https address that its catalogue tells beside it."""
    alternate = {"x": {"href": "http://h/x.tif"}, "y": 5, "https": {"href": "https://h.example.org/a.tif"}}
    assert (
        items_from(item({"a": asset("s3://bucket/a.tif", alternate=alternate)}))[0].url == "https://h.example.org/a.tif"
    )


@pytest.mark.parametrize(
    ("href", "path"),
    [
        ("file:///data/MTDA/a%20b.tif", "/data/MTDA/a b.tif"),
        ("file://localhost/data/a.tif", "/data/a.tif"),
        ("file:/data/a.tif", "/data/a.tif"),
        ("FILE:///data/a.tif", "/data/a.tif"),
        ("file://elsewhere/data/a.tif", None),
        ("file:////data/a.tif", None),
        ("file:data/a.tif", None),
        ("file:///data/a%00.tif", None),
        ("file://", None),
        ("/data/a.tif", None),
        (5, None),
    ],
)
def test_local_alternates(href: object, path: str | None) -> None:
    """The path of a local alternate is carried along where it is one, and else left out."""
    [found] = items_from(item({"a": asset(alternate={"local": {"href": href}})}))
    assert found.local_path == path


@pytest.mark.parametrize("alternate", [None, 5, [], {"local": None}, {"local": {}}])
def test_alternates_that_cannot_be_read(alternate: object) -> None:
    """An alternate that is none keeps nothing from being fetched."""
    assert items_from(item({"a": asset(alternate=alternate)}))[0].local_path is None


def test_a_whole_number_may_have_a_point() -> None:
    """JSON makes no difference between 7 and 7.0."""
    assert items_from(item({"a": asset(file__size=7.0)}))[0].size_bytes == 7


def test_checksum_of_a_catalogue() -> None:
    """The multihash of `file:checksum` is what the file is checked by."""
    checksum = "1220" + "ab" * 32
    assert items_from(item({"a": asset(file__checksum=checksum)}))[0].checksum == checksum


def test_a_name_where_the_address_has_none() -> None:
    """An asset at an address without a file name is called by its item and its key."""
    assert names(item({"B 02": asset("https://h.example.org/get/")})) == ["S2A_1_B 02"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({"type": "Feature", "id": "x"}, "Item x has no assets"),
        ({"type": "Feature", "assets": []}, "What you gave has no assets"),
        ({"type": "Collection", "assets": {}}, "A STAC Collection is not downloaded as a whole"),
        ({"type": "Catalog"}, "A STAC Catalog is not downloaded as a whole"),
        ({"type": "FeatureCollection"}, "has no list of them"),
        ({"features": {}}, "has no list of them"),
        ({"features": [5]}, "has no list of them"),
        (pystac.Catalog("x", "y"), "A STAC Catalog is not downloaded as a whole. Search it first"),
    ],
)
def test_json_that_is_none_of_it(source: Any, reason: str) -> None:
    """What is no item, asset or collection of items says so."""
    with pytest.raises(SourceInvalid, match=reason):
        items_from(source)


class Search:
    """As pystac-client's `ItemSearch`: pages that are asked for as they are needed."""

    def __init__(self, *features: dict[str, Any], error: Exception | None = None) -> None:
        self.features, self.error, self.given = features, error, 0

    def items_as_dicts(self) -> Iterator[dict[str, Any]]:
        for feature in self.features:
            self.given += 1
            yield feature
        if self.error:
            raise self.error


def test_a_search_is_read_to_its_end() -> None:
    """The items of a search are those to fetch, also as one of several sources."""
    search = Search(item(), item({"x": asset(f"{FILES}/x.tif")}))
    assert names(search) == names(["https://h/a.tif", search])[1:] == ["B02.tif", "B03.tif", "B04.tif", "x.tif"]


def test_nothing_of_a_search_is_kept() -> None:
    """An item that is wrong stops a search at once: its pages are not collected first."""
    search = Search(item({"a": asset("s3://b/a")}), item())
    with pytest.raises(SourceInvalid, match="s3:"):
        items_from(search)
    assert search.given == 1


def test_a_page_that_holds_no_items() -> None:
    """What a catalogue puts in the place of an item is refused in words."""
    with pytest.raises(SourceInvalid, match="has no list of them"):
        items_from(Search(item(), 5))  # type: ignore[arg-type]


class Answered(Exception):
    """As pystac-client's `APIError`."""

    def __init__(self, status_code: int | None) -> None:
        super().__init__("https://h/search?token=s3cret said <html>")
        self.status_code = status_code


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (None, ServerUnreachable, True),
        (503, ServerUnreachable, True),
        (429, ServerUnreachable, True),
        (400, ServerRefused, False),
    ],
)
def test_a_catalogue_that_does_not_answer(status: int | None, kind: type[TerrascopeError], retryable: bool) -> None:
    """What a library says of a catalogue becomes an error of the tree, which repeats neither body nor query."""
    with pytest.raises(kind, match="The catalogue did not answer") as caught:
        items_from(Search(item(), error=Answered(status)))
    assert (caught.value.status, caught.value.retryable) == (status, retryable)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_what_our_session_said_of_a_catalogue_is_said() -> None:
    """An error of the tree that a library wrapped is told as it was."""

    wrapped = Answered(None)
    wrapped.__context__ = ServerRefused("It leads astray.")
    with pytest.raises(ServerRefused, match="leads astray"):
        items_from(Search(error=wrapped))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
hostile_text = st.sampled_from(
    ["../../x", "a/b", "..", "\ud800", "x" * 3000, "https://h/..", "https://h/%2e%2e/", "nul"]
)
anything = json_values | hostile_text


def with_hostile(fields: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return an object in which any of the fields is any value, or missing."""
    return st.fixed_dictionaries({}, optional={name: st.just(value) | anything for name, value in fields.items()})


bands = with_hostile({"name": "B02", "common_name": "blue"})
assets = with_hostile(
    {
        "href": f"{FILES}/B02.tif",
        "roles": ["data"],
        "file:size": 7,
        "file:checksum": "1220" + "00" * 32,
        "title": "Band",
        "alternate": {"local": {"href": "file:///data/x"}},
    }
)
features = with_hostile({"type": "Feature", "id": "S2A_1", "links": [{"rel": "self", "href": HERE}]})


@pytest.mark.soak
@given(
    features,
    st.dictionaries(st.text(max_size=5) | hostile_text, assets | anything, max_size=3),
    st.lists(bands | anything, max_size=2) | anything,
    st.sampled_from([{}, {"assets": "B02"}, {"roles": "data"}, {"assets": "blue", "roles": "all"}]),
)
def test_a_hostile_catalogue(
    feature: dict[str, Any], named: dict[str, Any], of_bands: Any, chosen: dict[str, str]
) -> None:
    """Whatever a catalogue says, in any type, what comes of it are items with safe names, or errors of the tree."""
    for each in named.values():
        if isinstance(each, dict):
            each["eo:bands"] = of_bands
    source = {**feature, "assets": named}
    with contextlib.suppress(TerrascopeError):
        for found in items_from([source], selection=Selection.of(**chosen)):
            assert Path("/t", found.name).parent == Path("/t")
            # without an address it fails alone among others
            is_unusable = isinstance(found, Unusable)
            assert is_unusable or found.url.startswith(("https://", "http://127.", "http://localhost"))
            assert found.size_bytes is None or type(found.size_bytes) is int


@given(anything)
def test_any_json_is_read_or_refused(value: Any) -> None:
    """Whatever lies in a JSON file, it is read or refused in words."""
    with contextlib.suppress(TerrascopeError):
        items_from([value])
    with contextlib.suppress(TerrascopeError):
        items_from({"type": "FeatureCollection", "features": value})
