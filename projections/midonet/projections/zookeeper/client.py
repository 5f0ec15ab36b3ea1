"""The ZooKeeper client of the project: kazoo with what it lacks, and with its manners mended.

* `watch_tree`: one persistent recursive watch instead of one watch per node.
* `read_many`: hundreds of nodes in one request, at many times the speed of one by one.
* A request is sent on the calling thread; no other thread has to wake up first.
* It reconnects for ever, within about a second of the servers' return, and does not log every attempt.

ZooKeeper 3.6 or later. Nothing here knows what the nodes mean.
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
"""The server makes every answer ready in its memory, megabytes each, before it sends it: many of them may end it."""

_IN_FLIGHT = 50
"""Kazoo wakes its thread by a byte per request through a socket pair, and fails when some 250 fill that up."""

_logger = logging.getLogger("midonet.kazoo")
_logger.setLevel(logging.ERROR)  # its warnings come with every attempt; the owner of a client reports states


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
        """Connect if this was not done yet; `Unavailable` if there is no connection after `timeout` seconds."""
        if not self.start_connecting().wait(timeout):
            reason = f": {self.handler.last_error}" if self.handler.last_error is not None else ""
            raise Unavailable(f"ZooKeeper at {self.servers} does not answer{reason}", servers=self.servers)

    def start_connecting(self) -> Any:
        """Start the thread that connects, unless it runs; return the event that is set while there is a connection.

        An answer that is not ZooKeeper's ends that thread with an exception.
        """
        with self._starting, self.failures():
            return self._live if self._connection.running else super().start_async()

    def start_async(self) -> Any:
        """As kazoo's; several threads may call it at once."""
        return self.start_connecting()

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
        """Yield what each of many nodes holds."""
        chunks = (paths[start : start + _NODES_PER_READ] for start in range(0, len(paths), _NODES_PER_READ))
        requests = ((chunk, self._send(MultiRead(chunk))) for chunk in chunks)
        for chunk, nodes in self.pipelined(requests, _READS_IN_FLIGHT):
            yield from zip(chunk, nodes, strict=True)

    def transact(self, operations: Sequence[Operation]) -> Any:
        """Send operations of which all happen or none; for what the future holds see `MultiWrite`."""
        return self._send(MultiWrite(operations))

    def pipelined(self, requests: Iterable[tuple[T, Any]], window: int = _IN_FLIGHT) -> Iterator[tuple[T, Any]]:
        """Yield what was asked with its result, in order, while some more of the (lazy) requests are under way."""
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
        """As kazoo's; what is sent meanwhile is given up with the rest or is not sent."""
        with self._connection.sending:
            super()._session_callback(state)

    def close(self) -> None:
        """End the session and release everything; takes no longer than the session timeout."""
        with suppress(KazooException, OSError):
            self.stop()
        with suppress(Exception):
            super().close()
