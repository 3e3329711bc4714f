"""STAC items, their collections and searches, as JSON or as pystac's objects, made into items to fetch (floor 4).

Objects are known by what they have, not by their classes: neither pystac nor pystac-client is imported. A search is
read page by page, and nothing of a page is kept but what is to be fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard

from ...errors import SourceInvalid, TerrascopeError, quoted
from ..names import clean
from .assets import item_of_asset
from .catalogue import catalogue_failed
from .item import Item, Unusable
from .json import is_array, is_object
from .selection import Chooser

_SEARCHES = ("Search it first.", "Give the items of a search: `ts.stac.open().search(…)`.")


def is_asset(thing: object) -> bool:
    """Tell whether something is one asset, as JSON or as an object with an address."""
    if is_object(thing):
        return "href" in thing and "assets" not in thing and "features" not in thing
    return isinstance(getattr(thing, "href", None), str)


def is_search(thing: object) -> TypeGuard[Any]:
    """Tell whether something is a search of pystac-client."""
    return callable(getattr(thing, "items_as_dicts", None))


def is_object_of_pystac(thing: object) -> TypeGuard[Any]:
    """Tell whether something is an item of pystac, or a collection or catalogue, which are not meant."""
    return isinstance(getattr(thing, "assets", None), dict) or hasattr(thing, "get_items")


def json_of(asset: Any) -> dict[str, Any]:
    """Return an asset as JSON has it: one of pystac (``extra_fields``), or a product's file (``length``)."""
    if is_object(asset):
        return asset
    fields: dict[str, Any] = {**getattr(asset, "extra_fields", {})}
    for field, attribute in (("href", "href"), ("roles", "roles"), ("file:size", "length")):
        value = getattr(asset, attribute, None)
        if value is not None:
            fields[field] = value
    return fields


def items_of_json(fields: dict[str, Any], chooser: Chooser, name: str | None) -> Iterator[Item]:
    """Yield what there is to fetch of a STAC item, or of a collection of items.

    Raises
    ------
    SourceInvalid
        It is something else, or of an asset a field by which it is checked or found cannot be read.
    """
    kind = fields.get("type")
    if kind == "FeatureCollection" or ("features" in fields and "assets" not in fields):
        features = fields.get("features")
        if not is_array(features) or not all(is_object(feature) for feature in features):
            raise _no_list_of_items()
        for feature in features:
            yield from _items_of_feature(feature, chooser, name)
    elif kind in ("Collection", "Catalog"):
        raise SourceInvalid(f"A STAC {kind} is not downloaded as a whole.", *_SEARCHES)
    else:
        yield from _items_of_feature(fields, chooser, name)


def _no_list_of_items() -> SourceInvalid:
    return SourceInvalid("A collection of items has no list of them.", "", "Check the JSON.")


def _items_of_feature(feature: dict[str, Any], chooser: Chooser, name: str | None) -> Iterator[Item]:
    assets, owner = feature.get("assets"), feature.get("id", "")
    if not is_object(assets):
        error = SourceInvalid(
            f"{f'Item {quoted(owner, 80)}' if owner else 'What you gave'} has no assets.",
            "A STAC item has `assets`, each with an `href`.",
            "Give an item, an asset, or a collection of items.",
        )
        if not (called := clean(str(owner))):
            raise error
        yield Unusable("", name or called, error=error)
        return
    for key in chooser.choose(assets):
        asset: dict[str, Any] = assets[key] if is_object(assets[key]) else {}
        yield item_of_asset(asset, key, owner, base=lambda: _self_link(feature.get("links")), name=name)


def _self_link(links: object) -> object:
    for link in links if is_array(links) else ():
        if is_object(link) and link.get("rel") == "self":
            return link.get("href")
    return None


def items_of_object(thing: Any, chooser: Chooser, name: str | None) -> Iterator[Item]:
    """Yield what there is to fetch of a pystac item."""
    if hasattr(thing, "get_items"):
        raise SourceInvalid(f"A STAC {type(thing).__name__} is not downloaded as a whole.", *_SEARCHES)
    assets = {str(key): json_of(asset) for key, asset in thing.assets.items()}
    for key in chooser.choose(assets):
        yield item_of_asset(assets[key], key, getattr(thing, "id", ""), base=lambda: _self_of(thing), name=name)


def item_of_lone_asset(thing: Any, name: str | None) -> Item:
    """Return what there is to fetch of an asset that was given without its item."""
    owner = getattr(thing, "owner", None)
    asset = json_of(thing)
    title = getattr(thing, "title", None) or asset.get("title") or ""
    return item_of_asset(asset, title, getattr(owner, "id", ""), base=lambda: _self_of(owner), name=name)


def _self_of(thing: Any) -> object:
    return thing.get_self_href() if hasattr(thing, "get_self_href") else None


def features_of(search: Any) -> Iterator[dict[str, Any]]:
    """Yield the items of a search, asking for a page when the one before is read.

    Raises
    ------
    TransferError
        The catalogue did not answer.
    """
    pages = iter(search.items_as_dicts())
    while True:
        try:
            feature = next(pages)
        except StopIteration:
            return
        except TerrascopeError:
            raise
        except Exception as error:  # noqa: BLE001 - what its library raises, and requests below it
            problem = catalogue_failed(error)
        else:
            if not is_object(feature):
                raise _no_list_of_items()
            yield feature
            continue
        raise problem
