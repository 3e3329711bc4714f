"""A server on loopback that answers as a function says, also in ways that no proper server would."""

from __future__ import annotations

import contextlib
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO


@dataclass(frozen=True)
class Asked:
    """One request that came; `headers` are looked up without regard to case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """One answer. `write` takes the connection over, instead of all else."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    write: Callable[[BinaryIO], object] | None = None


class Loopback:
    """The server that runs: `answer` may be changed, and `asked` tells what came."""

    def __init__(self, answer: Callable[[Asked], Reply]) -> None:
        self.answer, self.asked, self.port = answer, list[Asked](), 0

    @property
    def url(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self.port}"


class QuietServer(ThreadingHTTPServer):
    """A server that passes over clients which hang up: what it prints may meet another test."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print what else goes wrong, for that is a test's own fault."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def loopback(
    answer: Callable[[Asked], Reply] = lambda _: Reply(), context: ssl.SSLContext | None = None
) -> Iterator[Loopback]:
    """Run a server on a port that the system chose, by https where there is a context."""
    service = Loopback(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b"".join(self.chunks())
            else:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, self.headers, body)
            service.asked.append(asked)
            reply = service.answer(asked)
            if reply.write is not None:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    reply.write(self.wfile)
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def chunks(self) -> Iterator[bytes]:
            # nothing comes any more where the other side broke off; an error here would be printed, and Python 3.11
            # cannot always parse the source for two such traces at once
            while size := int(self.rfile.readline() or b"0", 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        do_GET = do_POST = do_HEAD = do_CONNECT = handle_any

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet: `asked` tells."""

    server = QuietServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    service.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
