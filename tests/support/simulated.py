"""A virtual network that packets are sent through, without any log or server."""

from typing import Any

import yaml
from world import World

from midonet.simulation.facts import KnownState
from midonet.simulation.network import Network
from midonet.simulation.packet.packet import Packet
from midonet.simulation.result import Result
from midonet.simulation.simulate import simulate
from midonet.simulation.trace import packet_from

__all__ = ["Simulated"]

UNDERLAY = """
- {kind: host, name: h}
- {kind: tunnel-zone, name: z, members: [{host: h, address: 172.16.0.1}]}
"""


class Simulated:
    """Objects described in YAML; hosts `h` and a tunnel zone are there already."""

    def __init__(self, text: str = "") -> None:
        self.world = World()
        self.state = KnownState()
        self.apply(UNDERLAY + text)

    def apply(self, text: str) -> None:
        """Apply documents; those that describe an object again, to change it, come after all others."""
        first: list[dict[str, Any]] = []
        again: list[dict[str, Any]] = []
        seen: set[tuple[str, Any]] = set()
        for document in yaml.safe_load(text):
            key = document["kind"], document.get("name")
            (again if key in seen else first).append(document)
            seen |= {key, *(("port", port["name"]) for port in document.get("ports", ()) if isinstance(port, dict))}
        self.world.apply(*first)
        self.world.apply(*again)
        self.network = Network(self.world.topology)

    def id(self, kind: str, name: str) -> str:
        """Return the id of an object."""
        (found,) = self.world.topology.named(kind, name)
        return found.id

    def packet(self, port: str, text: str) -> Packet:
        """Return a packet as the station behind a port would send it."""
        entity = self.network.port(self.id("port", port))
        assert entity is not None
        return packet_from(self.network, entity, text)[0]

    def send(self, port: str, packet: str | Packet, **given: Any) -> Result:
        """Simulate a packet that enters at a port; the state that it leaves is there for the next one."""
        sent = self.packet(port, packet) if isinstance(packet, str) else packet
        result = simulate(sent, self.id("port", port), self.network, **{"state": self.state, **given})
        self.state.records.update(result.state)
        return result

    def arrivals(self, result: Result) -> dict[str, Packet]:
        """Return the packets that arrive, by the names of the ports."""
        return {self.name(output.port): output.packet for output in result.outputs}

    def answers(self, result: Result) -> dict[str, Packet]:
        """Return the packets that devices made, by the names of the ports."""
        return {self.name(one.port): one.packet for one in result.generated}

    def name(self, object_id: str) -> str:
        """Return the name of an object."""
        found = self.world.topology.find(object_id)
        assert found is not None
        return found.name or object_id
