"""What can be downloaded, made into items: the first step of a transfer (floor 4)."""

from .catalogue import catalogue_failed
from .files import source_of
from .item import Item, Unusable
from .lists import Lines
from .reading import Source, is_single, is_source, items_from
from .selection import Selection

__all__ = [
    "Item",
    "Lines",
    "Selection",
    "Source",
    "Unusable",
    "catalogue_failed",
    "is_single",
    "is_source",
    "items_from",
    "source_of",
]
