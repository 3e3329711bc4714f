"""The journal beside an unfinished file: what it is a part of, so that a later run can go on (floor 4).

It is read as what a stranger may have written: what is not exactly what `write` would have written is not believed.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from .answers import is_validator
from .names import shown

_SAFELY: int = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_MAX_BYTES = 65536


@dataclass(frozen=True)
class Journal:
    """What a part is a part of. The hash is of the whole URL, whose query may be a secret and is not stored."""

    url: str
    url_sha256: str
    validator: str | None
    size_bytes: int | None

    @classmethod
    def of(cls, url: str, validator: str | None, size_bytes: int | None) -> Journal:
        """Return the journal of a content of `url` that `validator` names."""
        return cls(shown(url), _sha256(url), validator, size_bytes)

    def is_of(self, url: str) -> bool:
        """Tell whether it is the journal of exactly this URL."""
        return self.url_sha256 == _sha256(url)

    def usable_bytes(self, part_bytes: int) -> int:
        """Return where a part of that size goes on: before its last byte at least, so that the answer proves it."""
        if self.size_bytes is None or part_bytes < self.size_bytes:
            return part_bytes
        return self.size_bytes - 1 if part_bytes == self.size_bytes else 0

    def write(self, path: Path) -> None:
        """Write it in the place of whatever is at `path`; a link is replaced, not followed."""
        path.unlink(missing_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY, 0o666)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file)


def read_journal(path: Path) -> Journal | None:
    """Read a journal; None where there is none, or it cannot be believed (a kill may have cut it)."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | _SAFELY), "rb") as file:
            fields: object = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    read = cast("dict[str, object]", fields)
    url, url_sha256, validator, size_bytes = (read.get(key) for key in ("url", "url_sha256", "validator", "size_bytes"))
    if not isinstance(url, str) or not isinstance(url_sha256, str):
        return None
    # a part is only kept with a validator
    if not isinstance(validator, str) or not is_validator(validator):
        return None
    if size_bytes is not None and (type(size_bytes) is not int or size_bytes < 0):
        return None
    return Journal(url, url_sha256, validator, size_bytes)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
