"""What an HTTP answer says about a file: pure functions of status and headers (floor 4; RFC 9110).

An answer is believed only where it says one thing: sizes must agree, and a part must begin where it was asked to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from ..errors import ContentInvalid, ServerRefused, ServerUnreachable, TransferError, quoted
from .names import host_of, shown
from .sources import Item

Headers = Mapping[str, str]
"""Header fields by name in lower case."""

_VALIDATOR = re.compile(r'"[\x21\x23-\x7e]{0,1000}"|[A-Z][\x20\x21\x23-\x7e]{0,99}')
_NO_CODINGS = frozenset(("", "identity", "chunked"))
_LENGTH = re.compile("[0-9]{1,18}")
# copied along out of a sentence
_BEHIND_AN_ADDRESS = tuple(".,;:!?)]}>'\"")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE)


class Body(NamedTuple):
    """What the body of an accepted answer holds.

    Attributes
    ----------
    start : int
        The offset of its first byte in the file.
    end : int or None
        The offset behind its last byte, of a part; None for a body that is the whole file.
    size_bytes : int or None
        The size of the whole file; None when the server does not tell.
    validator : str or None
        A strong validator of the file's content (RFC 9110 section 8.8.1), for `If-Range`.
    """

    start: int
    end: int | None
    size_bytes: int | None
    validator: str | None


def read_body(status: int, headers: Headers, start: int, asked_end: int | None, validator: str | None) -> Body | None:
    """Tell what the body of a 200 or 206 holds, or None where it is not what was asked and has to be asked anew.

    Parameters
    ----------
    status : int
    headers : mapping
    start : int
        Where the answer was asked to begin.
    asked_end : int or None
        Where it was asked to end, exclusive; None for the end of the file. With `start` 0 no part was asked for.
    validator : str or None
        The validator that `If-Range` carried.
    """
    size_bytes = content_length(headers)
    ours = strong_validator(headers)
    match = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
    if status == 200:
        # some relays make a 200 of a part: all of it is as long as the part says the whole is
        told = int(match[2]) + 1 - int(match[1]) if match and size_bytes is None else size_bytes
        is_part = match is not None and told != int(match[3])
        return None if is_part else Body(0, None, int(match[3]) if match else size_bytes, ours)
    is_several = headers.get("content-type", "").lstrip().lower().startswith("multipart/")  # with lines between them
    if status != 206 or match is None or is_several or (start == 0 and asked_end is None):
        return None
    first, end, total = int(match[1]), int(match[2]) + 1, int(match[3])
    if first != start or not start < end <= min(total, asked_end or total) or size_bytes not in (None, end - start):
        return None
    if validator is None:
        return Body(start, end, total, ours)
    # a part proves its content by naming it again, for there are servers that read no If-Range; an ETag, be it weak,
    # that comes where there was none before is of another content, whatever the date
    if validator != (headers.get("etag", "").strip() or headers.get("last-modified", "").strip()):
        return None
    return Body(start, end, total, validator)


def content_length(headers: Headers) -> int | None:
    """Return Content-Length, or None where there is none, or it does not count the file's own bytes."""
    value = headers.get("content-length", "")
    return int(value) if _LENGTH.fullmatch(value) and not is_encoded(headers) else None


def is_encoded(headers: Headers) -> bool:
    """Tell whether the body is compressed or otherwise coded, itself (RFC 9110 section 8.4) or on the way (RFC 9112
    section 6.1)."""
    if "content-encoding" not in headers and "transfer-encoding" not in headers:
        return False
    codings = f"{headers.get('content-encoding', '')},{headers.get('transfer-encoding', '')}".lower().split(",")
    return not {coding.strip() for coding in codings} <= _NO_CODINGS


def strong_validator(headers: Headers) -> str | None:
    """Return the ETag if it is strong, else Last-Modified if it is old enough to be (RFC 9110 section 8.8.2.2)."""
    etag = headers.get("etag", "").strip()
    if etag:
        return etag if etag.startswith('"') and is_validator(etag) else None
    last_modified = headers.get("last-modified", "").strip()
    modified, date = _instant(last_modified), _instant(headers.get("date", ""))
    if modified is None or date is None or date - modified < 60:
        return None
    return last_modified if is_validator(last_modified) else None


def is_validator(text: str) -> bool:
    """Tell whether a text is a strong ETag or may be a date, and so can be sent in `If-Range`."""
    return _VALIDATOR.fullmatch(text) is not None


