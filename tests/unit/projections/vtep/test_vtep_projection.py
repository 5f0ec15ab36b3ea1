"""Changes add up to the same rows as the whole topology, whatever a commit does, and cost what they touch."""

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_commands import random_command

from midonet.events.commands.decide import decide
from midonet.events.errors import NotFound, Rejected
from midonet.events.model import Entity
from midonet.events.model.bridge import ArpEntry, Bridge, MacEntry
from midonet.events.model.host import Host
from midonet.events.model.port import Port
from midonet.events.model.tunnel_zone import Member, TunnelZone
from midonet.events.model.vtep import Vtep, VtepBinding
from midonet.events.topology.evolve import Change, evolve
from midonet.events.topology.topology import Topology
from midonet.projections.vtep import Key, Value, VtepProjection

MACS = ["02:00:00:00:00:01", "02:00:00:00:00:02"]
IPS = ["10.0.0.9", "10.0.0.10"]
KIND_OF = {cls.__name__.lower()[0]: cls.KIND for cls in (Host, Vtep, Bridge, Port, MacEntry, ArpEntry)} | {
    "z": "tunnel-zone",
    "k": "vtep-binding",
}
"""By the first letter of the ids below."""


def expected(topology: Topology, vtep: Vtep) -> dict[Key, Value]:
    """The rules of the contract once more, by looking at everything each time."""
    rows: dict[Key, Value] = {}
    bindings = topology.all("vtep-binding").values()
    addresses = _addresses(topology, vtep)
    weights = {host: topology.all("host")[host].flooding_proxy_weight for host in addresses}
    proxies = sorted((host for host in addresses if weights[host]), key=lambda host: -weights[host])
    for binding in bindings:
        if binding.vtep != vtep.id:
            continue
        bridge, name = binding.bridge, f"mn-{binding.bridge}"
        others = {other.vtep for other in bindings if other.bridge == bridge and other.vtep != vtep.id}
        others_at = {ip for other in others if (ip := _other(topology, vtep, other)) is not None}
        rows["binding", binding.physical_port, binding.vlan] = name
        rows["switch", name] = topology.all("bridge")[bridge].vni
        flood = {addresses[host] for host in proxies[:1]}
        if vtep.replication == "source-node":
            rows["replication", name] = "source_node"
            homes = {port.host for port in topology.all("port").values() if port.bridge == bridge}
            flood = others_at | {ip for host, ip in addresses.items() if weights[host] or host in homes}
        if flood:
            rows["mcast", name, "unknown-dst"] = tuple(sorted(flood))
        if vtep.bfd and vtep.tunnel_ips:
            rows.update({("bfd", ip): vtep.tunnel_ips[0] for ip in (*addresses.values(), *others_at)})
        for entry in topology.all("mac-entry").values():
            port = topology.all("port")[entry.port]
            where = _other(topology, vtep, port.vtep) if port.vtep else addresses.get(port.host)
            if entry.bridge == bridge and entry.vlan == 0 and where is not None:
                ips = [arp.ip for arp in topology.all("arp-entry").values() if _is_of(arp, entry)]
                lowest = min(ips, key=lambda ip: tuple(map(int, ip.split("."))), default="")
                rows["ucast", name, entry.mac] = (where, lowest)
    return rows


def _addresses(topology: Topology, vtep: Vtep) -> dict[str, str]:
    zone = topology.all("tunnel-zone").get(vtep.tunnel_zone or "")
    return {member.host: member.address for member in zone.members} if zone else {}


def _other(topology: Topology, vtep: Vtep, other: str) -> str | None:
    found = topology.all("vtep")[other].tunnel_ips
    return found[0] if found and other != vtep.id else None


def _is_of(arp: ArpEntry, entry: MacEntry) -> bool:
    return (arp.bridge, arp.mac) == (entry.bridge, entry.mac)


class Followed:
    """The rows of one VTEP as they add up change by change."""

    def __init__(self, vtep: str, topology: Topology) -> None:
        self.projection = VtepProjection(vtep)
        self.projection.attach(topology)
        self.rows: dict[Key, Value] = {}
        self._take(self.projection.keys())

    def apply(self, changes: list[Change]) -> None:
        """Let the rows follow the changes of a commit."""
        self._take(self.projection.apply(changes))

    def _take(self, keys: Iterable[Key]) -> None:
        for key in keys:
            value = self.projection.render(key)
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value


