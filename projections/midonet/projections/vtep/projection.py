"""What the database of one VTEP should hold: a pure projection of the topology, kept change by change (contract §4).

It follows only the bridges that are bound to its VTEP, and finds what a change touches through indexes: the cost
of a change must not grow with the number of MACs, bridges or ports. It does no I/O and decides nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from midonet.events.model import Entity
from midonet.events.model.bridge import ArpEntry, Bridge, MacEntry
from midonet.events.model.host import Host
from midonet.events.model.port import Port
from midonet.events.model.tunnel_zone import TunnelZone
from midonet.events.model.vtep import Vtep, VtepBinding
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.projections.vtep.bridge_tables import BridgeTables, add_entry, remove_entry
from midonet.projections.vtep.keys import SOURCE_NODE, UNKNOWN_DST, Key, Value, bridge_id, is_locator, switch_name
from midonet.projections.vtep.learned_macs import CurrentRow, LearnedChanges, LearnedMacs, MacKey, MacLocation, choose
from midonet.projections.vtep.tunnel_endpoints import own_addresses, underlay

SWITCH_UPDATE = "vtep-heard"
"""Kind of a change that tells what a switch reported: `id` is the VTEP, `new` the `LearnedChanges`."""

DEAD_HOSTS = "vtep-hosts"
"""Kind of a change that tells that other hosts are dead than before."""

RECHECK = "vtep-touched"
"""Kind of a change that only names keys, in `new`, which are to be looked at again."""


class VtepProjection:
    """Desired rows of the VTEP with this id; nothing at all once the VTEP is deleted.

    `learned` is what the switches report, `current` what the switch itself holds under a key, as far as known. The
    latter decides only where the former leaves a choice, or does not know: so two writers never undo each other's rows.
    """

    def __init__(
        self,
        vtep: str,
        learned: LearnedMacs | None = None,
        current: Callable[[Key], CurrentRow | None] = lambda _: None,
    ) -> None:
        self.name = f"vtep/{vtep}"
        self._vtep = vtep
        self._learned = learned or LearnedMacs()
        self._current = current
        self._handlers: Mapping[str, Callable[[Any, Any], Iterable[Key]]] = {
            "arp-entry": self._arp_changed,
            "bridge": self._bridge_changed,
            "host": self._host_changed,
            "mac-entry": self._mac_changed,
            "port": self._port_changed,
            "tunnel-zone": self._zone_changed,
            "vtep": self._vtep_changed,
            "vtep-binding": self._binding_changed,
            DEAD_HOSTS: lambda *_: self._underlay_changed(),
            RECHECK: lambda _, keys: keys,
        }
        self.attach(Topology())

    def attach(self, topology: Topology) -> None:
        """Start over from a whole topology."""
        self._topology = topology
        self._bridges: dict[str, BridgeTables] = {}
        self._bindings: dict[tuple[str, int], dict[str, str]] = {}
        self._bfd_sessions: dict[str, str] = {}
        self._uncertain: set[Key] = set()
        self._underlay = underlay(topology, self._learned, self._vtep)
        bindings = topology.referrers(self._vtep, "vtep-binding", "vtep")
        self.apply([Change(binding.KIND, binding.id, None, binding) for binding in bindings])

    def apply(self, changes: Sequence[Change]) -> set[Key]:
        """Take note of the changes of one commit, already in the topology; return the keys they may have touched."""
        touched: set[Key] = set()
        for change in changes:
            handler = self._handlers.get(change.kind)
            if handler is not None:
                touched.update(handler(change.old, change.new))
            elif change.kind == SWITCH_UPDATE:
                touched.update(self._macs_learned(change.id, change.new))
        return touched

    def keys(self) -> Iterator[Key]:
        """Yield every key that should exist."""
        yield from (("binding", port, vlan) for port, vlan in self._bindings)
        yield from (("bfd", address) for address in self._bfd_sessions)
        for bridge in self._bridges:
            yield from (key for key in self._keys_of(bridge) if self.render(key) is not None)

    def render(self, key: Key) -> Value | None:
        """Return the value that a key should have, or None if it should not exist."""
        value: Value | None = None
        match key:
            case ("ucast", name, mac):  # first, as nearly all are
                value = self._unicast(bridge_id(name), mac)
            case ("switch", name):
                value = self._switch(bridge_id(name))
            case ("replication", name) if self._underlay.source_node and bridge_id(name) in self._bridges:
                value = SOURCE_NODE
            case ("binding", port, vlan):
                value = self._binding(port, vlan)
            case ("mcast", name, mac):
                value = self._multicast(bridge_id(name), mac)
            case ("bfd", address):
                value = self._bfd_sessions.get(address) or self._current_bfd(key)
        return value

    def origin(self, key: Key) -> int | None:
        """Return the commit that last changed what a key's value is made of; None if no object says anything of it."""
        return max((entity.position for entity in self._sources(key)), default=None)

    def _sources(self, key: Key) -> Iterator[Entity]:
        get = self._topology.get
        match key:
            case ("switch", name):
                found = [get("bridge", bridge_id(name))]
            case ("binding", port, vlan):
                found = [get("vtep-binding", one) for one in self._bindings.get((port, vlan), ())]
            case ("ucast", name, mac):
                bound = self._bridges.get(bridge_id(name))
                entries = [get("mac-entry", one) for one in bound.macs.get(mac, ())] if bound is not None else []
                found = [*entries, *(get("port", entry.port) for entry in entries)]
            case _:
                vtep = get("vtep", self._vtep)
                found = [vtep, get("tunnel-zone", vtep.tunnel_zone) if vtep and vtep.tunnel_zone else None]
        yield from (entity for entity in found if entity is not None)

    # -- values

    def _switch(self, bridge: str) -> int | None:
        vni: int | None = self._topology.get("bridge", bridge).vni if bridge in self._bridges else None
        return vni

    def _binding(self, port: str, vlan: int) -> str | None:
        ids = self._bindings.get((port, vlan))
        return switch_name(self._topology.get("vtep-binding", next(iter(ids))).bridge) if ids else None

    def _unicast(self, bridge: str, mac: str) -> tuple[str, str] | None:
        bound = self._bridges.get(bridge)
        if bound is None:
            return None
        ids = bound.macs.get(mac)
        if not ids:
            return self._learned_unicast(bound, mac)
        entry: MacEntry = self._topology.get("mac-entry", next(iter(ids)))
        port: Port = self._topology.get("port", entry.port)
        address = self._address_of(port) or self._current_address(port, ("ucast", bound.switch, mac))
        return (address, bound.ip(mac)) if address else None

    def _address_of(self, port: Port) -> str | None:
        """Return the tunnel address behind which a port is: that of its host, or of the other VTEP it stands for."""
        if port.vtep is not None:
            return self._neighbour(port.vtep)
        return self._underlay.hosts.get(port.host or "")

    def _learned_unicast(self, bound: BridgeTables, mac: str) -> tuple[str, str] | None:
        """Return where a station is that no entry of the topology names; None if behind this VTEP, or if unknown."""
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
        """Yield the location for which another writer, which could read a VTEP that we cannot, wrote a row."""
        if not isinstance(current.value, tuple):
            return
        address, ip = current.value[0], current.value[-1]
        for vtep in sorted(bound.others):
            addresses = self._addresses_of(vtep)
            may_be = address in addresses or not (addresses or address in self._underlay.hosts.values())
            if may_be and not self._learned.is_read(vtep):
                yield MacLocation(vtep, address, ip, 0)

    def _multicast(self, bridge: str, mac: str) -> tuple[str, ...] | None:
        bound = self._bridges.get(bridge)
        if bound is None or mac != UNKNOWN_DST:
            return None
        if not self._underlay.source_node:
            return (self._underlay.proxy,) if self._underlay.proxy else None
        hosts = {self._underlay.hosts[host] for host in bound.hosts if host in self._underlay.hosts}
        neighbours = self._neighbours(bound) | self._current_neighbours(bound, ("mcast", bound.switch, mac))
        return tuple(sorted(self._underlay.flooders | hosts | neighbours)) or None

    # -- the other VTEPs

    def _addresses_of(self, vtep: str) -> tuple[str, ...]:
        return own_addresses(self._topology, self._learned, vtep)

    def _neighbour(self, vtep: str) -> str | None:
        """Return the tunnel address of another VTEP; never one of this VTEP."""
        own = self._addresses_of(self._vtep)
        return next((one for one in self._addresses_of(vtep) if vtep != self._vtep and one not in own), None)

    def _neighbours(self, bound: BridgeTables) -> set[str]:
        return {address for vtep in bound.others if (address := self._neighbour(vtep)) is not None}

    # -- VTEPs whose tunnel addresses are not known yet: the rows that depend on them stay

    def _unread(self, vtep: str) -> bool:
        return not self._addresses_of(vtep) and not self._learned.is_read(vtep)

    def _unexplained_addresses(self, key: Key) -> set[str]:
        """Return the addresses that the switch holds under a key and that are no host's."""
        current = self._current(key)
        addresses = current.value if current is not None and isinstance(current.value, tuple) else ()
        return {one for one in addresses if is_locator(one)} - set(self._underlay.hosts.values())

    def _current_address(self, port: Port, key: Key) -> str | None:
        if port.vtep in (None, self._vtep) or not self._unread(str(port.vtep)):
            return None
        current = self._current(key)
        address = current.value[0] if current is not None and isinstance(current.value, tuple) else None
        return address if address in self._unexplained_addresses(key) else None

    def _current_neighbours(self, bound: BridgeTables, key: Key) -> set[str]:
        return self._unexplained_addresses(key) if any(map(self._unread, bound.others)) else set()

    def _current_bfd(self, key: Key) -> Value | None:
        if not (self._underlay.bfd and self._bridges):
            return None
        if not any(map(self._unread, {self._vtep, *(vtep for one in self._bridges.values() for vtep in one.others)})):
            return None
        self._uncertain.add(key)
        current = self._current(key)
        return current.value if current is not None else None

    def _neighbour_changed(self, vtep: str) -> Iterator[Key]:
        """Yield the keys that a tunnel address of another VTEP is in."""
        for bound in self._bridges.values():
            if vtep in bound.others:
                yield "mcast", bound.switch, UNKNOWN_DST
        for port in self._topology.referrers(vtep, "port", "vtep"):
            yield from self._keys_behind(port)
        yield from self._unicast_keys(self._learned.macs_of(vtep))
        yield from self._bfd_changed()

    def _macs_learned(self, vtep: str, changes: LearnedChanges) -> Iterator[Key]:
        """Yield the keys that what a switch said bears on; what the topology says of a station goes before that."""
        if changes.addresses_changed:
            yield from self._underlay_changed() if vtep == self._vtep else self._neighbour_changed(vtep)
        yield from self._unicast_keys(changes.macs)

    def _unicast_keys(self, macs: Iterable[MacKey]) -> Iterator[Key]:
        for switch, mac in macs:
            bound = self._bridges.get(bridge_id(switch))
            if bound is not None and mac not in bound.macs:
                yield "ucast", switch, mac

    # -- the underlay

    def _underlay_changed(self) -> Iterator[Key]:
        before, self._underlay = self._underlay, underlay(self._topology, self._learned, self._vtep)
        after = self._underlay
        for host in before.hosts.keys() | after.hosts.keys():
            if before.hosts.get(host) != after.hosts.get(host):
                for port in self._topology.referrers(host, "port", "host"):
                    yield from self._keys_behind(port)
        if before != after:
            yield from (("mcast", bound.switch, UNKNOWN_DST) for bound in self._bridges.values())
        if before.source_node != after.source_node:
            yield from (("replication", bound.switch) for bound in self._bridges.values())
        yield from self._bfd_changed()

    def _bfd_changed(self) -> Iterator[Key]:
        """Watch every host of the zone and every VTEP that shares a bridge, as long as there is any bridge."""
        before, local = self._bfd_sessions, self._underlay.local
        remotes: set[str] = set()
        if self._underlay.bfd and local and self._bridges:
            remotes = {
                *self._underlay.hosts.values(),
                *(a for b in self._bridges.values() for a in self._neighbours(b)),
            }
        self._bfd_sessions = dict.fromkeys(remotes, local or "")
        yield from (("bfd", one) for one in {*before, *remotes} if before.get(one) != self._bfd_sessions.get(one))
        uncertain, self._uncertain = self._uncertain, set()
        yield from uncertain

    # -- what a change touches

    def _vtep_changed(self, old: Vtep | None, new: Vtep | None) -> Iterable[Key]:
        if self._vtep in _ids(old, new):
            return self._underlay_changed()
        if old is not None and new is not None and old.tunnel_ips != new.tunnel_ips:
            return self._neighbour_changed(new.id)
        return ()

    def _zone_changed(self, old: TunnelZone | None, new: TunnelZone | None) -> Iterable[Key]:
        vtep = self._topology.get("vtep", self._vtep)
        return self._underlay_changed() if vtep and vtep.tunnel_zone in _ids(old, new) else ()

    def _host_changed(self, old: Host | None, new: Host | None) -> Iterable[Key]:
        if old is None or new is None or old.flooding_proxy_weight == new.flooding_proxy_weight:
            return ()
        return self._underlay_changed() if new.id in self._underlay.hosts else ()

    def _bridge_changed(self, old: Bridge | None, new: Bridge | None) -> Iterable[Key]:
        return [("switch", switch_name(bridge)) for bridge in _ids(old, new) if bridge in self._bridges]

    def _port_changed(self, old: Port | None, new: Port | None) -> Iterator[Key]:
        if old and new and (old.bridge, old.host, old.vtep) == (new.bridge, new.host, new.vtep):
            return
        moves = old is not None and new is not None and old.bridge != new.bridge
        for before, after in ((old, None), (None, new)) if moves else ((old, new),):
            bound = self._bridge_of(before or after)
            if bound is not None and bound.move_port(before, after):
                yield "mcast", bound.switch, UNKNOWN_DST
        if old is not None and new is not None:  # nothing can be behind a new one that does not come with it
            yield from self._keys_behind(new)

    def _bridge_of(self, port: Port | None) -> BridgeTables | None:
        return self._bridges.get(port.bridge) if port is not None and port.bridge is not None else None

    def _mac_changed(self, old: MacEntry | None, new: MacEntry | None) -> Iterator[Key]:
        if old and old.vlan == 0 and (bound := self._bridges.get(old.bridge)) is not None:
            remove_entry(bound.macs, old.mac, old.id)
            yield "ucast", bound.switch, old.mac
        if new and new.vlan == 0 and (bound := self._bridges.get(new.bridge)) is not None:
            add_entry(bound.macs, new.mac, new.id)
            yield "ucast", bound.switch, new.mac

    def _arp_changed(self, old: ArpEntry | None, new: ArpEntry | None) -> Iterator[Key]:
        if old and (bound := self._bridges.get(old.bridge)) is not None:
            remove_entry(bound.ips, old.mac, old.id)
            yield "ucast", bound.switch, old.mac
        if new and (bound := self._bridges.get(new.bridge)) is not None:
            add_entry(bound.ips, new.mac, new.id, new.ip)
            yield "ucast", bound.switch, new.mac

    def _binding_changed(self, old: VtepBinding | None, new: VtepBinding | None) -> Iterator[Key]:
        for binding, change in ((old, self._unbind), (new, self._bind)):
            if binding is not None and binding.vtep == self._vtep:
                yield from change(binding)
        for binding, change in ((old, self._other_unbound), (new, self._other_bound)):
            if binding is not None and binding.vtep != self._vtep and binding.bridge in self._bridges:
                yield from change(binding)

    def _other_bound(self, binding: VtepBinding) -> Iterator[Key]:
        """Note that another VTEP has one of our bridges as well."""
        others = self._bridges[binding.bridge].others
        comes = binding.vtep not in others
        add_entry(others, binding.vtep, binding.id)
        if comes:
            yield from self._sharing_changed(binding)

    def _other_unbound(self, binding: VtepBinding) -> Iterator[Key]:
        others = self._bridges[binding.bridge].others
        remove_entry(others, binding.vtep, binding.id)
        if binding.vtep not in others:
            yield from self._sharing_changed(binding)

    def _sharing_changed(self, binding: VtepBinding) -> Iterator[Key]:
        """Yield the keys that depend on whether a VTEP shares a bridge with ours."""
        name = switch_name(binding.bridge)
        yield "mcast", name, UNKNOWN_DST
        yield from (("ucast", name, mac) for mac in self._learned.macs(name))
        yield from self._bfd_changed()

    def _bind(self, binding: VtepBinding) -> Iterator[Key]:
        add_entry(self._bindings, (binding.physical_port, binding.vlan), binding.id)
        yield "binding", binding.physical_port, binding.vlan
        if binding.bridge not in self._bridges:
            self._bridges[binding.bridge] = BridgeTables(self._topology, binding.bridge, self._vtep)
            yield from self._keys_of(binding.bridge)
            yield from self._bfd_changed()
        self._bridges[binding.bridge].bindings.add(binding.id)

    def _unbind(self, binding: VtepBinding) -> Iterator[Key]:
        remove_entry(self._bindings, (binding.physical_port, binding.vlan), binding.id)
        yield "binding", binding.physical_port, binding.vlan
        bound = self._bridges[binding.bridge]
        bound.bindings.discard(binding.id)
        if not bound.bindings:
            yield from self._keys_of(binding.bridge)
            del self._bridges[binding.bridge]
            yield from self._bfd_changed()

    def _keys_of(self, bridge: str) -> Iterator[Key]:
        name = switch_name(bridge)
        yield "switch", name
        yield "replication", name
        yield "mcast", name, UNKNOWN_DST
        yield from (("ucast", name, mac) for mac in {*self._bridges[bridge].macs, *self._learned.macs(name)})

    def _keys_behind(self, port: Port) -> Iterator[Key]:
        for entry in self._topology.referrers(port.id, "mac-entry", "port"):
            if entry.bridge in self._bridges:
                yield "ucast", switch_name(entry.bridge), entry.mac


def _ids(*entities: Entity | None) -> set[str]:
    return {entity.id for entity in entities if entity is not None}
