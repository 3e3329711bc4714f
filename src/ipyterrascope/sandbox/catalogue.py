"""The STAC API: collections and items in Terrascope's shape (sandbox; STAC 1.0, STAC API 1.0)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlencode

from .messages import Answer, ReceivedRequest, json_answer
from .products import Product, ProductFile, products
from .sessions import Refused
from .settings import Settings

PREFIX = "/stac"
_GEOJSON = "application/geo+json"
_EXTENSIONS = [
    "https://stac-extensions.github.io/authentication/v1.1.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/alternate-assets/v1.2.0/schema.json",
    "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
]
_CONFORMS_TO = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
]
_MAX_LIMIT = 100


class Catalogue:
    """The items under `/stac`. `url_of` tells the address of a file from its path."""

    def __init__(
        self,
        settings: Settings,
        url: str,
        issuer: str,
        url_of: Callable[[str], str],
        user_of: Callable[[Mapping[str, str]], str],
    ) -> None:
        self._settings, self._root, self._issuer = settings, f"{url}{PREFIX}", issuer
        self._url_of, self._user_of = url_of, user_of
        self._products = {product.identifier: product for product in products()}

    def answer(self, request: ReceivedRequest) -> Answer:
        """Answer a request to the API. A bearer that is not good is refused even here, where nothing is secret."""
        if "Authorization" in request.headers:
            try:
                self._user_of(request.headers)
            except Refused:
                return json_answer({"code": "Unauthorized", "description": "Invalid or expired token"}, 401)
        match request.path.removeprefix(PREFIX).strip("/").split("/"):
            case [""]:
                return json_answer(self._landing())
            case ["conformance"]:
                return json_answer({"conformsTo": _CONFORMS_TO})
            case ["collections"]:
                listed = [self._collection(name) for name in self._collections()]
                return json_answer({"collections": listed, "links": _links(self._root)})
            case ["collections", name] if name in self._collections():
                return json_answer(self._collection(name))
            case ["collections", name, "items"] if name in self._collections():
                return self._search(
                    {**_search_fields(request), "collections": [name]}, request, f"collections/{name}/items"
                )
            case ["collections", name, "items", identifier] if self._has(name, identifier):
                return json_answer(self._item(self._products[identifier]), media_type=_GEOJSON)
            case ["search"]:
                return self._search(_search_fields(request), request, "search")
            case _:
                return json_answer({"code": "NotFound", "description": "There is nothing here"}, 404)

    def _has(self, collection: str, identifier: str) -> bool:
        return identifier in self._products and self._products[identifier].collection == collection

    def _collections(self) -> list[str]:
        return list(dict.fromkeys(product.collection for product in self._products.values()))

    def _landing(self) -> dict[str, Any]:
        search = f"{self._root}/search"
        return {
            "type": "Catalog",
            "id": "terrascope-sandbox",
            "title": "Terrascope SANDBOX",
            "description": "A made-up catalogue on this machine; nothing in it is real.",
            "stac_version": "1.0.0",
            "conformsTo": _CONFORMS_TO,
            "links": [
                *_links(
                    self._root,
                    self=self._root,
                    data=f"{self._root}/collections",
                    conformance=f"{self._root}/conformance",
                ),
                {"rel": "search", "href": search, "type": _GEOJSON, "method": "GET"},
                {"rel": "search", "href": search, "type": _GEOJSON, "method": "POST"},
                *(
                    {"rel": "child", "href": f"{self._root}/collections/{name}", "type": "application/json"}
                    for name in self._collections()
                ),
            ],
        }

    def _collection(self, name: str) -> dict[str, Any]:
        members = [product for product in self._products.values() if product.collection == name]
        here = f"{self._root}/collections/{name}"
        return {
            "type": "Collection",
            "id": name,
            "title": members[0].title,
            "description": f"{members[0].title}, made up by the sandbox.",
            "stac_version": "1.0.0",
            "stac_extensions": _EXTENSIONS[:1],
            "license": "proprietary",
            "extent": {
                "spatial": {"bbox": [list(members[0].box)]},
                "temporal": {"interval": [[min(p.at for p in members), max(p.at for p in members)]]},
            },
            "auth:schemes": self._schemes(),
            "links": [
                *_links(self._root, self=here, parent=self._root),
                {"rel": "items", "href": f"{here}/items", "type": _GEOJSON},
            ],
        }

    def _item(self, product: Product) -> dict[str, Any]:
        west, south, east, north = product.box
        collection = f"{self._root}/collections/{product.collection}"
        return {
            "type": "Feature",
            "stac_version": "1.0.0",
            "stac_extensions": _EXTENSIONS,
            "id": product.identifier,
            "collection": product.collection,
            "bbox": list(product.box),
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
            },
            "properties": {"datetime": product.at, "title": product.identifier, "auth:schemes": self._schemes()},
            "links": _links(
                self._root, self=f"{collection}/items/{product.identifier}", parent=collection, collection=collection
            ),
            "assets": {file.key: self._asset(file) for file in product.files},
        }

    def _asset(self, file: ProductFile) -> dict[str, Any]:
        asset: dict[str, Any] = {
            "href": self._url_of(file.path),
            "title": file.title,
            "type": file.media_type,
            "roles": list(file.roles),
            "file:size": file.content.size_bytes,
            "alternate": {"local": {"href": f"file://{self._settings.data_root}/{file.path}"}},
        }
        if file.band:
            asset["eo:bands"] = [{"name": file.band}]
        return asset if file.is_public else {**asset, "auth:refs": ["oidc"]}

    def _schemes(self) -> dict[str, Any]:
        address = f"{self._issuer}/.well-known/openid-configuration"
        return {"oidc": {"type": "openIdConnect", "openIdConnectUrl": address}}

    def _search(self, fields: dict[str, Any], request: ReceivedRequest, where: str) -> Answer:
        try:
            limit, offset = min(_MAX_LIMIT, int(fields.get("limit", 10))), int(fields.get("token", 0))
            box = [float(edge) for edge in fields.get("bbox") or ()]
        except (TypeError, ValueError):
            limit, offset, box = 0, 0, []
        if limit < 1 or offset < 0 or len(box) not in (0, 4):
            return json_answer({"code": "BadRequest", "description": "limit, token or bbox cannot be read"}, 400)
        found = [product for product in self._products.values() if _matches(product, fields, box)]
        page = found[offset : offset + limit]
        links = _links(self._root, self=f"{self._root}/{where}")
        if offset + limit < len(found):
            links.append(self._next(fields, request, where, limit, offset + limit))
        features = [self._item(product) for product in page]
        context = {"numberMatched": len(found), "numberReturned": len(page)}
        answer = {"type": "FeatureCollection", "features": features, "links": links, **context}
        return json_answer(answer, media_type=_GEOJSON)

    def _next(
        self, fields: dict[str, Any], request: ReceivedRequest, where: str, limit: int, token: int
    ) -> dict[str, Any]:
        link = {"rel": "next", "href": f"{self._root}/{where}", "type": _GEOJSON, "method": request.method}
        if request.method == "POST":
            return {**link, "body": {**fields, "limit": limit, "token": str(token)}}
        query = {**request.query, "limit": str(limit), "token": str(token)}
        return {**link, "href": f"{link['href']}?{urlencode(query)}"}


def _links(root: str, /, **more: str) -> list[dict[str, Any]]:
    """Return the links of a page, the root first; each keyword is a relation."""
    return [{"rel": rel, "href": href, "type": "application/json"} for rel, href in {"root": root, **more}.items()]


def _search_fields(request: ReceivedRequest) -> dict[str, Any]:
    """Return the fields of a search, from the query or from a JSON body, in one form."""
    if request.method == "POST":
        try:
            fields = json.loads(request.body or b"{}")
        except ValueError:
            fields = None
        return cast(dict[str, Any], fields) if isinstance(fields, dict) else {"limit": 0}
    lists = {name: request.query[name].split(",") for name in ("collections", "ids", "bbox") if name in request.query}
    return {**request.query, **lists}


def _matches(product: Product, fields: dict[str, Any], box: list[float]) -> bool:
    if fields.get("collections") and product.collection not in fields["collections"]:
        return False
    if fields.get("ids") and product.identifier not in fields["ids"]:
        return False
    if box and not _overlap(box, product.box):
        return False
    return _is_within(product.at, str(fields.get("datetime") or ".."))


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] <= other[2] and one[2] >= other[0] and one[1] <= other[3] and one[3] >= other[1]


def _is_within(at: str, span: str) -> bool:
    """Whether an instant lies in an instant or interval, either end of which may be open; days stand for themselves."""
    first, slash, last = span.partition("/")
    last = last if slash else first
    begins = first in ("", "..") or at[: len(first)] >= first
    return begins and (last in ("", "..") or at[: len(last)] <= last)