def world(rng: Random, before: Topology) -> dict[str, Entity]:
    """Return some valid topology out of a small set of objects, most of them as they were before."""
    objects: dict[str, Entity] = {}
    unique: set[Any] = set()
    for new in _candidates(rng):
        entity = before.find(new.id) if rng.random() < 0.8 else new if rng.random() < 0.9 else None
        if entity is None or unique.intersection(_unique(entity)):
            continue
        if all(ref in objects for ref in _refs(entity) if ref is not None):
            objects[entity.id] = entity
            unique.update(_unique(entity))
    return objects


def _unique(entity: Entity) -> Iterator[Any]:
    for fields in entity.UNIQUE:
        yield entity.KIND, fields, *(getattr(entity, field) for field in fields)


def _candidates(rng: Random) -> Iterator[Entity]:
    hosts = ["h1", "h2", "h3"]
    for host in hosts:
        yield Host(id=host, flooding_proxy_weight=rng.randrange(3))
    for number, zone in enumerate(("z1", "z2")):
        chosen = [Member(host=host, address=f"172.{1 + rng.randrange(2)}{number}.0.{host[1]}") for host in hosts]
        yield TunnelZone(id=zone, name=zone, type="vtep", members=tuple(rng.sample(chosen, rng.randrange(4))))
    for vtep in ("v1", "v2"):
        yield Vtep(
            id=vtep,
            management_ip=vtep,
            tunnel_zone=rng.choice(["z1", "z2", None]),
            tunnel_ips=rng.choice([(), (f"172.31.9.{vtep[1]}",), (f"172.31.8.{vtep[1]}", f"172.31.9.{vtep[1]}")]),
            replication=rng.choice(["service-node", "source-node"]),
            bfd=rng.random() < 0.5,
        )
    for bridge in ("b1", "b2"):
        yield Bridge(id=bridge, vni=rng.randrange(10001, 10004))
    for port in ("p1", "p2", "p3"):
        yield Port(id=port, bridge=rng.choice(["b1", "b2"]), host=rng.choice([*hosts, None]), interface=port)
    yield Port(id="px", bridge=rng.choice(["b1", "b2"]), vtep=rng.choice(["v1", "v2"]))
    for number in range(4):
        yield from _entries(rng, number, rng.choice(["b1", "b2"]))


def _entries(rng: Random, number: int, bridge: str) -> Iterator[Entity]:
    vtep, port = rng.choice(["v1", "v2"]), rng.choice(["swp1", "swp2"])
    yield VtepBinding(id=f"k{number}", vtep=vtep, physical_port=port, vlan=rng.randrange(2), bridge=bridge)
    mac, behind = rng.choice(MACS), rng.choice(["p1", "p2", "p3", "px"])
    yield MacEntry(id=f"m{number}", bridge=bridge, mac=mac, vlan=int(rng.random() < 0.2), port=behind)
    yield ArpEntry(id=f"a{number}", bridge=bridge, ip=rng.choice(IPS), mac=rng.choice(MACS))


def _refs(entity: Entity) -> Iterator[str | None]:
    yield from (getattr(entity, field, None) for field in ("bridge", "host", "port", "vtep", "tunnel_zone"))
    yield from (member.host for member in getattr(entity, "members", ()))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 60))
