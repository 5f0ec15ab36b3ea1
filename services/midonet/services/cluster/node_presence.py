"""What every node of the cluster says of itself: one ephemeral node in ZooKeeper, gone with the process.

`<root>/state/nodes/<node>` is read by `midoctl cluster status`. It is written at most once a second, and only if
something changed. A place that another session holds is waited for, never taken.
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
"""Seconds after which it looks though nobody woke it."""
_CONNECT_SECONDS = 3.0


class Process(Struct, frozen=True):
    """Which process a node is."""

    http: str
    """Where its pages are."""
    hostname: str
    pid: int
    version: str
    started: str
    """RFC 3339."""


_STARTED = utc_now("seconds")


def this_process(url: str) -> Process:
    """Return who this process is; others reach it by the host's name where it listens on all addresses."""
    address = urlsplit(url)
    anywhere = address.hostname in ("0.0.0.0", "::")  # noqa: S104 - nobody listens here
    http = f"http://{gethostname()}:{address.port}" if anywhere else url
    return Process(http, gethostname(), os.getpid(), version("midonet"), _STARTED)


class NodePresence:
    """Keeps this node's own node equal to what `summary` returns."""

    def __init__(self, coordination: Coordination, summary: Callable[[], Mapping[str, Any]]) -> None:
        self.conflict: str | None = None
        """Who else is there under our name, if so."""
        self._coordination = coordination
        self._client = coordination.client
        self._path = f"{coordination.root}/state/nodes/{coordination.node}"
        self._summary = summary
        self._written: tuple[int, bytes] | None = None
        self._loop = WorkerThread("presence", self._run)

    def start(self) -> None:
        """Begin to be seen."""
        self._loop.start()

    def wake(self) -> None:
        """Look, and write what has changed; to be called about once a second."""
        self._loop.wake()

    def stop(self) -> None:
        """End the thread; the node goes with the session."""
        self._loop.stop()

    def _run(self) -> None:
        for _ in self._loop.turns():
            try:
                self._publish()
            except MidonetError as error:
                logfmt.log(logging.DEBUG, "no presence", error=error.message)
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
        """Make or change our node; return whether it is ours."""
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
        """Remove what our own former life left; anybody else is waited for."""
        data, stat = self._client.result(self._client.get_async(self._path))
        other = decode(data)
        if _has_ended(other):
            self._client.result(self._client.delete_async(self._path, stat.version))
        else:
            self.conflict = (
                f"process {other.get('pid')} on {other.get('hostname')} is node {self._coordination.node}, too"
            )


def _has_ended(other: Mapping[str, Any]) -> bool:
    """Return whether a process is known to live no more: it was on this machine, where its number is free or ours."""
    pid = other.get("pid")
    if other.get("hostname") != gethostname() or not isinstance(pid, int):
        return False
    return pid == os.getpid() or not Path(f"/proc/{pid}").exists()


def decode(data: bytes) -> dict[str, Any]:
    """Return what a node says of itself; empty if it is not readable."""
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError:
        return {}


def known_path(root: str, node: str = "") -> str:
    """Return the path of the record by which a node is known when it is gone, too."""
    return f"{root}/state/known/{node}".rstrip("/")


def nodes(client: Client, root: str) -> list[dict[str, Any]]:
    """Return what all nodes say of themselves, by name; the client is connected. `Unavailable` without ZooKeeper.

    `alive` says whether a node lives, `gone` since when it does not, if that is known, `known` whether it has a record.
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
