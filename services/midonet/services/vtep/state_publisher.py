"""Publishes what is known of the switches: an ephemeral ZooKeeper node each, below `<root>/state/vteps` (contract §3).

One member of the cluster holds the node of a switch, whoever was first; the others stand by, and take over within a
moment when that one's session ends. Nobody depends on it: a cluster without ZooKeeper keeps its switches all the same.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

import msgspec
from kazoo.exceptions import KazooException, NodeExistsError, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError

from midonet.events.errors import Unavailable
from midonet.projections.facts import node_of
from midonet.projections.facts.vtep_state import VtepState
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.projections.zookeeper.client import Client

_PUBLISH_SECONDS = 1.0
_CONNECT_SECONDS = 1.0
_STOP_SECONDS = 2.0


class StatePublisher:
    """Looks once a second, and at once after `wake`."""

    def __init__(self, servers: str, root: str, states: Callable[[], Mapping[str, VtepState]]) -> None:
        self._client = Client(servers)
        self._root = root
        self._states = states
        self._published: dict[str, bytes] = {}
        self._session: int | None = None
        self._loop = WorkerThread("vteps-state", self._run)

    def start(self) -> None:
        """Begin to publish."""
        self._loop.start()

    def stop(self) -> None:
        """End the session: the nodes go with it."""
        self._loop.stop(_STOP_SECONDS)
        self._client.close()

    def wake(self) -> None:
        """Go and look."""
        self._loop.wake()

    def _run(self) -> None:
        for _ in self._loop.turns():
            try:
                self._publish()
            except (Unavailable, KazooException, KazooTimeoutError) as error:
                logfmt.log(logging.DEBUG, "states of VTEPs cannot be published", error=str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, the switches themselves are kept by others
                logfmt.log(logging.ERROR, "states of VTEPs were not published", error=repr(error))
            self._loop.rest(_PUBLISH_SECONDS)

    def _publish(self) -> None:
        self._client.connect(_CONNECT_SECONDS)
        self._begin_session()
        states = {vtep: msgspec.json.encode(state) for vtep, state in self._states().items()}
        for vtep in self._published.keys() - states.keys():
            with suppress(NoNodeError):
                self._client.result(self._client.delete_async(self._path(vtep)))
            del self._published[vtep]
        for vtep, data in states.items():
            if self._published.get(vtep) != data and self._write(vtep, data):
                self._published[vtep] = data

    def _begin_session(self) -> None:
        """Forget what was published by a session that has ended: its nodes went with it."""
        session = self._client.client_id[0] if self._client.client_id else None
        if session != self._session:
            self._client.result(self._client.ensure_path_async(node_of(self._root, VtepState)))
            self._session, self._published = session, {}

    def _write(self, vtep: str, data: bytes) -> bool:
        """Write the node of a VTEP if it is ours or nobody's; return whether it is ours."""
        if vtep in self._published:
            with suppress(NoNodeError):  # somebody removed it: it is made anew
                self._client.result(self._client.set_async(self._path(vtep), data))
                return True
        try:
            self._client.result(self._client.create_async(self._path(vtep), data, ephemeral=True))
        except NodeExistsError:
            return False
        return True

    def _path(self, vtep: str) -> str:
        return node_of(self._root, VtepState, vtep)
