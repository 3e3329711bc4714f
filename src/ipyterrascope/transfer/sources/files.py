"""Sources that lie in a file: a list of addresses, or STAC as JSON (floor 4)."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path

from ...errors import SourceInvalid, quoted
from .lists import Lines

_MOST_BYTES = 1 << 30
_SAFELY: int = getattr(os, "O_NONBLOCK", 0)


def read_source(path: str) -> object:
    """Return what a file holds: JSON where it begins like that, else its lines.

    Raises
    ------
    SourceInvalid
        It cannot be read, is no regular file, or holds neither.
    """
    try:
        text = _read(Path(path).expanduser())
    except FileNotFoundError:
        raise _not_there(path) from None
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise _unreadable(path, f"The system says: {reason}.") from None
    except UnicodeDecodeError:
        raise _unreadable(path, "It is no text in UTF-8.") from None
    except ValueError as error:
        raise _unreadable(path, str(error)) from None
    return source_of(text, path)


def source_of(text: str, path: str) -> object:
    """Return what a text that came from `path` holds. Raises `SourceInvalid` as `read_source`."""
    if not text.lstrip().startswith(("{", "[")):
        return Lines(text.split("\n"), where=quoted(Path(path).name, 60))
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _unreadable(path, "It begins like JSON, and is none.") from None


def _read(path: Path) -> str:
    # what is no regular file may never end, or never begin: a list that somebody sent can name any
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _SAFELY)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("It is no regular file.")
        if status.st_size > _MOST_BYTES:
            raise ValueError(f"It has {status.st_size:,} bytes; {_MOST_BYTES:,} are the most.")
        return file.read().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def _not_there(path: str) -> SourceInvalid:
    folder = ""
    with suppress(OSError):  # the present folder may have been removed
        folder = f" in {quoted(Path(path).expanduser().absolute().parent)}"
    return _unreadable(path, f"There is no such file{folder}.", "Check its name and its folder.")


def _unreadable(
    path: str, why: str, do: str = "Give a list with one address a line, or a STAC item or collection of items as JSON."
) -> SourceInvalid:
    return SourceInvalid(f"{quoted(path, 200)!r} cannot be read as a source.", why, do)
