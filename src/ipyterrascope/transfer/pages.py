"""Web pages in the place of a file: a login page that comes with 200 is never taken for data (floor 4).

Pure functions of headers and first bytes. Servers call a page by any type, and what begins it may be hidden behind
white space, comments or an encoding of two or four bytes a letter.
"""

from __future__ import annotations

import re

from ..errors import ContentInvalid
from ..values.hosts import is_secure
from .answers import Headers
from .names import host_of, path_segments, shown

_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body)(?![\w.:-])", re.IGNORECASE)
# what else browsers take for a page (https://mimesniff.spec.whatwg.org) and hardly any XML begins with
_HTML_FRAGMENT = re.compile(rb"<(?:script|meta|title|link|style|iframe|div|h1|br)(?![\w.:-])", re.IGNORECASE)
# of UTF-8, UTF-32 and UTF-16, the longer ones first
_BYTE_ORDER_MARK = re.compile(rb"\A(?:\xef\xbb\xbf|\xff\xfe\0\0|\0\0\xfe\xff|\xff\xfe|\xfe\xff)")
_BLANKS = (b"<!--", b"<?xml")
_COMMENT_END, _DECLARATION_END = re.compile(rb"--!?>"), re.compile(rb"\?>")
_TELLING_BYTES, _MOST_BYTES = 4096, 65536
_HTML_TYPES = ("text/html", "application/xhtml+xml")
_HTML_NAMES = (".html", ".htm", ".xhtml")
# whose files begin with bytes of their own, and never with a tag
_BINARY_NAMES = (
    ".tif", ".tiff", ".jp2", ".nc", ".h5", ".hdf", ".zip", ".gz", ".tgz", ".tar", ".png", ".jpg", ".jpeg", ".parquet",
)  # fmt: skip
# whose files may begin with any tag, and have those of HTML in it
_MARKUP_NAMES = (
    *_HTML_NAMES, ".xml", ".kml", ".gml", ".svg", ".gpx", ".xsd", ".xsl", ".xslt", ".rdf", ".sld", ".qml", ".qgs",
    ".vrt", ".dim", ".safe", ".md",
)  # fmt: skip
# with which all other files do not begin, and which no text that begins with a tag has near its beginning
_FIRST_TAG = re.compile(
    rb"<(?:p|a|h[1-6]|center|table|form|span|font|img|main|section|header|nav)[\s/>]", re.IGNORECASE
)
_LATER_TAG = re.compile(rb"<(?:!doctype\s+html|html|body|form|input)[\s/>]", re.IGNORECASE)
# by its first byte: neither the beginning of a tag, nor anything that could hide one
_DATA = re.compile(rb"[^<\s\0\xc2\xe2\xef\xfe\xff]")
_INVISIBLE = re.compile(rb"\A(?:\s|\xef\xbb\xbf|\xc2\xa0|\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0)+")


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


def is_data(first_bytes: bytes) -> bool:
    """Tell whether a body is no page of any kind, by its first byte alone; where this is False it may be none."""
    return _DATA.match(first_bytes) is not None


def is_web_page(headers: Headers, first_bytes: bytes) -> bool:
    """Tell whether the body is HTML, by its first bytes or its type. XML that says so and is not HTML is data."""
    return _is_page(headers, first_bytes, _behind_blanks(first_bytes))


def _is_page(headers: Headers, first_bytes: bytes, text: bytes) -> bool:
    if _HTML.match(text):
        return True
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    may_be = media_type in _HTML_TYPES or _HTML_FRAGMENT.match(text) is not None
    return may_be and not _plain(first_bytes).startswith(b"<?xml ")


def _plain(data: bytes) -> bytes:
    """Drop what hides ASCII: a byte order mark, the zero bytes of UTF-16 and UTF-32, and blanks in front."""
    return _INVISIBLE.sub(b"", _BYTE_ORDER_MARK.sub(b"", data).replace(b"\0", b""))


def _behind_blanks(data: bytes) -> bytes:
    """Drop what may stand before the first tag: white space, comments, and the XML declaration.

    Of what does not begin with a tag, no more than the beginning is returned: nearly all data is told by it.
    """
    beginning = data[:64]
    if _DATA.match(beginning):
        return beginning
    beginning = _plain(beginning)
    if beginning and not beginning.startswith(b"<"):
        return beginning
    rest = _plain(data)
    # one comment after the other, instead of by a pattern that could try all ways to divide them
    while rest.startswith(_BLANKS):
        # from the beginning on: browsers take <!--> for all of a comment
        end = (_COMMENT_END if rest.startswith(b"<!--") else _DECLARATION_END).search(rest)
        if end is None:
            break
        rest = _INVISIBLE.sub(b"", rest[end.end() :])
    return rest


def _is_out_of_place(name: str, first_bytes: bytes, text: bytes) -> bool:
    """Tell whether no file of that name begins so, with a tag, but pages do."""
    if name.endswith(_BINARY_NAMES):
        return True
    if name.endswith(_MARKUP_NAMES) or _plain(first_bytes[:64]).startswith(b"<?xml "):
        return False
    return _FIRST_TAG.match(text) is not None or _LATER_TAG.search(text[:_TELLING_BYTES]) is not None


def check_page(url: str, final_url: str, name: str, headers: Headers, first_bytes: bytes) -> None:
    """Raise `ContentInvalid` for a web page that is not the file, and for a redirect that left https.

    A page is the file only if it is called so (``.html``) and no redirect led elsewhere: to a login page, say. A
    redirect to the same name in another place is one to where the file lies.
    """
    if final_url != url and not is_secure(final_url):
        raise ContentInvalid(
            f"{shown(url)} was redirected to an address that is not encrypted.",
            "What comes from there could be anybody's.",
            "Ask for its https address.",
        )
    text = _behind_blanks(first_bytes)
    begins_as_one = text.startswith(b"<") and _is_out_of_place(name.lower(), first_bytes, text)
    if not begins_as_one and not _is_page(headers, first_bytes, text):
        return
    moved = path_segments(url)[-1:] != path_segments(final_url)[-1:]
    if moved or not name.lower().endswith(_HTML_NAMES):
        raise ContentInvalid(
            f"A web page came instead of {name}.",
            f"The server sent it by way of {host_of(final_url)}." if moved else "Servers do that to ask for a sign-in.",
            "Sign in again; if it comes again, open the address in a browser to read what the page says.",
        )
