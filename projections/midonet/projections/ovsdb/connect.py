"""Ways to an OVSDB server: TCP, over TLS where the process has been told so, or a Unix socket."""

import contextlib
import socket

from midonet.projections.ovsdb.tls import SecureSocket, secured

_CONNECT_SECONDS = 5.0

Address = tuple[str, int] | str
"""Host and port of a TCP server, or the path of a Unix socket."""


def dial(address: Address) -> socket.socket | SecureSocket:
    """Return a connection; `OSError` if there is none within a few seconds."""
    return _dial_tcp(address) if isinstance(address, tuple) else _dial_unix(address)


def _dial_tcp(address: tuple[str, int]) -> socket.socket | SecureSocket:
    connection = socket.create_connection(address, timeout=_CONNECT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return secured(connection)


def _dial_unix(path: str) -> socket.socket:
    with contextlib.ExitStack() as on_error:
        connection = on_error.enter_context(socket.socket(socket.AF_UNIX))
        connection.settimeout(_CONNECT_SECONDS)
        connection.connect(path)
        on_error.pop_all()
    return connection


def words(error: OSError) -> str:
    """Return what went wrong, in the system's words."""
    return error.strerror or str(error) or type(error).__name__
