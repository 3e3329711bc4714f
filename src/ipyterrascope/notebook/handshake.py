"""What the messages of all widgets have in common: a kind, whose kernel is meant, which view sends it (floor 6).

What comes from a browser is not believed before it was read here: a message with anything in it that its kind does not
have is refused as a whole. `js/connection.js` is the other end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from ..errors import UsageError

_COMMON_FIELDS = frozenset({"kind", "boot_id", "view_id"})
_LONGEST_ID = 64


def view_of(content: object) -> str:
    """Return the id of the view that sent `content`, or an empty string when it cannot be one."""
    return _id_in(content, "view_id")


def boot_id_of(content: object) -> str:
    """Return the boot id that `content` carries, or an empty string when it cannot be one."""
    return _id_in(content, "boot_id")


def _id_in(content: object, name: str) -> str:
    found = cast("Mapping[object, object]", content).get(name) if isinstance(content, Mapping) else None
    return found if isinstance(found, str) and len(found) <= _LONGEST_ID else ""


def read_fields(
    content: object, fields_of: Mapping[str, frozenset[str]], boot_id: str, noun: str
) -> Mapping[str, object]:
    """Check what all messages have, and return the fields.

    Parameters
    ----------
    content : object
        The JSON part of a message.
    fields_of : mapping of str to frozenset of str
        The kinds that there are, and which fields each may have besides those of all.
    boot_id : str
        The widget's own; the message has to carry it.
    noun : str
        What the widget shows.

    Raises
    ------
    UsageError
        When it cannot be a message of the widget. Its text repeats nothing of the message.
    """
    if not isinstance(content, Mapping):
        raise refusal("It is not an object.")
    fields = cast("Mapping[str, object]", content)
    kind = fields.get("kind")
    if not isinstance(kind, str) or kind not in fields_of:
        raise refusal("Its kind is not known.")
    if fields.get("boot_id") != boot_id:
        raise UsageError(
            f"This {noun} belongs to an earlier session.",
            "The kernel does not know it any more.",
            "Run the cell again.",
        )
    if fields.keys() - _COMMON_FIELDS - fields_of[kind]:
        raise refusal("It has a field that it must not have.")
    if "view_id" in fields and fields["view_id"] != view_of(fields):
        raise refusal("Its view_id is not one.")
    return fields


def refusal(why: str) -> UsageError:
    """Return the error for a message that is none of the widget's."""
    return UsageError("The widget sent a message that is not understood.", why, "Run the cell again.")
