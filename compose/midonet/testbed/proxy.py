"""A TCP proxy that can cut connections after any number of bytes."""

import socket
from contextlib import suppress
from threading import Lock, Thread

from midonet.testbed.server import LOOPBACK

_CHUNK = 65_536


class Proxy:
    """Passes connections on to a server, from construction to `close`."""

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port
        self._budget: int | None = None
        self._lock = Lock()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server((LOOPBACK, 0))
        self.host, self.port = self._listener.getsockname()
        Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def address(self) -> str:
        """Where clients connect, `HOST:PORT`."""
        return f"{self.host}:{self.port}"

    def cut_after(self, size: int) -> None:
        """Cut all connections after clients have sent so many more bytes; later connections are not cut."""
        with self._lock:
            self._budget = size

    def cut(self) -> None:
        """Cut all connections now."""
        with self._lock:
            self._budget = None
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            _end(each)

    def close(self) -> None:
        """Cut all connections and stop listening."""
        _end(self._listener)
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self._server)
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._sockets |= {client, server}
                Thread(target=self._pass, args=(client, server, True), daemon=True).start()
                Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:  # noqa: FBT001 - which way
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                if counted and self._spent(len(data)):
                    with suppress(OSError):
                        sink.sendall(data[: len(data) // 2])
                    self.cut()
                    return
                sink.sendall(data)
        _end(source)
        _end(sink)

    def _spent(self, size: int) -> bool:
        with self._lock:
            if self._budget is None:
                return False
            self._budget -= size
            return self._budget < 0


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
