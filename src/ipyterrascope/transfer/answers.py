"""What an HTTP answer says about a file: pure functions of status and headers (floor 4; RFC 9110).

An answer is believed only where it says one thing: sizes must agree, a part must begin where it was asked to, and a web
page is never taken for data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from ..errors import ContentInvalid, ServerRefused, ServerUnreachable, TransferError
from ..values.hosts import is_secure
from .names import host_of, path_segments, shown
from .sources import Item

Headers = Mapping[str, str]
"""Header names in any case, as requests gives them."""

_VALIDATOR = re.compile(r'"[\x21\x23-\x7e]{0,1000}"|[A-Z][\x20\x21\x23-\x7e]{0,99}')
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.IGNORECASE)
_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)(?![\w.:-])", re.IGNORECASE)
# what else browsers take for the beginning of a page (https://mimesniff.spec.whatwg.org), unless it says that it is XML
_HTML_FRAGMENT = re.compile(
    rb"<(?:script|meta|title|link|style|iframe|form|table|div|h1|br|p)(?![\w.:-])", re.IGNORECASE
)
# of UTF-8, UTF-32 and UTF-16, the longer ones first
_BYTE_ORDER_MARK = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe\0\0|\0\0\xfe\xff|\xff\xfe|\xfe\xff)")
_BLANKS = (b"<!--", b"<?xml")
_TELLING_BYTES, _MOST_BYTES = 4096, 65536
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_HTML_NAMES = (".html", ".htm", ".xhtml")


@dataclass(frozen=True)
class Body:
    """What the body of an accepted answer holds.

    Attributes
    ----------
    start : int
        The offset of its first byte in the file.
    size_bytes : int or None
        The size of the whole file; None when the server does not tell.
    validator : str or None
        A strong validator of the file's content (RFC 9110 section 8.8.1), for `If-Range`.
    """

    start: int
    size_bytes: int | None
    validator: str | None


def read_body(status: int, headers: Headers, offset: int, validator: str | None) -> Body | None:
    """Tell what the body of a 200 or 206 holds, or None where it is not what was asked and has to be asked anew.

    Parameters
    ----------
    status : int
    headers : mapping
    offset : int
        Where the answer was asked to begin; 0 when the whole file was asked for.
    validator : str or None
        The validator that `If-Range` carried.
    """
    size_bytes = content_length(headers)
    ours = strong_validator(headers)
    if status == 200:
        return Body(0, size_bytes, ours)
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    if status != 206 or match is None or not offset or match[3] == "*":
        return None
    start, end, total = int(match[1]), int(match[2]), int(match[3])
    if start != offset or not start <= end < total or size_bytes not in (None, end - start + 1):
        return None
    if "ETag" in headers and ours != validator:
        return None
    return Body(start, total, validator)


def content_length(headers: Headers) -> int | None:
    """Return Content-Length, or None where there is none, or it does not count the file's own bytes."""
    value = headers.get("Content-Length", "")
    return int(value) if re.fullmatch(r"[0-9]{1,18}", value) and not is_encoded(headers) else None


def is_encoded(headers: Headers) -> bool:
    """Tell whether the body is compressed or otherwise coded (RFC 9110 section 8.4)."""
    return headers.get("Content-Encoding", "").strip().lower() not in ("", "identity")


def strong_validator(headers: Headers) -> str | None:
    """Return the ETag if it is strong, else Last-Modified if it is old enough to be (RFC 9110 section 8.8.2.2)."""
    etag, last_modified = (headers.get(name, "").strip() for name in ("ETag", "Last-Modified"))
    if etag:
        return etag if etag.startswith('"') and is_validator(etag) else None
    modified, date = _instant(last_modified), _instant(headers.get("Date", ""))
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
        raise ContentInvalid(
            f"The server compressed {item.name} though it was asked not to.",
            "What is saved would not be the file.",
            "Tell the provider.",
        )
    sizes = {item.size_bytes, body.size_bytes} - {None}
    if len(sizes) > 1:
        raise ContentInvalid(
            f"{item.name} has another size than the catalogue says.",
            f"The server has {body.size_bytes:,} bytes and the catalogue {item.size_bytes:,}.",
            "Look it up again; if it stays so, tell the provider.",
        )
    if not sizes and "chunked" not in headers.get("Transfer-Encoding", "").lower():
        raise ContentInvalid(
            f"Nobody can tell when {item.name} is complete.",
            f"{host_of(item.url)} does not say how long it is.",
            "Give its size: Item(url, name, size_bytes).",
        )
    return next(iter(sizes), None)


