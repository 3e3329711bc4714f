"""Ports of servers in the test's own process: none is given twice.

Accounts, back-ends and connections are kept by their addresses for as long as a process runs, so what it learned of a
server that ended would hold of the next one that the system gives the same port.
"""

from __future__ import annotations

import socket
import socketserver
from typing import Any

import pytest


def never_give_a_port_twice(patch: pytest.MonkeyPatch) -> None:
    """Let a server that leaves the choice to the system get a port that no server of this process had."""
    create, bind = socket.create_server, socketserver.TCPServer.server_bind
    given: set[int] = set()

    def is_new(listener: socket.socket) -> bool:
        port = int(listener.getsockname()[1])
        is_again = port in given
        given.add(port)
        return not is_again

    def create_anew(address: tuple[str, int], **options: Any) -> socket.socket:
        listener = create(address, **options)
        while not is_new(listener) and address[1] == 0:
            listener.close()
            listener = create(address, **options)
        return listener

    def bind_anew(server: socketserver.TCPServer) -> None:
        address = server.server_address
        bind(server)
        while not is_new(server.socket) and address[1] == 0:
            server.socket.close()
            server.socket = socket.socket(server.address_family, server.socket_type)
            server.server_address = address
            bind(server)

    patch.setattr(socket, "create_server", create_anew)
    patch.setattr(socketserver.TCPServer, "server_bind", bind_anew)
