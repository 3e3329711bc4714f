"""One asset of a catalogue, made into an item (floor 4; STAC 1.1, with the extensions file and alternate-assets).

Nothing here trusts the catalogue. A field that only saves work (the local alternate) is left out where it cannot be
read; one by which a file is checked or found is an error then, which says whose it is. One without an address is common
among thousands, and fails alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urljoin

from ...errors import SourceInvalid, quoted
from ...values.hosts import is_secure
from ..names import clean, last_segment
from .item import Item, Unusable
from .json import is_object

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_FILE = re.compile(r"file:(?://(?:localhost)?)?(/[^/].*)", re.IGNORECASE | re.DOTALL)


class _NoAddress(SourceInvalid):
    """There is nothing by which it could be fetched."""


def item_of_asset(
    asset: dict[str, Any],
    key: object,
    owner: object,
    *,
    base: Callable[[], object] = lambda: None,
    name: str | None = None,
) -> Item:
    """Return what there is to fetch of an asset; an `Unusable` where it has no address.

    Parameters
    ----------
    asset : dict
        As JSON has it.
    key, owner : object
        How it is called, and the identifier of its item: for the name where the address has none, and for errors.
        Empty where there is none.
    base : callable
        Returns the address of the item's own JSON, for an address that is relative to it.
    name : str, optional
        The file's name, if not that of the address.

    Raises
    ------
    SourceInvalid
        It cannot be fetched. The text says which asset it is.
    """
    try:
        url = _address(asset, base)
        name = name or clean(last_segment(url)) or clean(f"{owner}_{key}")
        return Item(url, name, _whole(asset.get("file:size")), _local_path(asset), asset.get("file:checksum"))
    except SourceInvalid as error:
        what, why, is_unusable = error.what, error.why, isinstance(error, _NoAddress)
    called = f"Asset {quoted(key, 80)}" if key else "An asset"
    whose = f" of item {quoted(owner, 80)}" if owner else ""
    do = "Choose other assets (`--asset`, assets=…), or tell who keeps the catalogue."
    problem = SourceInvalid(f"{called}{whose}: {what}", why, do)
    if not is_unusable:
        raise problem
    return Unusable("", name or clean(f"{owner}_{key}") or "asset", error=problem)


def _whole(number: Any) -> Any:
    """Return 5 for 5.0, which is a whole number in JSON too."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _address(asset: dict[str, Any], base: Callable[[], object]) -> str:
    """Return the first address that can be fetched: the asset's own, or that of an alternate."""
    href: object = asset.get("href")
    if isinstance(href, str) and href.startswith("https://"):
        return href.strip()
    hrefs = [href.strip() for href in (href, *_alternates(asset)) if isinstance(href, str) and href.strip()]
    if not hrefs:
        raise _NoAddress("It has no address.", "There is no text in its `href`.")
    for each in hrefs:
        if is_secure(each):
            return each
    if _SCHEME.match(hrefs[0]):
        raise _not_spoken(hrefs[0])
    return _resolved(hrefs[0], base())


def _resolved(href: str, base: object) -> str:
    if isinstance(base, str) and is_secure(base):
        # urllib raises it for half a bracket
        try:
            return urljoin(base, href)
        except ValueError:
            pass
    raise SourceInvalid(
        "Its address is relative.",
        "The item does not say at which https address it lies itself (its link `self`).",
    )


def _not_spoken(href: str) -> SourceInvalid:
    scheme = quoted(href.partition(":")[0], 20).lower()
    why = "Plain http is spoken only on loopback." if scheme == "http" else "Only https is spoken here."
    if scheme == "file":
        why = "It lies on the provider's own machines, where it need not be downloaded."
    return SourceInvalid(f"It is at an address that begins with {scheme}: and has no other.", why)


def _alternates(asset: dict[str, Any]) -> list[Any]:
    alternates = asset.get("alternate")
    if not is_object(alternates):
        return []
    return [alternate.get("href") for alternate in alternates.values() if isinstance(alternate, dict)]


def _local_path(asset: dict[str, Any]) -> str | None:
    for href in (asset.get("href"), *_alternates(asset)):
        if isinstance(href, str) and href[:5].lower() == "file:":
            match = _FILE.fullmatch(href)
            path = unquote(match[1]) if match else ""
            if path and "\0" not in path:
                return path
    return None
