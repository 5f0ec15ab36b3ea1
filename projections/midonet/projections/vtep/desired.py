"""What the database of one VTEP should hold: a pure projection of the topology, kept change by change (contract §4).

It follows only the bridges that are bound to its VTEP, and finds what a change touches through indexes: the cost
of a change must not grow with the number of MACs, bridges or ports. It does no I/O and decides nothing.
"""

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from midonet.events.evolve import Change
from midonet.events.model import Entity
from midonet.events.model.devices import ArpEntry, Bridge, MacEntry, Port
from midonet.events.model.underlay import Host, TunnelZone, Vtep, VtepBinding
from midonet.events.topology import Topology
from midonet.projections.vtep.names import UNKNOWN_DST, Key, Value, bridge_id, switch_name

__all__ = ["VtepProjection"]


class _Bound:
    """A bridge that is bound to the VTEP, with the tables by which a MAC's row is found.

    Entries are kept by id: within one commit a new one may come before the old one of the same address goes.
    """

    def __init__(self) -> None:
        self.bindings: set[str] = set()
        self.macs: dict[str, dict[str, str]] = {}
        self.ips: dict[str, dict[str, str]] = {}

    def ip(self, mac: str) -> str:
        """Return the lowest IP address that the bridge knows for a MAC, or ""."""
        return min(self.ips.get(mac, {}).values(), key=_numerically, default="")


