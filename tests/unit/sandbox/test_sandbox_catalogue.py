"""The STAC API: its pages, its search, and the shape of its items."""

from __future__ import annotations

import pytest
import requests


@pytest.fixture
def get(box):
    """Get a page of the API as JSON."""
    return lambda path="", **query: requests.get(f"{box.stac_url}{path}", params=query, timeout=10).json()


def ids(answer: dict) -> list[str]:
    return [feature["id"] for feature in answer["features"]]


def test_landing_page_links_every_collection(get):
    """From the root one reaches the collections and the search."""
    links = get()["links"]
    assert {link["rel"] for link in links} == {"root", "self", "data", "conformance", "search", "child"}
    for link in links:
        if link["rel"] == "child":
            assert requests.get(link["href"], timeout=10).json()["type"] == "Collection"


def test_collections(get):
    """The collections of the demonstration are there, each with its items."""
    names = {collection["id"] for collection in get("/collections")["collections"]}
    assert {"terrascope-s2-toc-v2", "lcfm-lcm-10", "esa-worldcover-10m-2020-v1"} <= names
    assert len(ids(get("/collections/terrascope-s2-toc-v2/items"))) == 2
    assert requests.get(get("/collections")["links"][0]["href"] + "/collections/none", timeout=10).status_code == 404


def test_item_has_terrascopes_shape(box, get, fetch):
    """An item names the issuer; its assets have address, size, role, login where needed, and a local alternate."""
    item = get("/collections/terrascope-s2-toc-v2/items")["features"][0]
    scheme = item["properties"]["auth:schemes"]["oidc"]
    assert scheme == {
        "type": "openIdConnect",
        "openIdConnectUrl": f"{box.issuer}/.well-known/openid-configuration",
    }
    band, metadata = item["assets"]["TOC-B02_10M"], item["assets"]["INSPIRE"]
    assert band["auth:refs"] == ["oidc"]
    assert band["eo:bands"] == [{"name": "B02"}]
    assert band["file:size"] == len(fetch(band["href"]).content)
    assert band["alternate"]["local"]["href"].startswith("file:///data/MTDA/Sentinel2/TOC_V2/2026/08/07/")
    assert "auth:refs" not in metadata
    assert requests.get(metadata["href"], timeout=10).ok
    assert [item["assets"][key]["roles"] for key in ("TOC-B02_10M", "SCENECLASSIFICATION_20M", "INSPIRE")] == [
        ["data"],
        ["data-mask"],
        ["metadata"],
    ]


def test_local_alternate_can_be_moved(box, get):
    """With `data_root` the alternates lead to a folder of the test."""
    box.data_root = "/tmp/elsewhere"
    item = get("/collections/lcfm-lcm-10/items")["features"][0]
    assert item["assets"]["MAP"]["alternate"]["local"]["href"].startswith("file:///tmp/elsewhere/LCFM/")


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, 6),
        ({"collections": ["terrascope-s2-toc-v2", "lcfm-lcm-10"]}, 3),
        ({"ids": ["S2C_20260807T104621_31TCN_TOC_V220"]}, 1),
        ({"bbox": [0, 47, 1, 48]}, 4),
        ({"bbox": [100, 47, 101, 48]}, 0),
        ({"datetime": "2026-08-05T00:00:00Z/.."}, 1),
        ({"datetime": "2026-08-02"}, 1),
        ({"datetime": "../2020-12-31"}, 4),
        ({"collections": ["none"]}, 0),
    ],
)
def test_search(box, get, fields, found):
    """GET and POST find the same."""
    query = {name: ",".join(map(str, value)) if isinstance(value, list) else value for name, value in fields.items()}
    by_get = get("/search", **query)
    by_post = requests.post(f"{box.stac_url}/search", json=fields, timeout=10).json()
    assert len(ids(by_get)) == by_get["numberMatched"] == found
    assert ids(by_post) == ids(by_get)


def test_paging(box):
    """Following `next` brings every item once, by GET as by POST."""
    everything = ids(requests.get(f"{box.stac_url}/search", timeout=10).json())
    for method, fields in (("GET", {"params": {"limit": 4}}), ("POST", {"json": {"limit": 4}})):
        page = requests.request(method, f"{box.stac_url}/search", timeout=10, **fields).json()
        [link] = [link for link in page["links"] if link["rel"] == "next"]
        last = requests.request(link["method"], link["href"], json=link.get("body"), timeout=10).json()
        assert ids(page) + ids(last) == everything
        assert not [link for link in last["links"] if link["rel"] == "next"]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "bbox=1,2", "bbox=a,b,c,d", "token=-1"])
def test_search_that_cannot_be_read(box, query):
    """A parameter that makes no sense is 400."""
    assert requests.get(f"{box.stac_url}/search?{query}", timeout=10).status_code == 400


def test_a_dead_bearer_is_refused_even_for_public_data(box, fetch):
    """Without a bearer all is open; with a good one too; with a dead one everything is 401."""
    assert requests.get(box.stac_url, timeout=10).ok
    assert fetch(f"{box.stac_url}/search").ok
    box.expire_access_tokens()
    assert fetch(f"{box.stac_url}/search").status_code == 401
