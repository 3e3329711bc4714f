"""Status and header fields of an answer, from its lines as libcurl hands them over (floor 4; RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ..answers import Headers

_STATUS = re.compile(r"HTTP/([0-9.]+) +([0-9]{3})")
_END = "\r\n\r\n"
_PLAIN_STATUS = re.compile(rb"http/[0-9.]+ +(200|206)\b")
_LENGTH = b"\r\ncontent-length: "
# with any of these, or a type like text/html, more is to be said
_NOT_PLAIN = (b"\ncontent-encoding", b"\ntransfer-encoding", b"html")


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


def content_length(head: bytes) -> int:
    """Return how long an answer is by its header, in lower case; 0 where a closer look is needed.

    It is where another header (of a 1xx, or trailers) came along: the length may be said there (RFC 9112 section 6.3).
    """
    if head.find(b"\r\n\r\n") != len(head) - 4:
        return 0
    begin = head.find(_LENGTH) + len(_LENGTH)
    digits = head[begin : head.find(b"\r", begin)]
    return int(digits) if begin >= len(_LENGTH) and digits.isdigit() and len(digits) < 19 else 0


def is_plain(head: bytes, size_bytes: int, *, is_asked_in_part: bool) -> bool:
    """Tell whether a header that has a `content_length` says only that all of a file of that size came, as it is.

    Where this is False it may do so too, in a way that takes a closer look.

    Parameters
    ----------
    head : bytes
    size_bytes : int
        How much came.
    is_asked_in_part : bool
        Whether a range was asked for, from the first byte on.
    """
    match = _PLAIN_STATUS.match(head)
    if match is None or head.count(b"\ncontent-length") != 1 or any(field in head for field in _NOT_PLAIN):
        return False
    ranges = head.count(b"\ncontent-range")
    if match[1] == b"200":
        return not ranges
    all_of_it = b"\ncontent-range: bytes 0-%d/%d\r" % (size_bytes - 1, size_bytes)
    return is_asked_in_part and ranges == 1 and all_of_it in head
