"""The ephemeral ZooKeeper node by which a cluster node publishes its summary.

`midoctl cluster status` reads `<root>/state/nodes/<node>`. It is written at most once a second, and only after a
change. A node held by another session is never overwritten.
"""

import logging
import os
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from socket import gethostname
from typing import Any
from urllib.parse import urlsplit

import msgspec
from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError
from msgspec import Struct

from midonet.events.commit import canonical
from midonet.events.errors import MidonetError
from midonet.events.timestamps import utc_now
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.projections.zookeeper.children import read_each_below
from midonet.projections.zookeeper.client import Client
from midonet.services.cluster.coordination import Coordination

_RECHECK_SECONDS = 1.5
"""Seconds between two checks without `wake`."""
_CONNECT_SECONDS = 3.0


class Process(Struct, frozen=True):
    """The process of a node."""

    http: str
    """URL of its pages."""
    hostname: str
    pid: int
    version: str
    started: str
    """RFC 3339."""


_STARTED = utc_now("seconds")


def this_process(url: str) -> Process:
    """Return this process; its URL has the host name if it listens on all addresses."""
    address = urlsplit(url)
    anywhere = address.hostname in ("0.0.0.0", "::")  # noqa: S104 - a comparison, not a bind
    http = f"http://{gethostname()}:{address.port}" if anywhere else url
    return Process(http, gethostname(), os.getpid(), version("midonet"), _STARTED)


class NodePresence:
    """Keeps this node's own node equal to what `summary` returns."""

    def __init__(self, coordination: Coordination, summary: Callable[[], Mapping[str, Any]]) -> None:
        self.conflict: str | None = None
        """The other process that uses this node's name, if any."""
        self._coordination = coordination
        self._client = coordination.client
        self._path = f"{coordination.root}/state/nodes/{coordination.node}"
        self._summary = summary
        self._written: tuple[int, bytes] | None = None
        self._loop = WorkerThread("presence", self._run)

    def start(self) -> None:
        """Start to publish."""
        self._loop.start()

    def wake(self) -> None:
        """Publish the summary if it changed; to be called about once a second."""
        self._loop.wake()

    def stop(self) -> None:
        """Stop the thread; the node is deleted with the session."""
        self._loop.stop()

    def _run(self) -> None:
        for _ in self._loop.turns():
            try:
                self._publish()
            except MidonetError as error:
                logfmt.log(logging.DEBUG, "node summary not published", error=error.message)
            self._loop.rest(_RECHECK_SECONDS)

    def _publish(self) -> None:
        self._client.connect(_CONNECT_SECONDS)
        session = self._coordination.session
        present = canonical(self._summary())
        if session is None or (session, present) == self._written:
            return
        with self._client.failures():
            if self._write(session, present):
                self._written = session, present

    def _write(self, session: int, present: bytes) -> bool:
        """Create or update the node; return whether it belongs to this session."""
        client = self._client
        try:
            stat = client.result(client.exists_async(self._path))
            self.conflict = None
            if stat is not None and stat.ephemeralOwner != session:
                self._resolve_conflict()
            elif stat is not None:
                client.result(client.set_async(self._path, present, stat.version))
            else:
                client.result(client.create_async(self._path, present, ephemeral=True, makepath=True))
                return True
        except (NodeExistsError, NoNodeError, BadVersionError):
            return False
        return stat is not None and stat.ephemeralOwner == session

    def _resolve_conflict(self) -> None:
        """Delete the node of an ended process on this machine; report any other one."""
        data, stat = self._client.result(self._client.get_async(self._path))
        other = decode(data)
        if _has_ended(other):
            self._client.result(self._client.delete_async(self._path, stat.version))
        else:
            self.conflict = (
                f"process {other.get('pid')} on {other.get('hostname')} is node {self._coordination.node}, too"
            )


def _has_ended(other: Mapping[str, Any]) -> bool:
    """Return whether a process has ended: it ran on this machine, where its pid is free or our own."""
    pid = other.get("pid")
    if other.get("hostname") != gethostname() or not isinstance(pid, int):
        return False
    return pid == os.getpid() or not Path(f"/proc/{pid}").exists()


def decode(data: bytes) -> dict[str, Any]:
    """Return the summary of a node; empty if it cannot be decoded."""
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def known_path(root: str, node: str = "") -> str:
    """Return the path of the persistent record of a node."""
    return f"{root}/state/known/{node}".rstrip("/")


def nodes(client: Client, root: str) -> list[dict[str, Any]]:
    """Return the summaries of all nodes in the order of their names, read by a connected client.

    `alive`: whether the node is up. `gone`: since when it is down, if known. `known`: whether it has a persistent
    record. Raises `Unavailable`.
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
