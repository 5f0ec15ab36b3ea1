"""The desired rows in the database of one VTEP, updated by each change of the topology (contract §4). Pure.

It follows only the bridges that are bound to its VTEP. Indexes find the keys that a change touches, so that the cost of
a change does not grow with the number of MACs, bridges or ports.
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
from midonet.projections.vtep.desired_rows import DesiredRows
from midonet.projections.vtep.keys import UNKNOWN_DST, Key, Value, bridge_id, switch_name
from midonet.projections.vtep.learned_macs import CurrentRow, LearnedChanges, LearnedMacs, MacKey
from midonet.projections.vtep.tunnel_endpoints import underlay

SWITCH_UPDATE = "vtep-heard"
"""Kind of a change: a switch reported something; `id` is the VTEP, `new` the `LearnedChanges`."""

DEAD_HOSTS = "vtep-hosts"
"""Kind of a change: the set of dead hosts changed."""

RECHECK = "vtep-touched"
"""Kind of a change: the keys in `new` have to be computed again."""


class VtepProjection:
    """Desired rows of the VTEP with this id; none after the VTEP was deleted.

    `learned` holds the reports of all switches, `current` returns the row that the switch holds under a key, if known.
    The current row is used only where the reports allow several values or are missing: so two writers never undo each
    other's rows.
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
        """Start again from a whole topology."""
        self._rows = DesiredRows(topology, self._vtep, self._learned, self._current)
        bindings = topology.referrers(self._vtep, "vtep-binding", "vtep")
        self.apply([Change(binding.KIND, binding.id, None, binding) for binding in bindings])

    def apply(self, changes: Sequence[Change]) -> set[Key]:
        """Apply the changes of one commit, which the topology already contains; return the keys that may change."""
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
        yield from (("binding", port, vlan) for port, vlan in self._rows.bindings)
        yield from (("bfd", address) for address in self._rows.bfd_sessions)
        for bridge in self._rows.bridges:
            yield from (key for key in self._keys_of(bridge) if self.render(key) is not None)

    def render(self, key: Key) -> Value | None:
        """Return the value that a key should have, or None if it should not exist."""
        return self._rows.render(key)

    def origin(self, key: Key) -> int | None:
        """Return the last commit that changed an object that a key's value depends on, None without such an object."""
        return max((entity.position for entity in self._rows.sources(key)), default=None)

    # -- the keys that a change touches: other VTEPs and learned MACs

    def _neighbour_changed(self, vtep: str) -> Iterator[Key]:
        """Yield the keys whose values contain a tunnel address of another VTEP."""
        for bound in self._rows.bridges.values():
            if vtep in bound.others:
                yield "mcast", bound.switch, UNKNOWN_DST
        for port in self._rows.topology.referrers(vtep, "port", "vtep"):
            yield from self._keys_behind(port)
        yield from self._unicast_keys(self._learned.macs_of(vtep))
        yield from self._bfd_changed()

    def _macs_learned(self, vtep: str, changes: LearnedChanges) -> Iterator[Key]:
        """Yield the keys that a report of a switch affects; MAC entries of the topology take precedence over it."""
        if changes.addresses_changed:
            yield from self._underlay_changed() if vtep == self._vtep else self._neighbour_changed(vtep)
        yield from self._unicast_keys(changes.macs)

    def _unicast_keys(self, macs: Iterable[MacKey]) -> Iterator[Key]:
        for switch, mac in macs:
            bound = self._rows.bridges.get(bridge_id(switch))
            if bound is not None and mac not in bound.macs:
                yield "ucast", switch, mac

    # -- the underlay

    def _underlay_changed(self) -> Iterator[Key]:
        before, self._rows.underlay = self._rows.underlay, underlay(self._rows.topology, self._learned, self._vtep)
        after = self._rows.underlay
        for host in before.hosts.keys() | after.hosts.keys():
            if before.hosts.get(host) != after.hosts.get(host):
                for port in self._rows.topology.referrers(host, "port", "host"):
                    yield from self._keys_behind(port)
        if before != after:
            yield from (("mcast", bound.switch, UNKNOWN_DST) for bound in self._rows.bridges.values())
        if before.source_node != after.source_node:
            yield from (("replication", bound.switch) for bound in self._rows.bridges.values())
        yield from self._bfd_changed()

    def _bfd_changed(self) -> Iterator[Key]:
        """Run BFD to every host of the zone and every VTEP that shares a bridge, while any bridge is bound."""
        before, local = self._rows.bfd_sessions, self._rows.underlay.local
        remotes: set[str] = set()
        if self._rows.underlay.bfd and local and self._rows.bridges:
            remotes = {
                *self._rows.underlay.hosts.values(),
                *(a for b in self._rows.bridges.values() for a in self._rows.neighbours(b)),
            }
        self._rows.bfd_sessions = dict.fromkeys(remotes, local or "")
        yield from (("bfd", one) for one in {*before, *remotes} if before.get(one) != self._rows.bfd_sessions.get(one))
        uncertain, self._rows.uncertain = self._rows.uncertain, set()
        yield from uncertain

    # -- objects of the topology

    def _vtep_changed(self, old: Vtep | None, new: Vtep | None) -> Iterable[Key]:
        if self._vtep in _ids(old, new):
            return self._underlay_changed()
        if old is not None and new is not None and old.tunnel_ips != new.tunnel_ips:
            return self._neighbour_changed(new.id)
        return ()

    def _zone_changed(self, old: TunnelZone | None, new: TunnelZone | None) -> Iterable[Key]:
        vtep = self._rows.topology.get("vtep", self._vtep)
        return self._underlay_changed() if vtep and vtep.tunnel_zone in _ids(old, new) else ()

    def _host_changed(self, old: Host | None, new: Host | None) -> Iterable[Key]:
        if old is None or new is None or old.flooding_proxy_weight == new.flooding_proxy_weight:
            return ()
        return self._underlay_changed() if new.id in self._rows.underlay.hosts else ()

    def _bridge_changed(self, old: Bridge | None, new: Bridge | None) -> Iterable[Key]:
        return [("switch", switch_name(bridge)) for bridge in _ids(old, new) if bridge in self._rows.bridges]

    def _port_changed(self, old: Port | None, new: Port | None) -> Iterator[Key]:
        if old and new and (old.bridge, old.host, old.vtep) == (new.bridge, new.host, new.vtep):
            return
        moves = old is not None and new is not None and old.bridge != new.bridge
        for before, after in ((old, None), (None, new)) if moves else ((old, new),):
            bound = self._bridge_of(before or after)
            if bound is not None and bound.move_port(before, after):
                yield "mcast", bound.switch, UNKNOWN_DST
        if old is not None and new is not None:  # a new port has no MAC entries yet
            yield from self._keys_behind(new)

    def _bridge_of(self, port: Port | None) -> BridgeTables | None:
        return self._rows.bridges.get(port.bridge) if port is not None and port.bridge is not None else None

    def _mac_changed(self, old: MacEntry | None, new: MacEntry | None) -> Iterator[Key]:
        if old and old.vlan == 0 and (bound := self._rows.bridges.get(old.bridge)) is not None:
            remove_entry(bound.macs, old.mac, old.id)
            yield "ucast", bound.switch, old.mac
        if new and new.vlan == 0 and (bound := self._rows.bridges.get(new.bridge)) is not None:
            add_entry(bound.macs, new.mac, new.id)
            yield "ucast", bound.switch, new.mac

    def _arp_changed(self, old: ArpEntry | None, new: ArpEntry | None) -> Iterator[Key]:
        if old and (bound := self._rows.bridges.get(old.bridge)) is not None:
            remove_entry(bound.ips, old.mac, old.id)
            yield "ucast", bound.switch, old.mac
        if new and (bound := self._rows.bridges.get(new.bridge)) is not None:
            add_entry(bound.ips, new.mac, new.id, new.ip)
            yield "ucast", bound.switch, new.mac

    def _binding_changed(self, old: VtepBinding | None, new: VtepBinding | None) -> Iterator[Key]:
        for binding, change in ((old, self._unbind), (new, self._bind)):
            if binding is not None and binding.vtep == self._vtep:
                yield from change(binding)
        for binding, change in ((old, self._other_unbound), (new, self._other_bound)):
            if binding is not None and binding.vtep != self._vtep and binding.bridge in self._rows.bridges:
                yield from change(binding)

    def _other_bound(self, binding: VtepBinding) -> Iterator[Key]:
        """Record that another VTEP is bound to one of our bridges as well."""
        others = self._rows.bridges[binding.bridge].others
        comes = binding.vtep not in others
        add_entry(others, binding.vtep, binding.id)
        if comes:
            yield from self._sharing_changed(binding)

    def _other_unbound(self, binding: VtepBinding) -> Iterator[Key]:
        others = self._rows.bridges[binding.bridge].others
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
        add_entry(self._rows.bindings, (binding.physical_port, binding.vlan), binding.id)
        yield "binding", binding.physical_port, binding.vlan
        if binding.bridge not in self._rows.bridges:
            self._rows.bridges[binding.bridge] = BridgeTables(self._rows.topology, binding.bridge, self._vtep)
            yield from self._keys_of(binding.bridge)
            yield from self._bfd_changed()
        self._rows.bridges[binding.bridge].bindings.add(binding.id)

    def _unbind(self, binding: VtepBinding) -> Iterator[Key]:
        remove_entry(self._rows.bindings, (binding.physical_port, binding.vlan), binding.id)
        yield "binding", binding.physical_port, binding.vlan
        bound = self._rows.bridges[binding.bridge]
        bound.bindings.discard(binding.id)
        if not bound.bindings:
            yield from self._keys_of(binding.bridge)
            del self._rows.bridges[binding.bridge]
            yield from self._bfd_changed()

    def _keys_of(self, bridge: str) -> Iterator[Key]:
        name = switch_name(bridge)
        yield "switch", name
        yield "replication", name
        yield "mcast", name, UNKNOWN_DST
        yield from (("ucast", name, mac) for mac in {*self._rows.bridges[bridge].macs, *self._learned.macs(name)})

    def _keys_behind(self, port: Port) -> Iterator[Key]:
        for entry in self._rows.topology.referrers(port.id, "mac-entry", "port"):
            if entry.bridge in self._rows.bridges:
                yield "ucast", switch_name(entry.bridge), entry.mac


def _ids(*entities: Entity | None) -> set[str]:
    return {entity.id for entity in entities if entity is not None}
