"""Which assets of a STAC item are meant (floor 4).

Pure functions of what an item says. Every field may be of any JSON type: what is not as the specification has it says
nothing. An asset is meant by its key, letter case aside, or else by the name or common name of its band, as
``eo:bands`` (STAC 1.0) and ``bands`` (1.1) tell them: an asset of that band alone goes before one with others in it,
such as a picture in true colours.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from ...errors import UsageError, quoted
from .json import is_array, is_object

Assets: TypeAlias = dict[str, Any]
"""The assets of an item by their keys, as JSON has them (STAC 1.1): each should be an object, and may be anything."""

ALL = "all"
"""What is written in the place of roles for: whatever the role."""

Fit = Literal["key", "alone", "among"]
"""How an asset answers to a name: by its key, letter case aside; as the band of that name alone; as one of several."""

_MOST_LISTED = 12
_MOST_KEPT = 1000


@dataclass(frozen=True)
class Selection:
    """Which assets of STAC items to take. Without assets and roles: those of role "data", or all where there are none.

    Parameters
    ----------
    assets : tuple of str
        Keys or bands; an item that has none of them gives nothing.
    roles : tuple of str
        Roles of which an asset has to have one; "all" means any.
    """

    assets: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    @classmethod
    def of(cls, assets: object = None, roles: object = None) -> Selection:
        """Read what a person wrote: names with commas between them, or several such texts.

        Raises
        ------
        UsageError
            It is something else.
        """
        return cls(_names("assets", assets), _names("roles", roles))

    def __bool__(self) -> bool:
        return bool(self.assets or self.roles)


def _names(field: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(dict.fromkeys(name for part in value.split(",") if (name := part.strip())))
    if not isinstance(value, (list, tuple, set, frozenset)):
        raise UsageError(
            f"Something of type {type(value).__name__} names no {field}.",
            "They are named by text.",
            f'Write {field}="B02,B03" or {field}=["B02", "B03"].',
        )
    return tuple(dict.fromkeys(name for part in cast("Iterable[object]", value) for name in _names(field, part)))


class Chooser:
    """Chooses among the assets of one item after the other, and knows in the end what none of them had."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._roles = frozenset[str]() if ALL in selection.roles else frozenset(selection.roles)
        self._missing = {"asset": dict.fromkeys(selection.assets), "role": dict.fromkeys(self._roles)}
        self._last: tuple[list[str], list[Any]] = [], []
        self._called: dict[str, list[str]] = {}
        self._there: dict[str, dict[str, None]] = {"asset": {}, "role": {}}
        self.has_seen_items = False

    def choose(self, assets: Assets) -> list[str]:
        """Return the keys of those that are meant, in their order; those that were named, in the order of the names."""
        self.has_seen_items = True
        if not self._selection:
            return [key for key in assets if "data" in roles_of(assets[key])] or [*assets]
        keys = self._named(assets) if self._selection.assets else [*assets]
        if not self._roles:
            return keys
        if self._missing["role"]:
            self._note("role", [role for asset in assets.values() for role in roles_of(asset)])
        return [key for key in keys if not self._roles.isdisjoint(roles_of(assets[key]))]

    def _named(self, assets: Assets) -> list[str]:
        # asked without a call, for there are a hundred thousand items of a dozen assets
        bands: list[Any] = [
            (a.get("eo:bands") or a.get("bands")) if isinstance(a, dict) else None for a in assets.values()
        ]
        if self._last != (last := ([*assets], bands)):
            # the items of a collection have the same bands under the same keys, nearly always
            self._last, self._called = last, {name: _called(name, assets, bands) for name in self._selection.assets}
        found: dict[str, None] = {}
        for name, keys in self._called.items():
            if keys:
                self._missing["asset"].pop(name, None)
                found.update(dict.fromkeys(keys))
        if self._missing["asset"]:
            self._note("asset", assets)
        return [*found]

    def _note(self, kind: str, there: Iterable[str]) -> None:
        for name in there:
            self._missing[kind].pop(name, None)
            if len(self._there[kind]) < _MOST_KEPT:
                self._there[kind][name] = None

    def finish(self) -> None:
        """Say what was asked for and no item had.

        Raises
        ------
        UsageError
            There is such a name or role.
        """
        for kind, names in self._missing.items():
            if self.has_seen_items and names:
                raise _not_had(kind, next(iter(names)), [*self._there[kind]])


def _not_had(kind: str, name: str, there: list[str]) -> UsageError:
    listed = [quoted(other, 40) for other in there[:_MOST_LISTED]]
    if len(there) > _MOST_LISTED:
        listed.append(f"and {len(there) - _MOST_LISTED} more")
    near = difflib.get_close_matches(name, there, n=1) if len(name) < _MOST_KEPT else []
    owner = "item has an" if kind == "asset" else "asset has the"
    return UsageError(
        f"No {owner} {kind} {quoted(name, 40)!r}.",
        f"There are: {', '.join(listed)}." if listed else "There is none at all.",
        f"Did you mean {quoted(near[0], 40)}?" if near else "Name one that there is, or leave it out.",
    )


def _called(name: str, assets: Assets, bands: list[Any]) -> list[str]:
    """Return the keys of the assets that are meant by a name."""
    if name in assets:
        return [name]
    folded = name.casefold()
    found: dict[Fit | None, list[str]] = {}
    for key, its_bands in zip(assets, bands, strict=True):
        found.setdefault(_fit(key, its_bands, folded), []).append(key)
    return found.get("key") or found.get("alone") or found.get("among") or []


def _fit(key: str, bands: Any, folded: str) -> Fit | None:
    """Tell how an asset answers to a name; any field may be of any type, and then says nothing."""
    if key.casefold() == folded:
        return "key"
    try:
        called = [(band.get("name"), band.get("common_name") or band.get("eo:common_name")) for band in bands or ()]
    except (AttributeError, TypeError):
        return None
    if not any(isinstance(text, str) and text.casefold() == folded for pair in called for text in pair):
        return None
    return "alone" if len(called) == 1 else "among"


def roles_of(asset: Any) -> list[str]:
    """Return the roles of an asset; none where they are not to be read."""
    roles = asset.get("roles") if is_object(asset) else None
    if isinstance(roles, str):
        return [roles]
    return [role for role in roles if isinstance(role, str)] if is_array(roles) else []
