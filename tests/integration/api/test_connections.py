"""Connections that clients keep: when a node closes one, and when it must not."""

import socket
import time
from collections.abc import Callable

import pytest
from api_node import ApiNode

from midonet.services.api.server import uvicorn_connection

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def connection(nodes: Callable[[], ApiNode], monkeypatch: pytest.MonkeyPatch) -> tuple[ApiNode, socket.socket]:
    """A node that keeps idle connections for a second, and a connection that was used once."""
    monkeypatch.setattr(uvicorn_connection, "KEEP_ALIVE_SECONDS", 1)
    node = nodes()
    host, _, port = node.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=20)
    assert ask(connection)
    return node, connection


def ask(connection: socket.socket) -> bytes:
    connection.sendall(REQUEST)
    return connection.recv(65536)


def test_an_idle_connection_is_closed(connection: tuple[ApiNode, socket.socket]) -> None:
    with connection[1] as idle:
        assert idle.recv(1) == b""


def test_a_request_that_arrives_while_the_node_is_busy_is_answered(connection: tuple[ApiNode, socket.socket]) -> None:
    node, kept = connection
    server = node.service._server  # noqa: SLF001 - its event loop is to be blocked
    assert server is not None
    with kept:
        server._loop.call_soon_threadsafe(time.sleep, 1.5)  # noqa: SLF001 - as above
        time.sleep(0.3)
        assert ask(kept).startswith(b"HTTP/1.1 200 ")
