"""A whole deployment: log, ZooKeeper view, agent and VTEP, each in its own process, with any number of ports.

Tenants have a bridge with a hundred ports each, a station with a MAC and an IP address behind every port, and a VLAN on
the VTEP. The agent is on the host of the first tenant; a larger deployment has more tenants on other hosts.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from load import opened, run_all, sqlite_url
from witnesses import Nodes, Rows, Sighting, Test

from midonet.events.commands.command import Command, Put
from midonet.projections.vtep import VtepTarget
from midonet.testbed import OvsdbServer, ZooKeeper
from midonet.testbed.agent import AgentDaemon
from midonet.testbed.cluster import ClusterDaemon

__all__ = ["PORTS_PER_BRIDGE", "Fleet", "design", "station"]

PORTS_PER_BRIDGE = 100
_HOSTS = 10
_PHYSICAL_PORT = "eth1"


def station(number: int) -> tuple[str, str]:
    """Return the MAC and the IP address of a station; they are counted through all bridges."""
    bridge, each = divmod(number, PORTS_PER_BRIDGE)
    return f"02:00:00:{bridge:02x}:00:{each:02x}", f"10.0.{bridge}.{each + 1}"


def design(ports: int, ovsdb: OvsdbServer, *, stations: bool = True) -> list[dict[str, Any]]:
    """Return the documents of a deployment, as `midoctl apply` takes them."""
    bridges = range(-(-ports // PORTS_PER_BRIDGE))
    hosts = [{"kind": "host", "name": _host(n)} for n in range(_HOSTS)]
    members = [{"host": _host(n), "address": f"172.16.0.{n + 1}"} for n in range(_HOSTS)]
    zone = {"kind": "tunnel-zone", "name": "underlay", "type": "vtep", "members": members}
    return [*hosts, zone, _vtep(ovsdb, bridges), *(_bridge(n, stations=stations) for n in bridges)]


def _vtep(ovsdb: OvsdbServer, bridges: range) -> dict[str, Any]:
    bindings = [{"physical_port": _PHYSICAL_PORT, "vlan": n + 1, "bridge": f"bridge-{n}"} for n in bridges]
    return {
        "kind": "vtep",
        "name": "tor",
        "management_ip": ovsdb.host,
        "management_port": ovsdb.port,
        "tunnel_zone": "underlay",
        "tunnel_ips": ["172.16.1.1"],
        "bindings": bindings,
    }


def _bridge(number: int, *, stations: bool) -> dict[str, Any]:
    names = [f"port-{number}-{n}" for n in range(PORTS_PER_BRIDGE)]
    host = _host(number and 1 + number % (_HOSTS - 1))
    ports = [{"name": name, "host": host, "interface": f"t{number}-{n}"} for n, name in enumerate(names)]
    bridge = {"kind": "bridge", "name": f"bridge-{number}", "ports": ports}
    return {**bridge, **_stations(number, names)} if stations else bridge


def _stations(number: int, ports: list[str]) -> dict[str, Any]:
    """Return the tables of a bridge that has a station behind each of these ports."""
    places = [station(number * PORTS_PER_BRIDGE + each) for each in range(len(ports))]
    macs = [{"mac": mac, "port": port} for (mac, _), port in zip(places, ports, strict=True)]
    return {"macs": macs, "arps": [{"ip": ip, "mac": mac} for mac, ip in places]}


def _host(number: int) -> str:
    return f"host-{number}"


@contextmanager
def _switch() -> Iterator[OvsdbServer]:
    """Run the database of a switch."""
    with OvsdbServer() as ovsdb:
        ovsdb.add_switch("tor", [_PHYSICAL_PORT], tunnel_ip="172.16.1.1")
        yield ovsdb


class Fleet:
    """A deployment of so many ports, with witnesses; it has caught up with its log once `await_views` returns.

    Without `stations` none is known yet, without `agent` no hypervisor is there.
    """

    def __init__(  # noqa: PLR0913 - what there is to choose
        self,
        stack: ExitStack,
        place: Path,
        zookeeper: ZooKeeper,
        ports: int,
        *,
        stations: bool = True,
        agent: bool = True,
    ) -> None:
        self.root = f"/fleet-{ports}"
        self.ovsdb = stack.enter_context(_switch())
        self.store = stack.enter_context(opened(sqlite_url(place / f"{ports}.db")))
        run_all(self.store, [Command("apply", [Put(design(ports, self.ovsdb, stations=stations))])])
        self.nodes = stack.enter_context(closing(Nodes(zookeeper.hosts)))
        self.macs = stack.enter_context(closing(Rows(self.ovsdb.sock, "Ucast_Macs_Remote", "MAC")))
        self.positions = stack.enter_context(closing(Rows(self.ovsdb.sock, "Global", "other_config")))
        self._options = ["--zookeeper", zookeeper.hosts, "--root", self.root]
        self.daemon = stack.enter_context(ClusterDaemon("--log", self.store.log.url, *self._options))
        self._has_agent = agent
        if agent:
            stack.enter_context(AgentDaemon(self.id_of("host", "host-0"), *self._options))

    def forget(self) -> None:
        """Delete both views while no daemon runs, as if the servers came back empty."""
        self.nodes.client.delete(f"{self.root}/nsdb", recursive=True)
        with closing(VtepTarget(*self.ovsdb.tcp)) as target:
            target.clear()

    def id_of(self, kind: str, name: str) -> str:
        """Return the id of the only object of that name."""
        (found,) = self.store.topology.named(kind, name)
        return found.id

    def await_views(self) -> None:
        """Return when the views and the agent have caught up with the log."""
        position = self.store.topology.head.position
        agent = [self.expect_agent(position)] if self._has_agent else []
        for sighting in (*self.expect_views(position), *agent):
            sighting.since(0)

    def documents(self, kind: str, owner: str) -> dict[str, str]:
        """Return where in ZooKeeper the parts of an object are: id of the part → path of its document."""
        parent = f"{self.root}/nsdb/1/models/{kind}"
        client = self.nodes.client
        paths = [f"{parent}/{name}" for name in client.get_children(parent) if name.startswith(owner)]
        return {part: path for path in paths for part in json.loads(client.get(path)[0])["objects"]}

    def expect_views(self, position: int, *, anew: bool = False) -> list[Sighting]:
        """Return when both views contain the log up to `position`; `anew`: which they did before they were lost."""
        node = self.nodes.expect(f"{self.root}/nsdb/1/checkpoint", _at_least(position))
        return [node, self.positions.expect(f'"midonet-position","{position}"', anew=anew)]

    def expect_agent(self, position: int) -> Sighting:
        """Return when the agent of the first tenant's host holds its part of the log up to `position`."""
        return self.nodes.expect(f"{self.root}/state/hosts/{self.id_of('host', 'host-0')}", _at_least(position))


def _at_least(position: int) -> Test:
    return lambda data: bool(json.loads(data)["position"] >= position)
