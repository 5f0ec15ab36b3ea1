"""Samples of both views during the run, read with code that is independent of the product.

A sample is complete and has its position, so that it can be compared with the log at that position afterwards: a view
that was wrong for a moment is found even if it was repaired.
"""

import json
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import Any, Generic, NamedTuple, TypeVar

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

S = TypeVar("S")

_INTERVAL = 0.05


class Documents(NamedTuple):
    """The names of the documents in ZooKeeper, and the checkpoint before and after they were listed."""

    before: int
    names: frozenset[str]
    after: int


class Rows(NamedTuple):
    """Our rows in OVSDB, all read in one transaction."""

    position: int
    switches: frozenset[str]
    macs: frozenset[tuple[str, str]]
    """(switch, MAC)"""
    bindings: frozenset[tuple[str, int, str]]
    """(port, VLAN, switch)"""


Sample = Documents | Rows


class Sampler(Generic[S]):
    """Takes samples from construction to `stop`; skips a sample that fails with one of `missed`."""

    def __init__(self, look: Callable[[], S], *, missed: Sequence[type[Exception]] = ()) -> None:
        self._missed = missed
        self.samples: list[S] = []
        self._look = look
        self._stopping = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.wait(_INTERVAL):
            with suppress(*self._missed):
                self.samples.append(self._look())

    def stop(self) -> list[S]:
        """Return the samples, a last one included."""
        self._stopping.set()
        self._thread.join()
        self.samples.append(self._look())
        return self.samples


def documents(client: KazooClient, base: str) -> Documents:
    """Sample the view in ZooKeeper, after a `sync`: a later sample is never older than an earlier one."""
    client.sync(base)
    before = _position(client, base)
    futures = {kind: client.get_children_async(f"{base}/models/{kind}") for kind in _children(client, f"{base}/models")}
    names = frozenset(f"models/{kind}/{name}" for kind, future in futures.items() for name in future.get())
    return Documents(before, names, _position(client, base))


def _position(client: KazooClient, base: str) -> int:
    try:
        return int(json.loads(client.get(f"{base}/checkpoint")[0])["position"])
    except NoNodeError:
        return 0


def _children(client: KazooClient, path: str) -> list[str]:
    try:
        return list(client.get_children(path))
    except NoNodeError:
        return []


_SELECT = {
    "Global": ["other_config"],
    "Logical_Switch": ["_uuid", "name"],
    "Ucast_Macs_Remote": ["MAC", "logical_switch"],
    "Physical_Port": ["name", "vlan_bindings"],
}


def rows(path: str) -> Rows:
    """Read the rows from the OVSDB server's socket (RFC 7047 §4.1.3)."""
    operations = [{"op": "select", "table": table, "where": [], "columns": cols} for table, cols in _SELECT.items()]
    roots, switches, macs, ports = (result["rows"] for result in _call(path, ["hardware_vtep", *operations]))
    names = {row["_uuid"][1]: row["name"] for row in switches if row["name"].startswith("mn-")}
    config = dict(roots[0]["other_config"][1])
    return Rows(
        position=int(config.get("midonet-position", 0)),
        switches=frozenset(names.values()),
        macs=frozenset((names[switch], row["MAC"]) for row in macs if (switch := row["logical_switch"][1]) in names),
        bindings=frozenset(
            (row["name"], vlan, names[switch[1]])
            for row in ports
            for vlan, switch in row["vlan_bindings"][1]
            if switch[1] in names
        ),
    )


def _call(path: str, params: list[Any]) -> Any:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(path)
        connection.sendall(json.dumps({"method": "transact", "params": params, "id": 1}).encode())
        text = ""
        while True:
            text += connection.recv(65536).decode()
            try:
                return json.loads(text)["result"]
            except ValueError:
                continue
