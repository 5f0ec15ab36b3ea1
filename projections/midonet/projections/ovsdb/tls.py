"""TLS for a connection to an OVSDB server, as in Open vSwitch (ovsdb-server(1), `pssl:`).

A switch is authenticated by the CA of its certificate; the name is not verified, as in Open vSwitch. OpenSSL allows one
thread at a time on a connection, but this client reads and writes at the same time. A lock serialises the threads;
neither holds it while it waits for the network.
"""

import select
import socket
import ssl
from threading import Lock
from time import monotonic

from midonet.events.config.connection_security import ConnectionSecurity, current, tls_context


class SecureSocket:
    """The methods of a socket that the client uses."""

    def __init__(self, plain: socket.socket, context: ssl.SSLContext) -> None:
        self._tls = context.wrap_socket(plain)
        self._timeout: float | None = None
        self._lock = Lock()
        self._tls.settimeout(0.0)

    def settimeout(self, seconds: float | None) -> None:
        """As a socket's."""
        self._timeout = seconds

    def recv(self, size: int) -> bytes:
        """As a socket's; `TimeoutError` if no data arrives in time."""
        deadline = None if self._timeout is None else monotonic() + self._timeout
        while True:
            with self._lock:
                try:
                    return self._tls.recv(size)
                except ssl.SSLWantReadError:
                    writing = False
                except ssl.SSLWantWriteError:
                    writing = True
                except ssl.SSLEOFError:
                    return b""
            self._await(writing=writing, deadline=deadline)

    def sendall(self, data: bytes) -> None:
        """As a socket's."""
        left = memoryview(data)
        deadline = None if self._timeout is None else monotonic() + self._timeout
        while left:
            with self._lock:
                try:
                    left = left[self._tls.send(left) :]
                    continue
                except ssl.SSLWantReadError:
                    writing = False
                except ssl.SSLWantWriteError:
                    writing = True
            self._await(writing=writing, deadline=deadline)

    def shutdown(self, how: int) -> None:
        """As a socket's, without delay: a waiting thread wakes."""
        socket.socket.shutdown(self._tls, how)

    def close(self) -> None:
        """As a socket's."""
        self._tls.close()

    def _await(self, *, writing: bool, deadline: float | None) -> None:
        left = None if deadline is None else max(0.0, deadline - monotonic())
        poll = select.poll()
        poll.register(self._tls, select.POLLOUT if writing else select.POLLIN)
        if not poll.poll(None if left is None else left * 1000):
            raise TimeoutError("timed out")


def wrap_tls(plain: socket.socket) -> "socket.socket | SecureSocket":
    """Return a TCP connection to a switch, with TLS if configured; `OSError` if its certificate is not valid."""
    wire = current()
    if wire.ovsdb_ca is None:
        return plain
    try:
        return SecureSocket(plain, _context(wire, wire.ovsdb_ca))
    except BaseException:
        plain.close()
        raise


def _context(wire: ConnectionSecurity, ca: str) -> ssl.SSLContext:
    context = tls_context("switches", ca, wire.ovsdb_cert, wire.ovsdb_key)
    context.check_hostname = False
    return context
