"""Sources that lie in a file: a list of addresses, or STAC as JSON (floor 4)."""

from __future__ import annotations

import json
from pathlib import Path

from ...errors import SourceInvalid, quoted
from .lists import Lines


def read_source(path: str) -> object:
    """Return what a file holds: JSON where it begins like that, else its lines.

    Raises
    ------
    SourceInvalid
        It cannot be read, or is neither.
    """
    try:
        text = Path(path).expanduser().read_text("utf-8-sig")
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise _unreadable(path, f"The system says: {reason}.") from None
    except ValueError:
        raise _unreadable(path, "It is no text in UTF-8.") from None
    if not text.lstrip().startswith(("{", "[")):
        return Lines(text.split("\n"))
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _unreadable(path, "It begins like JSON, and is none.") from None


def _unreadable(path: str, why: str) -> SourceInvalid:
    return SourceInvalid(
        f"{quoted(path, 200)!r} cannot be read as a source.",
        why,
        "Give a list with one address a line, or a STAC item or collection of items as JSON.",
    )