def is_telling(first_bytes: bytes) -> bool:
    """Tell whether `is_web_page` can judge by these bytes, or has to see more of the body.

    A body that does not begin with a tag is data. One that does, or has nothing but white space and comments so far,
    has to be seen further; but not without end.
    """
    if not 4 <= len(first_bytes) < _MOST_BYTES:
        return len(first_bytes) >= _MOST_BYTES
    text = _behind_blanks(first_bytes)
    if not text or text.startswith(_BLANKS):
        return False
    return len(text) >= _TELLING_BYTES or not text.startswith(b"<")


def is_web_page(headers: Headers, first_bytes: bytes) -> bool:
    """Tell whether the body is HTML, by its first bytes or its type. XML that says so and is not HTML is data."""
    text = _behind_blanks(first_bytes)
    if _HTML.match(text):
        return True
    if _plain(first_bytes).startswith(b"<?xml "):
        return False
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return media_type in _HTML_TYPES or _HTML_FRAGMENT.match(text) is not None


def _plain(data: bytes) -> bytes:
    """Drop what hides ASCII: a byte order mark, the zero bytes of UTF-16 and UTF-32, and white space in front."""
    return _BYTE_ORDER_MARK.sub(b"", data).replace(b"\0", b"").lstrip()


def _behind_blanks(data: bytes) -> bytes:
    """Drop what may stand before the first tag: white space, comments, and the XML declaration."""
    rest = _plain(data)
    # one comment after the other, instead of by a pattern that could try all ways to divide them
    while rest.startswith(_BLANKS):
        closing = b"-->" if rest.startswith(b"<!--") else b"?>"
        _, closed, behind = rest.partition(closing)
        if not closed:
            break
        rest = behind.lstrip()
    return rest


def check_page(url: str, final_url: str, name: str, headers: Headers, first_bytes: bytes) -> None:
    """Raise `ContentInvalid` for a web page that is not the file, and for a redirect that left https.

    A page is the file only if it is called so (``.html``) and no redirect led elsewhere: to a login page, say. A
    redirect to the same name in another place is one to where the file lies.
    """
    if not is_secure(final_url):
        raise ContentInvalid(
            f"{shown(url)} was redirected to an address that is not encrypted.",
            "What comes from there could be anybody's.",
            "Ask for its https address.",
        )
    if not is_web_page(headers, first_bytes):
        return
    moved = path_segments(url)[-1:] != path_segments(final_url)[-1:]
    if moved or not name.lower().endswith(_HTML_NAMES):
        raise ContentInvalid(
            f"A web page came instead of {name}.",
            f"The server sent it by way of {host_of(final_url)}." if moved else "Servers do that to ask for a sign-in.",
            "Sign in again; if it comes again, open the address in a browser to read what the page says.",
        )


def refusal(status: int, url: str) -> TransferError:
    """Return the error for a status that is neither 200 nor 206; it is `retryable` for 408, 429 and 5xx."""
    address = shown(url)
    if status in (408, 429) or status >= 500:
        why = "It has too many requests just now." if status == 429 else "It has a passing trouble, or so it says."
        return ServerUnreachable(
            f"{host_of(url)} did not deliver {address} ({status}).", why, "Try again later.", status=status
        )
    what, why, do = {
        401: ("did not accept the sign-in", "It is missing, has ended or is not valid there.", "Sign in again."),
        403: (
            "does not let you have this file",
            "Your account lacks the right to it, or its conditions have to be accepted first.",
            "Open the address in a browser while signed in, and accept the conditions or ask for access.",
        ),
        404: ("has no such file", "The address is wrong, or the file was moved or removed.", "Look it up again."),
        410: ("no longer has this file", "It was removed for good.", "Look for a newer version."),
    }.get(status, ("did not deliver the file", "The answer is none that brings a file.", "Check the address."))
    return ServerRefused(f"{host_of(url)} {what} ({status}): {address}.", why, do, status=status)


def retry_after_s(headers: Headers, now: float) -> float | None:
    """Return how long the server asks to wait, in seconds (RFC 9110 section 10.2.3); None where it does not say.

    Parameters
    ----------
    headers : mapping
    now : float
        POSIX seconds, for a `Retry-After` that is a date.
    """
    value = headers.get("Retry-After", "").strip()
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
