"""Connects to an OVSDB server: by TCP, with TLS if the process is configured so, or by a Unix socket."""

import contextlib
import socket

from midonet.projections.ovsdb.tls import SecureSocket, wrap_tls

_CONNECT_SECONDS = 5.0

Address = tuple[str, int] | str
"""Host and port of a TCP server, or the path of a Unix socket."""


def open_socket(address: Address) -> socket.socket | SecureSocket:
    """Return a connected socket; `OSError` if there is no connection within a few seconds."""
    return _open_tcp(address) if isinstance(address, tuple) else _open_unix(address)


def _open_tcp(address: tuple[str, int]) -> socket.socket | SecureSocket:
    connection = socket.create_connection(address, timeout=_CONNECT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wrap_tls(connection)


def _open_unix(path: str) -> socket.socket:
    with contextlib.ExitStack() as on_error:
        connection = on_error.enter_context(socket.socket(socket.AF_UNIX))
        connection.settimeout(_CONNECT_SECONDS)
        connection.connect(path)
        on_error.pop_all()
    return connection


def describe_error(error: OSError) -> str:
    """Return the error message of the system."""
    return error.strerror or str(error) or type(error).__name__
