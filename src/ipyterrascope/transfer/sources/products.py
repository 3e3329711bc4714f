"""Products of terracatalogueclient, the client of Terrascope's older catalogue, made into items to fetch (floor 4).

Known by what they have; the library is not imported. Its four kinds of files are what roles are for STAC: "data" unless
others are asked for, "related", "previews" and "alternates". A file is called by its title, as ``TOC-B02_10M``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeGuard, cast

from .assets import item_of_asset
from .item import Item
from .selection import Assets, Chooser
from .stac import json_of

_KINDS = ("data", "related", "previews", "alternates")


def is_product(thing: object) -> TypeGuard[Any]:
    """Tell whether something is a product of that library."""
    return all(isinstance(getattr(thing, kind, None), list) for kind in _KINDS)


def items_of_product(product: Any, chooser: Chooser, name: str | None) -> Iterator[Item]:
    """Yield what there is to fetch of a product."""
    assets: Assets = {}
    for kind in _KINDS:
        for file in cast("list[object]", getattr(product, kind)):
            key = title = str(getattr(file, "title", None) or kind)
            number = 1
            while key in assets:
                number += 1
                key = f"{title} ({number})"
            assets[key] = {**json_of(file), "roles": [kind]}
    for key in chooser.choose(assets):
        yield item_of_asset(assets[key], key, getattr(product, "id", ""), name=name)
