"""The status that each node of the cluster publishes in an ephemeral ZooKeeper node, `<root>/state/nodes/<node>`.

`midoctl cluster status` reads it. It is written at most once a second, and only if something changed. While another
process holds the node, this one waits; see `EphemeralNodes`.
"""

import logging
import os
from collections.abc import Callable, Mapping
from importlib.metadata import version
from socket import gethostname
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from midonet.events.commit import canonical
from midonet.events.errors import MidonetError
from midonet.events.timestamps import utc_now
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.process_identity import current_process
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.projections.zookeeper.children import read_each_below
from midonet.projections.zookeeper.client import Client
from midonet.projections.zookeeper.ephemeral_nodes import EphemeralNodes
from midonet.services.cluster.coordination import Coordination

_RECHECK_SECONDS = 1.5
"""Seconds between two publications without a call of `wake`."""
_CONNECT_SECONDS = 3.0


class Process(Struct, frozen=True):
    """The process of a node; `machine`, `pid` and `begun` are its `ProcessIdentity`."""

    http: str
    """URL of its pages."""
    hostname: str
    pid: int
    version: str
    started: str
    """RFC 3339."""
    machine: str = ""
    begun: str = ""


_STARTED = utc_now("seconds")


def this_process(url: str) -> Process:
    """Return this process; if it listens on all addresses, its URL has the host name."""
    address = urlsplit(url)
    anywhere = address.hostname in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
    http = f"http://{gethostname()}:{address.port}" if anywhere else url
    identity = current_process()
    return Process(
        http, gethostname(), os.getpid(), version("midonet"), _STARTED, machine=identity.machine, begun=identity.begun
    )


class NodePresence(WorkerThread):
    """A thread that keeps the ephemeral node equal to what `summary` returns; `wake` it about once a second."""

    def __init__(self, coordination: Coordination, summary: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__("presence", self._run)
        self.conflict: str | None = None
        """Which other process has the name of this node, None if none has."""
        self._coordination = coordination
        self._client = coordination.client
        self._path = f"{coordination.root}/state/nodes/{coordination.node}"
        self._summary = summary
        self._nodes = EphemeralNodes(self._client)

    def _run(self) -> None:
        for _ in self.iterations():
            try:
                self._publish()
            except MidonetError as error:
                logfmt.log(logging.DEBUG, "node summary not published", error=error.message)
            self.wait(_RECHECK_SECONDS)

    def _publish(self) -> None:
        self._client.connect(_CONNECT_SECONDS)
        if self._coordination.session is None:
            return
        taken = self._nodes.publish({self._path: canonical(self._summary())}).get(self._path)
        self.conflict = None
        if taken:
            other = decode(taken)
            self.conflict = (
                f"process {other.get('pid')} on {other.get('hostname')} is node {self._coordination.node}, too"
            )


def decode(data: bytes) -> dict[str, Any]:
    """Return the status that a node published; empty if it is unreadable."""
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def known_path(root: str, node: str = "") -> str:
    """Return the path of the persistent record of a node."""
    return f"{root}/state/known/{node}".rstrip("/")


def nodes(client: Client, root: str) -> list[dict[str, Any]]:
    """Return the status of all nodes, by name; the client is connected. `Unavailable` without ZooKeeper.

    `alive`: whether the node runs; `gone`: since when it does not, if known; `known`: whether it has a record.
    """
    present, known = (
        {name: decode(data) for name, data in found.items()}
        for found in read_each_below(client, (f"{root}/state/nodes", known_path(root)))
    )
    return [
        {
            **known.get(name, {}),
            **present.get(name, {}),
            "node": name,
            "alive": name in present,
            "known": name in known,
            "gone": known.get(name, {}).get("gone"),
        }
        for name in sorted({*present, *known})
    ]