def test_any_commit_leads_from_any_topology_to_any_other(seed: int, commits: int) -> None:
    rng = Random(seed)  # noqa: S311 - makes test data
    topology = Topology()
    followed = {vtep: Followed(vtep, topology) for vtep in ("v1", "v2")}
    for _ in range(commits):
        wanted = world(rng, topology)
        ids = sorted({entity.id for entity in topology} | wanted.keys())
        rng.shuffle(ids)
        pairs = [(object_id, topology.find(object_id), wanted.get(object_id)) for object_id in ids]
        changes = [Change(KIND_OF[one[0]], one, old, new) for one, old, new in pairs if old != new]
        for object_id in ids:
            topology.swap(object_id, wanted.get(object_id))
        for vtep, followed_rows in followed.items():
            followed_rows.apply(changes)
            there = topology.get("vtep", vtep)
            assert followed_rows.rows == (expected(topology, there) if there else {})
            assert followed_rows.rows == Followed(vtep, topology).rows


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_commands_add_up(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - makes test data
    topology = Topology()
    followed: dict[str, Followed] = {}
    for number in range(80):
        try:
            events = decide(topology, random_command(rng, topology), f"command-{number}").events
        except (Rejected, NotFound):
            continue
        changes = [evolve(topology, event, number + 1) for event in events]
        for one in followed.values():
            one.apply(changes)
        for vtep in topology.all("vtep").keys() - followed.keys():
            followed[vtep] = Followed(vtep, topology)
    for vtep, one in followed.items():
        assert one.rows == Followed(vtep, topology).rows


class Counting(Topology):
    """Counts the objects that it was asked for."""

    asked = 0

    def get(self, kind: str, object_id: str) -> Any:
        """Count one."""
        self.asked += 1
        return super().get(kind, object_id)

    def referrers(self, object_id: str, kind: str, field: str) -> Iterator[Any]:
        """Count all that refer, whatever is looked for among them."""
        self.asked += len(super().referring(object_id))
        return super().referrers(object_id, kind, field)

    def referring(self, object_id: str) -> list[tuple[Entity, str]]:
        """Count all that refer."""
        found = super().referring(object_id)
        self.asked += len(found)
        return found


def large(macs: int) -> Counting:
    """Return a topology of four hosts and a bridge with one MAC per port."""
    topology = Counting()
    hosts = [Host(id=f"h{number}") for number in range(4)]
    members = tuple(Member(host=host.id, address=f"172.31.0.{host.id[1]}") for host in hosts)
    bound = {number: f"h{number}" for number in range(4)}
    ports = [Port(id=f"p{number}", bridge="b", host=bound.get(number), interface="tap") for number in range(macs)]
    entries = [
        MacEntry(id=f"m{port.id}", bridge="b", mac=f"02:00:00:00:{number // 256:02x}:{number % 256:02x}", port=port.id)
        for number, port in enumerate(ports)
    ]
    zone = TunnelZone(id="z", name="z", type="vtep", members=members)
    vtep = Vtep(id="v", management_ip="192.0.2.1", tunnel_zone="z")
    binding = VtepBinding(id="k", vtep="v", physical_port="swp1", bridge="b")
    for entity in (*hosts, zone, vtep, Bridge(id="b", vni=10001), *ports, *entries, binding):
        topology.swap(entity.id, entity)
    return topology


CHANGES: dict[str, Entity] = {
    "a new MAC": MacEntry(id="new", bridge="b", mac="02:ff:00:00:00:01", port="p1"),
    "a MAC elsewhere": MacEntry(id="mp1", bridge="b", mac="02:00:00:00:00:01", port="p2"),
    "an IP address": ArpEntry(id="a", bridge="b", ip="10.0.0.1", mac="02:00:00:00:00:01"),
    "a port on another host": Port(id="p1", bridge="b", host="h2", interface="tap9"),
    "a host's weight": Host(id="h1", flooding_proxy_weight=9),
    "a host's address": TunnelZone(
        id="z", name="z", type="vtep", members=tuple(Member(host=f"h{n}", address=f"172.32.0.{n}") for n in range(4))
    ),
    "the bridge's name": Bridge(id="b", name="b", vni=10001),
    "a second binding": VtepBinding(id="k2", vtep="v", physical_port="swp2", bridge="b"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_costs_what_it_touches_however_many_macs_there_are(name: str) -> None:
    costs = set()
    for macs in (10, 1000):
        topology = large(macs)
        followed = Followed("v", topology)
        new = CHANGES[name]
        old = topology.swap(new.id, new)
        topology.asked = 0
        followed.apply([Change(new.KIND, new.id, old, new)])
        assert followed.rows == expected(topology, topology.get("vtep", "v"))
        costs.add(topology.asked)
    assert len(costs) == 1
