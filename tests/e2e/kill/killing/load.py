"""The load: a deterministic list of commands per writer, so that a killed writer can continue where it was.

Writers share hosts, a tunnel zone and a switch, but nothing that would let one refuse the other: every command
is acceptable whatever the others do, changes something, and most of them change both views. Pure.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from midonet.events.commands.command import Command, Create, Delete, Op, Put, Update

HOSTS = 4
PORTS = tuple(f"swp{number}" for number in range(1, 5))
SWITCH_IP = "10.255.0.1"

_BRIDGES = 3
_TABLE = 40
"""Approximate number of MACs per writer; rows are added and removed."""


Maker = Callable[[], tuple[str, Op]]


class Step(NamedTuple):
    """One command under its known id."""

    id: str
    command: Command


def setup(management_ip: str, management_port: int) -> list[Command]:
    """Return the commands that make what all writers share."""
    hosts: list[dict[str, Any]] = [{"kind": "host", "name": f"host{number}"} for number in range(HOSTS)]
    members = [{"host": host["name"], "address": f"10.255.1.{number + 1}"} for number, host in enumerate(hosts)]
    zone = {"kind": "tunnel-zone", "name": "to-switches", "type": "vtep", "members": members}
    vtep = {
        "kind": "vtep",
        "name": "switch",
        "management_ip": management_ip,
        "management_port": management_port,
        "tunnel_zone": "to-switches",
        "tunnel_ips": [SWITCH_IP],
    }
    return [Command("apply", [Put([*hosts, zone, vtep])])]


def steps(seed: int, writer: int) -> Iterator[Step]:
    """Yield the commands of one writer, without end."""
    rng = Random(f"{seed}/{writer}")  # noqa: S311 - a repeatable load
    scribe = _Scribe(rng, writer)
    while True:
        name, op = scribe.next()
        yield Step(_uuid(rng), Command(name, [op]))


class _Scribe:
    """Generates commands and tracks the objects that they create."""

    def __init__(self, rng: Random, writer: int) -> None:
        self._rng = rng
        self._writer = writer
        self._count = 0
        self._ports: dict[str, list[str]] = {}
        """Bridge → its ports."""
        self._vlans: dict[str, int] = {}
        """Bridge → VLAN by which it is bound to the switch."""
        self._macs: list[str] = []
        self._up: dict[str, bool] = {}
        self._host_of: dict[str, int] = {}

    def next(self) -> tuple[str, Op]:
        """Return one more command."""
        self._count += 1
        if len(self._ports) < _BRIDGES:
            return self._create_bridge()
        makers, weights = zip(*self._choices(), strict=True)
        make: Maker = self._rng.choices(makers, weights)[0]
        return make()

    def _choices(self) -> Iterator[tuple[Maker, int]]:
        yield self._create_port, 2
        yield self._toggle_bridge, 1
        if len(self._vlans) < len(self._ports):
            yield self._bind_switch, 10
        else:
            yield self._unbind_switch, 1
        if self._host_of:
            yield self._move_port, 3
            yield self._create_mac, 8
        if len(self._macs) > _TABLE // 4:
            yield self._delete_mac, 8 * len(self._macs) // _TABLE

    def _create_bridge(self) -> tuple[str, Op]:
        bridge = _uuid(self._rng)
        self._ports[bridge], self._up[bridge] = [], True
        return "bridge.create", Create("bridge", {"id": bridge, "name": f"bridge-{self._writer}-{self._count}"})

    def _toggle_bridge(self) -> tuple[str, Op]:
        bridge = self._rng.choice(list(self._ports))
        self._up[bridge] = not self._up[bridge]
        return "bridge.set", Update("bridge", bridge, {"admin_state_up": self._up[bridge]})

    def _create_port(self) -> tuple[str, Op]:
        port, bridge, host = _uuid(self._rng), self._rng.choice(list(self._ports)), self._rng.randrange(HOSTS)
        self._ports[bridge].append(port)
        self._host_of[port] = host
        fields = {"id": port, "bridge": bridge, "host": f"host{host}", "interface": f"w{self._writer}-{self._count}"}
        return "port.create", Create("port", fields)

    def _move_port(self) -> tuple[str, Op]:
        port = self._rng.choice(list(self._host_of))
        self._host_of[port] = (self._host_of[port] + self._rng.randrange(1, HOSTS)) % HOSTS
        return "port.set", Update("port", port, {"host": f"host{self._host_of[port]}"})

    def _create_mac(self) -> tuple[str, Op]:
        bridge = self._rng.choice([bridge for bridge, ports in self._ports.items() if ports])
        entry = _uuid(self._rng)
        mac = (0x02 << 40 | self._writer << 32 | self._count).to_bytes(6).hex(":")
        self._macs.append(entry)
        port = self._rng.choice(self._ports[bridge])
        return "mac-entry.create", Create("mac-entry", {"id": entry, "bridge": bridge, "mac": mac, "port": port})

    def _delete_mac(self) -> tuple[str, Op]:
        entry = self._macs.pop(self._rng.randrange(len(self._macs)))
        return "mac-entry.delete", Delete("mac-entry", entry)

    def _bind_switch(self) -> tuple[str, Op]:
        bridge = self._rng.choice([bridge for bridge in self._ports if bridge not in self._vlans])
        vlan = self._writer * 100 + list(self._ports).index(bridge) + 1
        self._vlans[bridge] = vlan
        fields = {"vtep": "switch", "physical_port": self._rng.choice(PORTS), "vlan": vlan, "bridge": bridge}
        return "vtep.bind", Create("vtep-binding", fields)

    def _unbind_switch(self) -> tuple[str, Op]:
        bridge = self._rng.choice(list(self._vlans))
        vlan = self._vlans.pop(bridge)
        return "vtep.unbind", Delete("vtep-binding", where={"vlan": vlan, "bridge": bridge})


def _uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))
