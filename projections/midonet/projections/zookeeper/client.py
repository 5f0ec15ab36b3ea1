"""The ZooKeeper client of the project: kazoo with what it lacks, and with its manners mended.

* `watch_tree`: one persistent recursive watch instead of one watch per node.
* `read_many`: hundreds of nodes in one request, at many times the speed of one by one.
* It reconnects for ever, within about a second of the servers' return, and does not log every attempt.

ZooKeeper 3.6 or later. Nothing here knows what the nodes mean.
"""

import logging
import ssl
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionDropped, KazooException
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.connection import ConnectionHandler
from kazoo.protocol.serialization import Watch
from kazoo.protocol.states import EVENT_TYPE_MAP, WatchedEvent

from midonet.events.errors import Unavailable
from midonet.projections.zookeeper.requests import AddWatch, MultiRead, MultiWrite, NodeRead, Operation
from midonet.projections.zookeeper.security import acl_for, options

__all__ = ["Client"]

T = TypeVar("T")

_RECONNECT = {"max_tries": -1, "delay": 0.05, "backoff": 2, "max_delay": 1.0}
_LENGTH = struct.Struct("!i")
_CHUNK = 65_536
_NODES_PER_READ = 200
_IN_FLIGHT = 50
"""Kazoo wakes its thread by a byte per request through a socket pair, and fails when some 250 fill that up."""

_quiet = logging.getLogger("midonet.kazoo")
_quiet.setLevel(logging.ERROR)  # its warnings come with every attempt; the owner of a client reports states


class Client(KazooClient):  # type: ignore[misc]  # kazoo ships no types
    """A client of the servers `hosts` (`HOST:PORT,…`); `session_timeout` in seconds."""

    def __init__(self, hosts: str, session_timeout: float = 6.0) -> None:
        super().__init__(hosts, session_timeout, connection_retry=_RECONNECT, logger=_quiet, **options())
        self.servers = hosts
        self.patience = session_timeout + 2.0
        """Seconds after which a call that was not answered is given up."""
        self.tree_watchers: dict[str, Callable[[WatchedEvent], None]] = {}
        self.node_watchers: dict[str, Callable[[WatchedEvent], None]] = {}
        self._connection = _Connection(self, self._conn_retry.copy(), logger=_quiet)

    def connect(self, timeout: float) -> None:
        """Connect if this was not done yet; `Unavailable` if there is no connection after `timeout` seconds."""
        live = self.start_async() if self._stopped.is_set() else self._live
        if not live.wait(timeout):
            reason = f": {self.handler.trouble}" if self.handler.trouble is not None else ""
            raise Unavailable(f"ZooKeeper at {self.servers} does not answer{reason}", servers=self.servers)

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Turn what kazoo raises into `Unavailable`."""
        try:
            yield
        except (KazooException, KazooTimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"ZooKeeper at {self.servers}: {reason}", servers=self.servers) from error

    def create_async(self, path: str, value: bytes = b"", acl: Any = None, **more: Any) -> Any:
        """As kazoo's; without a list of its own, a node gets the one that is for its place."""
        chosen = acl_for(path) if acl is None or acl is self.default_acl else acl
        return super().create_async(path, value, chosen, **more)

    def ensure_path_async(self, path: str, acl: Any = None) -> Any:
        """As kazoo's; every node on the way gets the list that is for its own place."""
        del acl
        return super().ensure_path_async(path, self.default_acl)

    def watch_tree(self, path: str, callback: Callable[[WatchedEvent], None]) -> None:
        """Call `callback` on every change of `path` and of all below it, until the connection is lost.

        It is called by the connection's own thread, in the order of the server, and before any answer that
        already reflects the change: it must be quick. Watching a path again replaces its callback.
        """
        self.tree_watchers[path] = callback
        self.result(self._send(AddWatch(path)))

    def watch_node(self, path: str, callback: Callable[[WatchedEvent], None]) -> None:
        """As `watch_tree`, for `path` alone and the names of its children."""
        self.node_watchers[path] = callback
        self.result(self._send(AddWatch(path, recursive=False)))

    def read_many(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the data of those nodes that exist and may be read."""
        return {path: node.data for path, node in self.look_at(paths) if node.data is not None}

    def look_at(self, paths: Sequence[str]) -> Iterator[tuple[str, NodeRead]]:
        """Yield what each of many nodes holds."""
        chunks = (paths[start : start + _NODES_PER_READ] for start in range(0, len(paths), _NODES_PER_READ))
        for chunk, nodes in self.pipelined((chunk, self._send(MultiRead(chunk))) for chunk in chunks):
            yield from zip(chunk, nodes, strict=True)

    def transact(self, operations: Sequence[Operation]) -> Any:
        """Send operations of which all happen or none; for what the future holds see `MultiWrite`."""
        return self._send(MultiWrite(operations))

    def pipelined(self, requests: Iterable[tuple[T, Any]]) -> Iterator[tuple[T, Any]]:
        """Yield what was asked with its result, in order, while some more of the (lazy) requests are under way."""
        under_way: deque[tuple[T, Any]] = deque()
        for request in requests:
            under_way.append(request)
            if len(under_way) == _IN_FLIGHT:
                asked, future = under_way.popleft()
                yield asked, self.result(future)
        for asked, future in under_way:
            yield asked, self.result(future)

    def result(self, future: Any) -> Any:
        """Wait for what one of the `…_async` methods returned.

        Kazoo's other methods would wait for as long as the servers are away.
        """
        return future.get(timeout=self.patience)

    def _send(self, request: Any) -> Any:
        future = self.handler.async_result()
        self._call(request, future)
        return future

    def close(self) -> None:
        """End the session and release everything; takes no longer than the session timeout."""
        with suppress(KazooException, OSError):
            self.stop()
        with suppress(Exception):
            super().close()


class _Connection(ConnectionHandler):  # type: ignore[misc]  # kazoo ships no types
    """Kazoo's connection, which also serves watches of trees, and reads as much at once as there is.

    Kazoo waits and reads twice for every message, of which a bulk change brings one for each node that is watched.
    """

    _ahead = b""
    _at = 0

    def _connect(self, *address: Any) -> Any:
        self._ahead, self._at = b"", 0
        return super()._connect(*address)

    def _read_socket(self, read_timeout: float) -> Any:
        result = super()._read_socket(read_timeout)
        while result is None and self._has_message():
            result = super()._read_socket(read_timeout)
        return result

    def _has_message(self) -> bool:
        """Whether a whole message was read ahead."""
        there = len(self._ahead) - self._at - _LENGTH.size
        return there >= 0 and there >= _LENGTH.unpack_from(self._ahead, self._at)[0]

    def _read(self, length: int, timeout: float) -> bytes:
        with self._socket_error_handling():
            while (lacking := self._at + length - len(self._ahead)) > 0:
                if not self.handler.select([self._socket], [], [], timeout)[0]:
                    raise self.handler.timeout_exception("socket time-out during read")
                try:
                    chunk = self._socket.recv(max(_CHUNK, lacking))  # of TLS a whole record, so that none waits unseen
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):  # what came was TLS's own
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