class VtepProjection:
    """Desired rows of the VTEP with this id; nothing at all once the VTEP is deleted."""

    def __init__(self, vtep: str) -> None:
        self.name = f"vtep/{vtep}"
        self._vtep = vtep
        self._handlers: Mapping[str, Callable[[Any, Any], Iterable[Key]]] = {
            "arp-entry": self._arp_changed,
            "bridge": self._bridge_changed,
            "host": self._host_changed,
            "mac-entry": self._mac_changed,
            "port": self._port_changed,
            "tunnel-zone": self._zone_changed,
            "vtep": self._vtep_changed,
            "vtep-binding": self._binding_changed,
        }
        self.attach(Topology())

    def attach(self, topology: Topology) -> None:
        """Start over from a whole topology."""
        self._topology = topology
        self._bridges: dict[str, _Bound] = {}
        self._bindings: dict[tuple[str, int], dict[str, str]] = {}
        self._addresses = self._tunnel_addresses()
        self._proxy = self._flooding_proxy()
        bindings = topology.referrers(self._vtep, "vtep-binding", "vtep")
        self.apply([Change(binding.KIND, binding.id, None, binding) for binding in bindings])

    def apply(self, changes: Sequence[Change]) -> set[Key]:
        """Take note of the changes of one commit, already in the topology; return the keys they may have touched."""
        touched: set[Key] = set()
        for change in changes:
            if change.kind in self._handlers:
                touched.update(self._handlers[change.kind](change.old, change.new))
        return touched

    def keys(self) -> Iterator[Key]:
        """Yield every key that should exist."""
        yield from (("binding", port, vlan) for port, vlan in self._bindings)
        for bridge in self._bridges:
            yield from (key for key in self._keys_of(bridge) if self.render(key) is not None)

    def render(self, key: Key) -> Value | None:
        """Return the value that a key should have, or None if it should not exist."""
        match key:
            case ("switch", name):
                return self._switch(bridge_id(name))
            case ("binding", port, vlan):
                return self._binding(port, vlan)
            case ("ucast", name, mac):
                return self._unicast(bridge_id(name), mac)
            case ("mcast", name, mac):
                return self._multicast(bridge_id(name), mac)
        return None

    # -- values

    def _switch(self, bridge: str) -> int | None:
        vni: int | None = self._topology.get("bridge", bridge).vni if bridge in self._bridges else None
        return vni

    def _binding(self, port: str, vlan: int) -> str | None:
        ids = self._bindings.get((port, vlan))
        return switch_name(self._topology.get("vtep-binding", next(iter(ids))).bridge) if ids else None

    def _unicast(self, bridge: str, mac: str) -> tuple[str, str] | None:
        bound = self._bridges.get(bridge)
        ids = bound.macs.get(mac) if bound else None
        if bound is None or not ids:
            return None
        entry: MacEntry = self._topology.get("mac-entry", next(iter(ids)))
        port: Port = self._topology.get("port", entry.port)
        address = self._addresses.get(port.host or "")
        return (address, bound.ip(mac)) if address else None

    def _multicast(self, bridge: str, mac: str) -> tuple[str, ...] | None:
        if bridge not in self._bridges or mac != UNKNOWN_DST or self._proxy is None:
            return None
        return (self._proxy,)

    # -- the underlay

    def _tunnel_addresses(self) -> dict[str, str]:
        """Return the locators of the hosts in the VTEP's zone; never an address of the VTEP itself."""
        vtep = self._topology.get("vtep", self._vtep)
        zone = self._topology.get("tunnel-zone", vtep.tunnel_zone) if vtep and vtep.tunnel_zone else None
        if zone is None:
            return {}
        members = ((member.host, member.address) for member in zone.members)
        return {host: address for host, address in members if _is_locator(address) and address not in vtep.tunnel_ips}

    def _flooding_proxy(self) -> str | None:
        """Return the address of the host with the greatest weight above 0; of equals, that with the lowest id."""
        hosts: Iterator[Host] = (self._topology.get("host", host) for host in self._addresses)
        weights = [(-host.flooding_proxy_weight, host.id) for host in hosts if host.flooding_proxy_weight > 0]
        return self._addresses[min(weights)[1]] if weights else None

    def _underlay_changed(self) -> Iterator[Key]:
        before, self._addresses = self._addresses, self._tunnel_addresses()
        for host in before.keys() | self._addresses.keys():
            if before.get(host) != self._addresses.get(host):
                for port in self._topology.referrers(host, "port", "host"):
                    yield from self._keys_behind(port)
        proxy, self._proxy = self._proxy, self._flooding_proxy()
        if proxy != self._proxy:
            yield from (("mcast", switch_name(bridge), UNKNOWN_DST) for bridge in self._bridges)

    # -- what a change touches

    def _vtep_changed(self, old: Vtep | None, new: Vtep | None) -> Iterable[Key]:
        return self._underlay_changed() if self._vtep in _ids(old, new) else ()

    def _zone_changed(self, old: TunnelZone | None, new: TunnelZone | None) -> Iterable[Key]:
        vtep = self._topology.get("vtep", self._vtep)
        return self._underlay_changed() if vtep and vtep.tunnel_zone in _ids(old, new) else ()

    def _host_changed(self, old: Host | None, new: Host | None) -> Iterable[Key]:
        if old is None or new is None or old.flooding_proxy_weight == new.flooding_proxy_weight:
            return ()
        return self._underlay_changed() if new.id in self._addresses else ()

    def _bridge_changed(self, old: Bridge | None, new: Bridge | None) -> Iterable[Key]:
        return [("switch", switch_name(bridge)) for bridge in _ids(old, new) if bridge in self._bridges]

    def _port_changed(self, old: Port | None, new: Port | None) -> Iterable[Key]:
        return self._keys_behind(new) if old and new and old.host != new.host else ()

    def _mac_changed(self, old: MacEntry | None, new: MacEntry | None) -> Iterator[Key]:
        if old and old.vlan == 0 and old.bridge in self._bridges:
            _forget(self._bridges[old.bridge].macs, old.mac, old.id)
            yield "ucast", switch_name(old.bridge), old.mac
        if new and new.vlan == 0 and new.bridge in self._bridges:
            _note(self._bridges[new.bridge].macs, new.mac, new.id)
            yield "ucast", switch_name(new.bridge), new.mac

    def _arp_changed(self, old: ArpEntry | None, new: ArpEntry | None) -> Iterator[Key]:
        if old and old.bridge in self._bridges:
            _forget(self._bridges[old.bridge].ips, old.mac, old.id)
            yield "ucast", switch_name(old.bridge), old.mac
        if new and new.bridge in self._bridges:
            _note(self._bridges[new.bridge].ips, new.mac, new.id, new.ip)
            yield "ucast", switch_name(new.bridge), new.mac

    def _binding_changed(self, old: VtepBinding | None, new: VtepBinding | None) -> Iterator[Key]:
        if old is not None and old.vtep == self._vtep:
            yield from self._unbind(old)
        if new is not None and new.vtep == self._vtep:
            yield from self._bind(new)

    def _bind(self, binding: VtepBinding) -> Iterator[Key]:
        _note(self._bindings, (binding.physical_port, binding.vlan), binding.id)
        yield "binding", binding.physical_port, binding.vlan
        if binding.bridge not in self._bridges:
            self._bridges[binding.bridge] = self._bound(binding.bridge)
            yield from self._keys_of(binding.bridge)
        self._bridges[binding.bridge].bindings.add(binding.id)

    def _unbind(self, binding: VtepBinding) -> Iterator[Key]:
        _forget(self._bindings, (binding.physical_port, binding.vlan), binding.id)
        yield "binding", binding.physical_port, binding.vlan
        bound = self._bridges[binding.bridge]
        bound.bindings.discard(binding.id)
        if not bound.bindings:
            yield from self._keys_of(binding.bridge)
            del self._bridges[binding.bridge]

    def _bound(self, bridge: str) -> _Bound:
        bound = _Bound()
        for entry, _ in self._topology.referring(bridge):
            if isinstance(entry, MacEntry) and entry.vlan == 0:
                _note(bound.macs, entry.mac, entry.id)
            elif isinstance(entry, ArpEntry):
                _note(bound.ips, entry.mac, entry.id, entry.ip)
        return bound

    def _keys_of(self, bridge: str) -> Iterator[Key]:
        name = switch_name(bridge)
        yield "switch", name
        yield "mcast", name, UNKNOWN_DST
        yield from (("ucast", name, mac) for mac in self._bridges[bridge].macs)

    def _keys_behind(self, port: Port) -> Iterator[Key]:
        for entry in self._topology.referrers(port.id, "mac-entry", "port"):
            if entry.bridge in self._bridges:
                yield "ucast", switch_name(entry.bridge), entry.mac


def _ids(*entities: Entity | None) -> set[str]:
    return {entity.id for entity in entities if entity is not None}


def _note(index: dict[Any, dict[str, str]], key: Any, entry: str, value: str = "") -> None:
    index.setdefault(key, {})[entry] = value


def _forget(index: dict[Any, dict[str, str]], key: Any, entry: str) -> None:
    entries = index.get(key, {})
    entries.pop(entry, None)
    if not entries:
        index.pop(key, None)


def _is_locator(address: str) -> bool:
    """Physical_Locator knows one encapsulation: VXLAN over IPv4."""
    return ":" not in address


def _numerically(address: str) -> tuple[int, int]:
    ip = ipaddress.ip_address(address)
    return ip.version, int(ip)
