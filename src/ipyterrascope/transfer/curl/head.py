"""Status and header fields of an answer, from its lines as libcurl hands them over (floor 4; RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..answers import Headers

_STATUS = re.compile(r"HTTP/([0-9.]+) +([0-9]{3})")
_BRINGS = re.compile(rb"HTTP/[0-9.]+ +20[06]\b")
_LENGTH = re.compile(rb"content-length: *([0-9]{1,18})\s*\Z", re.IGNORECASE)
_END = "\r\n\r\n"


class Head(NamedTuple):
    """`http` is the first number of HTTP's version."""

    http: str
    status: int
    fields: Headers


def read_head(lines: Iterable[bytes]) -> Head | None:
    """Return version, status and header fields; None while they are not all there.

    A status that cannot be read is 0. Interim answers (1xx) are passed over, and trailers not looked at.
    """
    left = b"".join(lines).decode("latin-1")
    if _END not in left:
        # some servers end their lines so
        left = left.replace("\r\n", "\n").replace("\n", "\r\n")
    while True:
        head, end, left = left.partition(_END)
        match = _STATUS.match(head)
        if not end:
            return None
        if match is None:
            return Head("", 0, {})
        status = int(match[2])
        if not 100 <= status < 200:
            break
    fields: dict[str, str] = {}
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        # several of one name are joined by commas (RFC 9110 section 5.3)
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return Head(match[1][0], status, fields)


def whole_bytes(lines: Sequence[bytes]) -> int:
    """Return how long an answer that brings content is by its Content-Length; 0 where a closer look is needed."""
    if not lines or not _BRINGS.match(lines[0]):
        return 0
    for line in lines:
        if match := _LENGTH.match(line):
            return int(match[1])
    return 0
