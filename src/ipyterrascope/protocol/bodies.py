"""An answer that may be hostile: how long its header and its body may take, and how much there may be (floor 2)."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter

_PIECE_BYTES = 1024
"""Small: what was packed may unpack to a thousand times its size."""
CODINGS: Final = "gzip, deflate"
"""Of others a few bytes may unpack to more than there is memory for, as of what was packed twice."""


class TooSlow(Exception):
    """The header of an answer took longer than it may."""


class HeadWithin(HTTPAdapter):
    """An adapter that waits so long for the header of an answer, and no longer.

    The time-outs of requests begin anew with each byte, and interim answers (`100 Continue`) have no end.

    Parameters
    ----------
    most_s : float
        Seconds; `TooSlow` is raised then, and nothing tried again.
    **options : object
        Of the base class.
    """

    def __init__(self, most_s: float, **options: Any) -> None:
        super().__init__(**options)
        self._most_s = most_s

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return a pool of urllib3 as the base class does, whose connections wait so long."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        plain, most_s = pool.ConnectionCls, self._most_s
        if not hasattr(plain, "most_s"):
            pool.ConnectionCls = type(plain.__name__, (_WithinTime, plain), {"most_s": most_s})
        return pool


class _WithinTime:
    most_s: float

    def getresponse(self) -> Any:
        connection: Any = super()
        began, line = time.monotonic(), getattr(self, "sock", None)
        watch = threading.Timer(self.most_s, _cut, (line,))
        watch.daemon = True
        watch.start()
        response = None
        try:
            response = connection.getresponse()
        except Exception:
            if time.monotonic() - began < self.most_s:
                raise
        finally:
            watch.cancel()
        if response is None or time.monotonic() - began >= self.most_s:
            # cut: it may look as if it were whole
            raise TooSlow
        return response


def _cut(line: socket.socket | None) -> None:
    if line is not None:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


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
