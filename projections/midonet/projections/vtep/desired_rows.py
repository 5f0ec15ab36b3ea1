"""The values of a VTEP's rows, computed from the topology, the learned MACs and the rows that the switch holds. Pure.

`VtepProjection` keeps the inputs up to date and names the keys that a change touches.
"""

from collections.abc import Callable, Iterator

from midonet.events.model import Entity
from midonet.events.model.bridge import MacEntry
from midonet.events.model.port import Port
from midonet.events.topology.topology import Topology
from midonet.projections.vtep.bridge_tables import BridgeTables
from midonet.projections.vtep.keys import SOURCE_NODE, UNKNOWN_DST, Key, Value, bridge_id, is_locator, switch_name
from midonet.projections.vtep.learned_macs import CurrentRow, LearnedMacs, MacLocation, choose
from midonet.projections.vtep.tunnel_endpoints import own_addresses, underlay


class DesiredRows:
    """The inputs of one VTEP's rows, and the values that follow from them; parameters as for `VtepProjection`."""

    def __init__(
        self, topology: Topology, vtep: str, learned: LearnedMacs, current: Callable[[Key], CurrentRow | None]
    ) -> None:
        self.topology = topology
        self._vtep = vtep
        self._learned = learned
        self._current = current
        self.bridges: dict[str, BridgeTables] = {}
        """Bridge → its tables, of the bridges that are bound to the VTEP."""
        self.bindings: dict[tuple[str, int], dict[str, str]] = {}
        """Physical port and VLAN → ids of the bindings."""
        self.bfd_sessions: dict[str, str] = {}
        """Remote tunnel address → local one."""
        self.uncertain: set[Key] = set()
        """BFD keys whose current values were kept because the tunnel addresses of a VTEP are unknown."""
        self.underlay = underlay(topology, learned, vtep)

    def render(self, key: Key) -> Value | None:
        """Return the value that a key should have, or None if it should not exist."""
        value: Value | None = None
        match key:
            case ("ucast", name, mac):  # first: nearly all keys are of this kind
                value = self._unicast(bridge_id(name), mac)
            case ("switch", name):
                value = self._switch(bridge_id(name))
            case ("replication", name) if self.underlay.source_node and bridge_id(name) in self.bridges:
                value = SOURCE_NODE
            case ("binding", port, vlan):
                value = self._binding(port, vlan)
            case ("mcast", name, mac):
                value = self._multicast(bridge_id(name), mac)
            case ("bfd", address):
                value = self.bfd_sessions.get(address) or self._current_bfd(key)
        return value

    def sources(self, key: Key) -> Iterator[Entity]:
        """Yield the objects that a key's value depends on."""
        get = self.topology.get
        match key:
            case ("switch", name):
                found = [get("bridge", bridge_id(name))]
            case ("binding", port, vlan):
                found = [get("vtep-binding", one) for one in self.bindings.get((port, vlan), ())]
            case ("ucast", name, mac):
                bound = self.bridges.get(bridge_id(name))
                entries = [get("mac-entry", one) for one in bound.macs.get(mac, ())] if bound is not None else []
                found = [*entries, *(get("port", entry.port) for entry in entries)]
            case _:
                vtep = get("vtep", self._vtep)
                found = [vtep, get("tunnel-zone", vtep.tunnel_zone) if vtep and vtep.tunnel_zone else None]
        yield from (entity for entity in found if entity is not None)

    def _switch(self, bridge: str) -> int | None:
        vni: int | None = self.topology.get("bridge", bridge).vni if bridge in self.bridges else None
        return vni

    def _binding(self, port: str, vlan: int) -> str | None:
        ids = self.bindings.get((port, vlan))
        return switch_name(self.topology.get("vtep-binding", next(iter(ids))).bridge) if ids else None

    def _unicast(self, bridge: str, mac: str) -> tuple[str, str] | None:
        bound = self.bridges.get(bridge)
        if bound is None:
            return None
        ids = bound.macs.get(mac)
        if not ids:
            return self._learned_unicast(bound, mac)
        entry: MacEntry = self.topology.get("mac-entry", next(iter(ids)))
        port: Port = self.topology.get("port", entry.port)
        address = self._address_of(port) or self._current_address(port, ("ucast", bound.switch, mac))
        return (address, bound.ip(mac)) if address else None

    def _address_of(self, port: Port) -> str | None:
        """Return the tunnel address of a port: of its host, or of the other VTEP that the port represents."""
        if port.vtep is not None:
            return self._neighbour(port.vtep)
        return self.underlay.hosts.get(port.host or "")

    def _learned_unicast(self, bound: BridgeTables, mac: str) -> tuple[str, str] | None:
        """Return the location of a station without a MAC entry; None if it is behind this VTEP, or unknown."""
        learned, me = self._learned, self._vtep
        locations = [one for one in learned.locations(bound.switch, mac) if one.vtep in bound.others or one.vtep == me]
        current = self._current(("ucast", bound.switch, mac))
        if current is not None:
            locations += self._unknown_sources(bound, current)
        chosen = choose(locations, current, me=me, is_read=learned.is_read)
        if chosen is None or chosen.vtep == me:
            return None
        own = self._addresses_of(chosen.vtep)
        address = own[0] if own and chosen.address not in own else chosen.address
        return (address, bound.ip(mac) or chosen.ip) if is_locator(address) else None

    def _unknown_sources(self, bound: BridgeTables, current: CurrentRow) -> Iterator[MacLocation]:
        """Yield the location in a row that another writer wrote, who can read a VTEP that this process cannot."""
        if not isinstance(current.value, tuple):
            return
        address, ip = current.value[0], current.value[-1]
        for vtep in sorted(bound.others):
            addresses = self._addresses_of(vtep)
            may_be = address in addresses or not (addresses or address in self.underlay.hosts.values())
            if may_be and not self._learned.is_read(vtep):
                yield MacLocation(vtep, address, ip, 0)

    def _multicast(self, bridge: str, mac: str) -> tuple[str, ...] | None:
        bound = self.bridges.get(bridge)
        if bound is None or mac != UNKNOWN_DST:
            return None
        if not self.underlay.source_node:
            return (self.underlay.proxy,) if self.underlay.proxy else None
        hosts = {self.underlay.hosts[host] for host in bound.hosts if host in self.underlay.hosts}
        neighbours = self.neighbours(bound) | self._current_neighbours(bound, ("mcast", bound.switch, mac))
        return tuple(sorted(self.underlay.flooders | hosts | neighbours)) or None

    # -- the other VTEPs

    def _addresses_of(self, vtep: str) -> tuple[str, ...]:
        return own_addresses(self.topology, self._learned, vtep)

    def _neighbour(self, vtep: str) -> str | None:
        """Return the tunnel address of another VTEP; never one of this VTEP."""
        own = self._addresses_of(self._vtep)
        return next((one for one in self._addresses_of(vtep) if vtep != self._vtep and one not in own), None)

    def neighbours(self, bound: BridgeTables) -> set[str]:
        """Return the tunnel addresses of the other VTEPs of a bridge."""
        return {address for vtep in bound.others if (address := self._neighbour(vtep)) is not None}

    # -- VTEPs whose tunnel addresses are not known yet: the current rows that depend on them are kept

    def _unread(self, vtep: str) -> bool:
        return not self._addresses_of(vtep) and not self._learned.is_read(vtep)

    def _current_addresses(self, key: Key) -> tuple[str, ...]:
        current = self._current(key)
        return current.value if current is not None and isinstance(current.value, tuple) else ()

    def _unexplained_addresses(self, key: Key) -> set[str]:
        """Return the addresses that the switch holds under a key and that belong to no host."""
        return {one for one in self._current_addresses(key) if is_locator(one)} - set(self.underlay.hosts.values())

    def _current_address(self, port: Port, key: Key) -> str | None:
        if port.vtep in (None, self._vtep) or not self._unread(str(port.vtep)):
            return None
        address = next(iter(self._current_addresses(key)), None)
        return address if address in self._unexplained_addresses(key) else None

    def _current_neighbours(self, bound: BridgeTables, key: Key) -> set[str]:
        return self._unexplained_addresses(key) if any(map(self._unread, bound.others)) else set()

    def _current_bfd(self, key: Key) -> Value | None:
        if not (self.underlay.bfd and self.bridges):
            return None
        if not any(map(self._unread, {self._vtep, *(vtep for one in self.bridges.values() for vtep in one.others)})):
            return None
        self.uncertain.add(key)
        current = self._current(key)
        return current.value if current is not None else None