def agreed_size(item: Item, headers: Headers, body: Body) -> int | None:
    """Return the size on which catalogue and server agree; None where only the last chunk will tell.

    Raises
    ------
    ContentInvalid
        When they disagree, when the body is compressed, or when a cut could not be noticed.
    """
    if is_encoded(headers):
        raise compressed(item.name)
    known, told = item.size_bytes, body.size_bytes
    if known is not None and told is not None and known != told:
        raise ContentInvalid(
            f"{item.name} has another size than the catalogue says.",
            f"The server has {told:,} bytes and the catalogue {known:,}.",
            "Search the catalogue again; if it stays so, tell the provider.",
        )
    if known is None and told is None and "chunked" not in headers.get("transfer-encoding", "").lower():
        raise ContentInvalid(
            f"Nobody can tell when {item.name} is complete.",
            f"{host_of(item.url)} does not say how long it is.",
            "Tell who runs it; or give its size in Python: Item(url, name, size_bytes).",
        )
    return known if told is None else told


def compressed(what: str) -> ContentInvalid:
    """Return the error for a body that was compressed though nobody asked for it."""
    return ContentInvalid(
        f"The server compressed {what} though it was asked not to.",
        "What is saved would not be the file.",
        "Tell the provider.",
    )


def refusal(status: int, url: str, final_url: str | None = None, asked_s: float | None = None) -> TransferError:
    """Return the error for a status that is neither 200 nor 206; it is `retryable` for 408, 429 and 5xx.

    Parameters
    ----------
    status : int
    url : str
        What was asked for.
    final_url : str, optional
        Who answered, after redirects.
    asked_s : float, optional
        How long it asks to wait, in seconds.
    """
    host, address = host_of(final_url or url), f"The address is {shown(url)}."
    if status in (408, 429) or status >= 500:
        why = "It has too many requests just now." if status == 429 else "It has a passing trouble, or so it says."
        do = f"Try again in {_span(asked_s)}: it asks for that." if asked_s else "Try again later."
        if status == 429:
            do += " Fewer connections may do (`--max-connections 2`, max_connections=2)."
        # a terminal's bar has room for so much
        what = f"{host} is busy ({status})." if status in (429, 503) else f"{host} did not deliver the file ({status})."
        return ServerUnreachable(what, f"{why} {address}", do, status=status)
    what, why, do = {
        401: (
            "did not accept the sign-in",
            "It is missing, has ended or is not valid there.",
            "Sign in again, or renew the token that was given.",
        ),
        403: (
            "does not let you have this file",
            "Your account lacks the right to it, or its conditions have to be accepted first.",
            "Open the address in a browser while signed in, and accept the conditions or ask for access.",
        ),
        404: (
            "has no such file",
            "The address may be old: the file was moved or removed, or it never was right.",
            "Search the catalogue again, and download what it names now.",
        ),
        410: ("no longer has this file", "It was removed for good.", "Look for a newer version."),
    }.get(status, ("did not deliver the file", "The answer is none that brings a file.", "Check the address."))
    if status == 404 and url[-1:] in _BEHIND_AN_ADDRESS:
        do = f"It ends with {url[-1]!r}: was that a part of the text around it? {do}"
    return ServerRefused(f"{host} {what} ({status}).", f"{why} {address}", do, status=status)


def _span(seconds: float) -> str:
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def no_login_sent(status: int | None, url: str, login_hosts: Iterable[str]) -> ServerRefused:
    """Return the error for a refusal by a host that must not see the sign-in."""
    hosts = quoted(", ".join(sorted(login_hosts))) or "none is set"
    return ServerRefused(
        f"{host_of(url)} did not give the file ({status}), and no login was sent there.",
        f"A login goes to its provider's hosts only: {hosts}.",
        "Name the provider that the host belongs to (`--provider`, provider=…), or add the host to c.Terrascope.hosts "
        "(TERRASCOPE_HOSTS).",
        status=status,
    )


def retry_after_s(headers: Headers, now: float) -> float | None:
    """Return how long the server asks to wait, in seconds (RFC 9110 section 10.2.3); None where it does not say.

    Parameters
    ----------
    headers : mapping
    now : float
        POSIX seconds, for a `Retry-After` that is a date.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    instant = _instant(value)
    return None if instant is None else max(0.0, instant - now)


def _instant(value: str) -> float | None:
    """Read an HTTP date (RFC 9110 section 5.6.7) as POSIX seconds."""
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return _utc(moment).timestamp()


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)
