"""Publishes the state of each VTEP in an ephemeral ZooKeeper node below `<root>/state/vteps` (contract §3).

One member of the cluster holds the node of a VTEP; the others take over within two seconds after its session ends. The
VTEPs themselves are written without ZooKeeper, too.
"""

import logging
from collections.abc import Callable, Mapping

from msgspec.json import encode

from midonet.events.errors import Unavailable
from midonet.projections.facts import node_of
from midonet.projections.facts.vtep_state import VtepState
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.projections.zookeeper.client import Client
from midonet.projections.zookeeper.ephemeral_nodes import EphemeralNodes

_PUBLISH_SECONDS = 1.0
_CONNECT_SECONDS = 1.0
_STOP_SECONDS = 2.0


class StatePublisher(WorkerThread):
    """A thread that publishes once a second, and at once after `wake`."""

    def __init__(self, servers: str, root: str, states: Callable[[], Mapping[str, VtepState]]) -> None:
        super().__init__("vteps-state", self._run, patience=_STOP_SECONDS)
        self._client = Client(servers)
        self._root = root
        self._states = states
        self._nodes = EphemeralNodes(self._client)

    def stop(self, seconds: float | None = None) -> None:
        """End the thread and the session, and with it the nodes."""
        super().stop(seconds)
        self._client.close()

    def _run(self) -> None:
        for _ in self.iterations():
            try:
                self._publish()
            except Unavailable as error:
                logfmt.log(logging.DEBUG, "states of VTEPs cannot be published", error=str(error))
            except Exception as error:  # noqa: BLE001 - a bug here must not affect the VTEPs
                logfmt.log(logging.ERROR, "states of VTEPs were not published", error=repr(error))
            self.wait(_PUBLISH_SECONDS)

    def _publish(self) -> None:
        self._client.connect(_CONNECT_SECONDS)
        states = self._states().items()
        self._nodes.publish({node_of(self._root, VtepState, vtep): encode(state) for vtep, state in states})
