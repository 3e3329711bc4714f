"""A relay in front of a server: what goes through it can be cut, or left hanging, while the server itself is well."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from socketserver import BaseRequestHandler, ThreadingTCPServer

from servers import free_port


class Relay:
    """The relay that runs. What goes through is kept in `heard`, where that is a list."""

    heard: list[bytes] | None = None

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self.port = free_port()
        self.goes = threading.Event()
        self.goes.set()
        self.turn = threading.Lock()
        self.gap_s = 0.0
        self.waiting = 0
        self.lines: set[socket.socket] = set()
        self._server: _Server | None = None

    def up(self) -> None:
        """Let everything through, from now on."""
        self.goes.set()
        if self._server is None:
            self._server = server = _Server(("127.0.0.1", self.port), _Handler)
            server.relay, server.target = self, self._target
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def hang(self) -> None:
        """Take connections, and answer nothing, also on those that are there."""
        self.gap_s = 0.0
        self.up()
        self.goes.clear()

    def one_by_one(self, waiting: int, gap_s: float, patience_s: float = 60.0) -> None:
        """Once so many requests hang here, let them go: each so long after the one before it."""
        until = time.monotonic() + patience_s
        while self.waiting < waiting and time.monotonic() < until:
            time.sleep(0.02)
        self.gap_s = gap_s
        self.up()

    def down(self) -> None:
        """Take no connection, and cut those that are there."""
        self.goes.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for line in tuple(self.lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    relay: Relay
    target: tuple[str, int]


class _Handler(BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        relay = self.server.relay
        with contextlib.suppress(OSError), socket.create_connection(self.server.target, 10) as there:
            # a line may rest: cut off when its answer is due, a client sends the same once more
            there.settimeout(None)
            relay.lines |= {self.request, there}
            back = threading.Thread(target=_pump, args=(relay, there, self.request, relay.goes.wait), daemon=True)
            back.start()
            _pump(relay, self.request, there, lambda: _take_turn(relay))
            back.join()
            relay.lines -= {self.request, there}


def _take_turn(relay: Relay) -> None:
    with relay.turn:
        relay.waiting += 1
    relay.goes.wait()
    with relay.turn:
        relay.waiting -= 1
        time.sleep(relay.gap_s)


def _pump(relay: Relay, source: socket.socket, sink: socket.socket, wait: Callable[[], object]) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            wait()
            if relay.heard is not None:
                relay.heard.append(data)
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relay(port: int) -> Iterator[Relay]:
    """Relay a port of its own to another one of 127.0.0.1."""
    running = Relay(("127.0.0.1", port))
    running.up()
    try:
        yield running
    finally:
        running.down()
