"""No two servers of the tests are one address for what the process remembers."""

from __future__ import annotations

import socket
import socketserver
from collections.abc import Callable

import pytest


def bound(server: type[socketserver.TCPServer]) -> int:
    with server(("127.0.0.1", 0), socketserver.BaseRequestHandler) as running:
        return int(running.server_address[1])


def created() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(("ask", "first"), [(created, 1), (lambda: bound(socketserver.TCPServer), 11)])
def test_a_port_is_given_once(ask: Callable[[], int], first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives one again, another is asked for; ports below 1024 are nobody else's."""
    given = iter([first, first, first, first + 1])

    class Forgetful(socket.socket):
        told = 0

        def getsockname(self) -> tuple[str, int]:
            self.told = self.told or next(given)
            return "127.0.0.1", self.told

    monkeypatch.setattr(socket, "socket", Forgetful)
    assert [ask(), ask()] == [first, first + 1]
