"""Kazoo's connection, with persistent watches, and fewer system calls and thread switches for each message.

Kazoo sends and receives in one thread: a request wakes it through a pair of sockets, and it waits and reads twice for
each message. Here the calling thread sends a request unless others are queued, and all available data is read at once.
Messages are opaque here, except for watches.
"""

import ssl
import struct
import time
from contextlib import suppress
from threading import RLock
from typing import Any

from kazoo.exceptions import ConnectionDropped
from kazoo.protocol.connection import ConnectionHandler
from kazoo.protocol.serialization import Watch
from kazoo.protocol.states import EVENT_TYPE_MAP, KeeperState, WatchedEvent

_LENGTH = struct.Struct("!i")
_HEADER = struct.Struct("!iii")
_NUMBERS = 2**31 - 1
_CHUNK = 65_536


class Connection(ConnectionHandler):  # type: ignore[misc]  # kazoo ships no types
    """The connections of one client, one after the other."""

    _ahead = b""
    _at = 0
    _xid = 0
    _unsent = b""
    _open = False
    _refused_since: float | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.sending = RLock()
        """Held while a request is sent or the list of pending requests changes."""

    def _connect(self, *address: Any) -> Any:
        self._ahead, self._at = b"", 0
        self._unsent, self._open = b"", False
        try:
            agreed = super()._connect(*address)
        except ConnectionDropped:
            if self._socket is not None and self._refused_for_long():
                self.client.last_zxid = 0
            raise
        self._refused_since = None
        self._open = not self.client.use_ssl  # only one thread at a time may use it
        return agreed

    def _refused_for_long(self) -> bool:
        """Whether all servers that were reached refused the session since the last success."""
        now = time.monotonic()
        if self._refused_since is None:
            self._refused_since = now
        lasts: float = self.client._session_timeout / 1000  # noqa: SLF001 - kazoo has no other name for it
        return now - self._refused_since >= lasts

    @property
    def running(self) -> bool:
        """Whether the connection thread is alive."""
        return self._connection_routine is not None and self._connection_routine.is_alive()

    # -- sending

    def send(self, request: Any, answer: Any) -> bool:
        """Send a request unless others are queued; return whether it was sent. Never waits.

        Data that the network does not accept at once is left to kazoo's thread, which also detects a broken connection.
        """
        if not self.sending.acquire(blocking=False):
            return False
        try:
            client = self.client
            free = self._open and client.client_state == KeeperState.CONNECTED and not self._unsent
            if not free or client._queue:  # noqa: SLF001 - kazoo has no other name for it
                return False
            body, self._xid = request.serialize(), self._xid % _NUMBERS + 1
            client._pending.append((request, answer, self._xid))  # noqa: SLF001 - as above
            self._offer(_HEADER.pack(len(body) + 2 * _LENGTH.size, self._xid, request.type) + body)
        finally:
            self.sending.release()
        return True

    def _offer(self, message: bytes) -> None:
        sent = 0
        with suppress(OSError):  # kazoo's thread will report the error
            sent = self._socket.send(message)
        self._unsent = message[sent:]
        if self._unsent:
            self._write_sock.send(b"\0")

    def _send_request(self, *timeouts: Any) -> None:
        with self.sending:
            super()._send_request(*timeouts)
            if self._unsent:
                self._write(b"", timeouts[-1])

    def _send_ping(self, *timeouts: Any) -> None:
        with self.sending:
            super()._send_ping(*timeouts)

    def _write(self, message: bytes, timeout: float) -> None:
        message, self._unsent = self._unsent + message, b""
        super()._write(message, timeout)

    # -- receiving

    def _read_socket(self, read_timeout: float) -> Any:
        result = super()._read_socket(read_timeout)
        while result is None and self._has_message():
            result = super()._read_socket(read_timeout)
        return result

    def _has_message(self) -> bool:
        """Whether a whole message is buffered."""
        there = len(self._ahead) - self._at - _LENGTH.size
        return there >= 0 and there >= _LENGTH.unpack_from(self._ahead, self._at)[0]

    def _read(self, length: int, timeout: float) -> bytes:
        with self._socket_error_handling():
            while (lacking := self._at + length - len(self._ahead)) > 0:
                if not self.handler.select([self._socket], [], [], timeout)[0]:
                    raise self.handler.timeout_exception("socket time-out during read")
                try:
                    chunk = self._socket.recv(max(_CHUNK, lacking))  # a whole TLS record
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):  # only a message of TLS itself
                    continue
                if not chunk:
                    raise ConnectionDropped("socket connection broken")
                self._ahead, self._at = self._ahead[self._at :] + chunk, 0
        self._at += length
        return self._ahead[self._at - length : self._at]

    def _read_watch_event(self, buffer: bytes, offset: int) -> None:
        watch, _ = Watch.deserialize(buffer, offset)
        client, path = self.client, watch.path
        event = WatchedEvent(EVENT_TYPE_MAP[watch.type], client.client_state, path)
        for root, callback in list(client.tree_watchers.items()):
            if path.startswith(root) and (len(path) == len(root) or path[len(root)] == "/"):
                callback(event)
        if path in client.node_watchers:
            client.node_watchers[path](event)
        if path in client._data_watchers or path in client._child_watchers:  # noqa: SLF001 - kazoo looks the same way
            super()._read_watch_event(buffer, offset)
