"""The ZooKeeper client of the project: kazoo, with these additions and changes.

* `watch_tree`: one persistent recursive watch instead of one watch per node.
* `read_many`: hundreds of nodes in one request, many times faster than one by one.
* A request is sent on the calling thread; no other thread has to wake up first.
* It reconnects without limit, about a second after the servers return, and does not log every attempt.

ZooKeeper 3.6 or later. This module does not depend on the content of nodes.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, TypeVar

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import WatchedEvent

from midonet.events.errors import Unavailable
from midonet.projections.zookeeper.access_control import acl_for, options
from midonet.projections.zookeeper.kazoo_connection import Connection
from midonet.projections.zookeeper.kazoo_requests import AddWatch, MultiRead, MultiWrite, NodeRead, Operation

T = TypeVar("T")

_RECONNECT = {"max_tries": -1, "delay": 0.05, "backoff": 2, "max_delay": 1.0}
_NODES_PER_READ = 200
_READS_IN_FLIGHT = 4
"""Number of large answers in flight: the server prepares each in memory, megabytes each, and may run out of it."""

_IN_FLIGHT = 50
"""Number of requests in flight: kazoo wakes its thread by a byte in a socket pair, which is full after some 250."""

_logger = logging.getLogger("midonet.kazoo")
_logger.setLevel(logging.ERROR)  # every attempt would log a warning; the owner of a client reports states


class Client(KazooClient):  # type: ignore[misc]  # kazoo ships no types
    """A client of the servers `hosts` (`HOST:PORT,…`); `session_timeout` in seconds."""

    def __init__(self, hosts: str, session_timeout: float = 6.0) -> None:
        super().__init__(hosts, session_timeout, connection_retry=_RECONNECT, logger=_logger, **options())
        self.servers = hosts
        self.handler.call_timeout = session_timeout + 2.0
        self.tree_watchers: dict[str, Callable[[WatchedEvent], None]] = {}
        self.node_watchers: dict[str, Callable[[WatchedEvent], None]] = {}
        self._connection = Connection(self, self._conn_retry.copy(), logger=_logger)
        self._starting = Lock()

    def connect(self, timeout: float) -> None:
        """Connect unless connected; `Unavailable` if there is no connection after `timeout` seconds."""
        if not self.start_connecting().wait(timeout):
            reason = f": {self.handler.last_error}" if self.handler.last_error is not None else ""
            raise Unavailable(f"ZooKeeper at {self.servers} does not answer{reason}", servers=self.servers)

    def start_connecting(self) -> Any:
        """Start the connection thread unless it runs; return the event that is set while connected.

        An answer that is not ZooKeeper's ends that thread with an exception.
        """
        with self._starting, self.failures():
            return self._live if self._connection.running else super().start_async()

    def start_async(self) -> Any:
        """As kazoo's; several threads may call it at once."""
        return self.start_connecting()

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Convert the errors of kazoo to `Unavailable`."""
        try:
            yield
        except (KazooException, KazooTimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"ZooKeeper at {self.servers}: {reason}", servers=self.servers) from error

    def create_async(self, path: str, value: bytes = b"", acl: Any = None, **more: Any) -> Any:
        """As kazoo's; a node without an access control list gets the list of its path."""
        chosen = acl_for(path) if acl is None or acl is self.default_acl else acl
        return super().create_async(path, value, chosen, **more)

    def ensure_path_async(self, path: str, acl: Any = None) -> Any:
        """As kazoo's; every created node gets the access control list of its path."""
        del acl
        return super().ensure_path_async(path, self.default_acl)

    def child_names(self, path: str) -> list[str]:
        """Return the names of the children of a node, none if there is no such node."""
        try:
            return list(self.get_children(path))
        except NoNodeError:
            return []

    def watch_tree(self, path: str, callback: Callable[[WatchedEvent], None]) -> None:
        """Call `callback` on every change of `path` and of all below it, until the connection is lost.

        It is called by the connection's own thread, in the order of the server, and before any answer that
        already reflects the change: it must be quick. Watching a path again replaces its callback.
        """
        self.tree_watchers[path] = callback
        self._send(AddWatch(path)).get()

    def watch_node(self, path: str, callback: Callable[[WatchedEvent], None]) -> None:
        """As `watch_tree`, for `path` alone and the names of its children."""
        self.node_watchers[path] = callback
        self._send(AddWatch(path, recursive=False)).get()

    def read_many(self, paths: Sequence[str]) -> dict[str, bytes]:
        """Return the data of those nodes that exist and may be read."""
        return {path: node.data for path, node in self.read_nodes(paths) if node.data is not None}

    def read_nodes(self, paths: Sequence[str]) -> Iterator[tuple[str, NodeRead]]:
        """Yield the data of each of many nodes."""
        chunks = (paths[start : start + _NODES_PER_READ] for start in range(0, len(paths), _NODES_PER_READ))
        requests = ((chunk, self._send(MultiRead(chunk))) for chunk in chunks)
        for chunk, nodes in self.pipelined(requests, _READS_IN_FLIGHT):
            yield from zip(chunk, nodes, strict=True)

    def transact(self, operations: Sequence[Operation]) -> Any:
        """Send operations of which all are applied or none; for the result of the future see `MultiWrite`."""
        return self._send(MultiWrite(operations))

    def pipelined(self, requests: Iterable[tuple[T, Any]], window: int = _IN_FLIGHT) -> Iterator[tuple[T, Any]]:
        """Yield each request with its result, in order, while later (lazy) requests are in flight."""
        for asked, future in self.in_flight(requests, window):
            yield asked, future.get()

    def in_flight(self, requests: Iterable[tuple[T, Any]], window: int = _IN_FLIGHT) -> Iterator[tuple[T, Any]]:
        """As `pipelined`, with the future instead of its result."""
        under_way: deque[tuple[T, Any]] = deque()
        for request in requests:
            under_way.append(request)
            if len(under_way) == window:
                yield under_way.popleft()
        yield from under_way

    def _send(self, request: Any) -> Any:
        future = self.handler.async_result()
        if not self._connection.send(request, future):
            self._call(request, future)
        return future

    def _session_callback(self, state: str) -> None:
        """As kazoo's; requests that are sent meanwhile are cancelled, too."""
        with self._connection.sending:
            super()._session_callback(state)

    def close(self) -> None:
        """Close the session and release everything, within the session time-out."""
        with suppress(KazooException, OSError):
            self.stop()
        with suppress(Exception):
            super().close()
