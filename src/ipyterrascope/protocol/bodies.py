"""The body of an answer that may be hostile (floor 2)."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import requests

_PIECE_BYTES = 1024
"""Small: what was packed may unpack to a thousand times its size."""
CODINGS: Final = "gzip, deflate"
"""Of others a few bytes may unpack to more than there is memory for, as of what was packed twice."""


def read_body(response: requests.Response, most_bytes: int) -> bytes:
    """Read the body of an answer that was asked for as a stream.

    Parameters
    ----------
    response : requests.Response
    most_bytes : int
        How long it may be, unpacked.

    Raises
    ------
    ValueError
        It is longer, or is packed in another way than by one of `CODINGS`, once.
    requests.RequestException
        It broke off.
    """
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", "x-gzip", *CODINGS.split(", ")):
        raise ValueError("packed in a way that was not asked for")
    data = bytearray()
    for piece in response.iter_content(_PIECE_BYTES):
        data += piece
        if len(data) > most_bytes:
            raise ValueError("too large")
    return bytes(data)


def read_body_within(response: requests.Response, most_bytes: int, most_s: float) -> bytes:
    """Read it as `read_body` does, in so many seconds: the time-outs of requests begin anew with each byte.

    Raises
    ------
    ValueError
        It takes longer, too.
    """
    raw: Any = response.raw
    began, watch = time.monotonic(), threading.Timer(most_s, raw.shutdown)
    watch.daemon = True
    watch.start()
    try:
        data = read_body(response, most_bytes)
    except requests.RequestException:
        if time.monotonic() - began < most_s:
            raise
        data = b""
    finally:
        watch.cancel()
    if time.monotonic() - began >= most_s:
        # cut: it may look as if it were whole
        raise ValueError("too slow")
    return data
