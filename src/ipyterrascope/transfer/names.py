"""Names, addresses and sizes: what a file may be called, and how a URL and a size are shown (floor 4).

One rule serves all platforms, so that a folder filled on Linux can be copied to Windows: what comes from a server is
cleaned by it, and what a person asked for is refused unless it is clean already.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from ..errors import quoted

MAX_NAME_BYTES = 240
"""Of the 255 that file systems allow; the rest is for `PART` and `JOURNAL`."""

PART, JOURNAL = ".part", ".part.json"
"""What is put behind the name of an unfinished file, and of its journal. No file is called so."""

# separators, drive letters and streams, wildcards, control, bidirectional and invisible characters, lone surrogates
_FORBIDDEN = re.compile(
    '[\x00-\x1f\x7f-\x9f<>:"/\\\\|?*\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0'
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_RESERVED = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³"]
)
# the kernel imports from the folder it runs in, where downloads go unless told otherwise
_ENDINGS = (PART, JOURNAL, ".py", ".pyc", ".pyw", ".pyd", ".so", ".pth")
# what nearly all names are, and what the longer way would return as it is
_PLAIN = re.compile(
    r"(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9]) *(?:\.|\Z))[a-z0-9_-](?:[a-z0-9_. -]{0,230}[a-z0-9_-])?"
    + "".join(f"(?<!{re.escape(ending)})" for ending in _ENDINGS),
    re.IGNORECASE | re.ASCII,
)
_SIGNATURE = re.compile(r"(?<=/)[0-9a-f]{32,}(?=/|$)", re.IGNORECASE)
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#]*@)?([^/?#]*)")


# putting letters together takes as long as the square of their number
_MOST_LETTERS = 1000


def clean(text: str) -> str:
    """Make a file name that stays in its folder on every platform, or return ``""`` where nothing usable is left.

    Parameters
    ----------
    text : str
        What a server calls it, percent-decoded.

    Returns
    -------
    str
        Without separators, control characters, drive letters, leading dots, the names that Windows reserves, and
        endings that Python would import; 240 bytes of UTF-8 at most. A clean name is returned as it is.

    Examples
    --------
    >>> clean("../../etc/passwd")
    '__.._etc_passwd'
    """
    return text if _PLAIN.fullmatch(text) else _cleaned(text)


def _cleaned(text: str) -> str:
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", text[:_MOST_LETTERS])).strip(" ").rstrip(". ")
    if name.startswith("."):
        name = "_" + name.lstrip(".")
    if name.partition(".")[0].rstrip(" ").upper() in _RESERVED:
        name = "_" + name
    if name.lower().endswith(_ENDINGS):
        name += "_"
    return name if len(name.encode()) <= MAX_NAME_BYTES else ""


def path_segments(url: str) -> list[str]:
    """Return the segments of a URL's path, percent-decoded and as they are: empty, ``..`` and hostile ones too."""
    return [unquote(segment, errors="replace") for segment in _path(url).split("/")[1:]]


def last_segment(url: str) -> str:
    """Return the last segment of a URL's path, percent-decoded and as it is; empty where there is no path."""
    if url.startswith("https://") and url.find("/", 8) > 0 and "?" not in url and "#" not in url and "%" not in url:
        # what nearly all addresses are
        return url.rpartition("/")[2]
    _, slash, last = _path(url).rpartition("/")
    return unquote(last, errors="replace") if slash else ""


def host_of(url: str) -> str:
    """Return host and port of a URL as written, without user information."""
    match = _ORIGIN.match(url)
    return match[1] if match else ""


def shown(url: str) -> str:
    """Return a URL fit for a message: no user information, no query, no fragment (RFC 3986 section 3).

    A query may hold a signature, which is as good as a password for as long as it lasts; so may a path, as that of the
    results of an openEO job does.
    """
    return quoted(_SIGNATURE.sub("…", re.sub(r"//[^/]*@", "//", _without_query(url))))


def size_text(size_bytes: int | None) -> str:
    """Write a size as people read it, in powers of 1000, as catalogues and disks do."""
    if size_bytes is None:
        return ""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    size = float(size_bytes)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"


def _without_query(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def _path(url: str) -> str:
    address = _without_query(url)
    origin = _ORIGIN.match(address)
    return address[origin.end() :] if origin else address
