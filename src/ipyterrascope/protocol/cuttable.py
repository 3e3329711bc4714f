"""Connections that another thread can cut, whatever they are doing (floor 2).

The time-outs of requests begin anew with each byte, and some of what a server may send has no end at all: interim
answers (`100 Continue`), trailers. A thread that reads those can only be ended from outside, by its socket.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter


class CuttableAdapter(HTTPAdapter):
    """An adapter for one request, whose connections end at once when it is closed, from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._is_closed = False
        self._lines: list[socket.socket] = []

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return a pool of urllib3 as the base class does; the connections it makes can be cut."""
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        plain: Any = pool.ConnectionCls
        keep = self._keep

        class Cuttable(plain):
            # what http.client prints at its debug level is headers and forms
            debuglevel = 0

            def _new_conn(self) -> socket.socket:
                return keep(plain._new_conn(self))

        pool.ConnectionCls = Cuttable
        return pool

    def _keep(self, line: socket.socket) -> socket.socket:
        with self._lock:
            if not self._is_closed:
                # a duplicate: TLS takes the socket itself over, already while it shakes hands
                self._lines.append(line.dup())
                return line
        # the name or the connection took longer than anybody waits: what would be sent now, nobody hears the answer to
        line.close()
        raise requests.ConnectTimeout

    def close(self) -> None:
        """Cut what is connected, and connect no more."""
        with self._lock:
            self._is_closed = True
            for line in self._lines:
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
                line.close()
            self._lines.clear()
        super().close()
