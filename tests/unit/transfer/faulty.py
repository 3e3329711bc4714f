"""A small HTTP server on a real loopback socket whose answers follow a script of faults."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

CHUNK = 64 * 1024
DATE = "Sat, 01 Aug 2026 12:00:00 GMT"


@dataclass(frozen=True)
class Asked:
    """One request that arrived; `at_once` counts those under way, itself included, and `nth` all, from 1. It came from
    a `port` of the client, which is another one for each connection."""

    method: str
    path: str
    headers: Mapping[str, str]
    at_once: int = 0
    nth: int = 0
    port: int = 0

    @property
    def range(self) -> tuple[int, int | None]:
        """The bytes that were asked for; None for the end of the file."""
        start, _, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        return int(start), int(last) + 1 if last else None


@dataclass(frozen=True)
class Answer:
    """How to answer a request: properly, unless a field says otherwise.

    `cut_at` ends the connection after so many bytes of the body, with a reset if `reset` is set; `stall` keeps it open
    and silent after them. A `length` other than the content's is a lie in Content-Length; None sends none. `pause_s` is
    waited before every `chunk_bytes`. `repeat` sends the content so many times, without ranges. No range is answered by
    more than `most_bytes`. With `hang_up` there is no answer at all.
    """

    content: bytes = b""
    status: int = 200
    etag: str | None = '"v1"'
    ranges: bool = True
    if_range: bool = True
    cut_at: int | None = None
    reset: bool = False
    stall: bool = False
    chunked: bool = False
    length: int | None = -1
    pause_s: float = 0.0
    repeat: int = 1
    chunk_bytes: int = CHUNK
    headers: Mapping[str, str] = field(default_factory=dict)
    most_bytes: int | None = None
    hang_up: bool = False


class FaultyServer:
    """Answers from `script`, one entry a request, then as `decide` says, then from `files` by path; else by 404."""

    def __init__(self, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.script: list[Answer] = []
        self.files: dict[str, Answer] = {}
        self.decide: Callable[[Asked], Answer | None] = lambda asked: None
        self.asked: list[Asked] = []
        self.at_once = 0
        self.counting = threading.Lock()
        self.closing = threading.Event()
        self._server = _Threads(("127.0.0.1", port), _handler(self))
        self._scheme = "https" if tls else "http"
        if tls is not None:
            listening = self._server.socket
            self._server.socket = tls.wrap_socket(listening, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self.port}{path}"

    @property
    def connections(self) -> int:
        """How many there were that brought a request: other programs of this machine may look who is at a port."""
        return len({asked.port for asked in self.asked})

    @property
    def most_at_once(self) -> int:
        """How many requests were under way at the same moment."""
        return max((asked.at_once for asked in self.asked), default=0)

    def answer(self, asked: Asked) -> Answer:
        if self.script and asked.method == "GET":
            return self.script.pop(0)
        path = asked.path.partition("?")[0]
        return self.decide(asked) or self.files.get(path, Answer(status=404))

    def gets(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "GET"]

    def hang_up(self) -> None:
        """End all connections, also those in the middle of an answer."""
        for connection in self._server.connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> FaultyServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self.hang_up()
        self._server.server_close()


class _Threads(ThreadingHTTPServer):
    # joined at server_close(), so that no thread outlives its test
    daemon_threads = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self.connections: list[socket.socket] = []

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:
        self.connections.append(request)
        super().process_request(request, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what is tested here."""


def _handler(server: FaultyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            with server.counting:
                server.at_once += 1
                headers = dict(self.headers.items())
                nth, port = len(server.asked) + 1, self.client_address[1]
                asked = Asked(self.command, self.path, headers, server.at_once, nth, port)
                server.asked.append(asked)
            try:
                answer = server.answer(asked)
                if answer.hang_up:
                    self.close_connection = True
                else:
                    _send(self, answer, server.closing)
            finally:
                with server.counting:
                    server.at_once -= 1

        do_HEAD = do_GET

        def date_time_string(self, timestamp: float | None = None) -> str:
            return DATE

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


def _send(handler: BaseHTTPRequestHandler, answer: Answer, closing: threading.Event) -> None:
    status, body, headers = answer.status, answer.content, dict(answer.headers)
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    same = not answer.if_range or handler.headers.get("If-Range") in (None, answer.etag, headers.get("Last-Modified"))
    if match and answer.ranges and same and status == 200:
        start = int(match[1])
        if start >= len(body):
            status, headers["Content-Range"], body = 416, f"bytes */{len(body)}", b""
        else:
            status = 206
            end = min(int(match[2]) + 1, len(body)) if match[2] else len(body)
            end = min(end, start + (answer.most_bytes or end))
            headers.setdefault("Content-Range", f"bytes {start}-{end - 1}/{len(body)}")
            body = body[start:end]
    handler.send_response(status)
    if answer.etag:
        headers["ETag"] = answer.etag
    headers.setdefault("Content-Type", "image/tiff")
    if answer.chunked:
        headers["Transfer-Encoding"] = "chunked"
    elif answer.length is not None:
        headers["Content-Length"] = str(len(body) * answer.repeat if answer.length < 0 else answer.length)
    cut = answer.cut_at is not None or answer.length is None
    if cut:
        handler.close_connection = True
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command == "HEAD":
        return
    for _ in range(answer.repeat):
        _send_body(handler, body if answer.cut_at is None else body[: answer.cut_at], answer)
    if answer.stall:
        closing.wait(10)
    if answer.reset:
        handler.wfile.flush()
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()


def _send_body(handler: BaseHTTPRequestHandler, body: bytes, answer: Answer) -> None:
    for start in range(0, len(body), answer.chunk_bytes):
        piece = body[start : start + answer.chunk_bytes]
        time.sleep(answer.pause_s)
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece)
    if answer.chunked and answer.cut_at is None:
        handler.wfile.write(b"0\r\n\r\n")
