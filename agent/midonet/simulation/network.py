"""The virtual devices as the simulation uses them: objects of the topology with their parts, prepared once.

A device is prepared when a packet meets it first. `Network` is for one topology; after a change, `forget` what rests
on the changed objects.
"""

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from midonet.events.model.base import View
from midonet.simulation.match.classifier import Classifier
from midonet.simulation.match.routes import RouteTable
from midonet.simulation.match.terms import terms_of
from midonet.simulation.packet.addresses import ip_to_int, mac_to_int
from midonet.simulation.packet.fields import IPV6

T = TypeVar("T")

_KINDS = ("port", "bridge", "router", "chain", "mirror", "qos-policy")


class Address(NamedTuple):
    """An address of a router port, with the first and last address of its subnet."""

    address: int
    first: int
    last: int


class Port:
    """A port with what belongs to it."""

    __slots__ = ("addresses", "device", "entity", "groups", "id", "in_filters", "is_service", "mac", "out_filters")

    def __init__(self, view: View, entity: Any) -> None:
        self.entity = entity
        self.id: str = entity.id
        self.device: str = entity.bridge or entity.router or ""
        self.mac = mac_to_int(entity.mac) if entity.mac else 0
        self.addresses = tuple(map(interface_address, entity.addresses))
        self.groups = tuple(group.id for group in view.referrers(entity.id, "port-group", "ports"))
        inbound = (entity.l2insertion_infilter, entity.inbound_filter)
        outbound = (entity.outbound_filter, entity.l2insertion_outfilter)
        self.in_filters = tuple(chain for chain in inbound if chain is not None)
        self.out_filters = tuple(chain for chain in outbound if chain is not None)
        self.is_service = any(True for _ in view.referrers(entity.id, "l2-insertion", "srv_port"))

    @property
    def is_exterior(self) -> bool:
        """Whether the port is bound to an interface of a host."""
        return self.entity.host is not None

    def has(self, address: int) -> bool:
        """Return whether an address is the port's own."""
        return any(one.address == address for one in self.addresses)

    def reaches(self, address: int) -> bool:
        """Return whether an address is in a subnet of the port."""
        return any(one.first <= address <= one.last for one in self.addresses)


class Bridge:
    """A bridge with its ports, static entries and DHCP subnets."""

    __slots__ = ("dhcp", "dhcpv6", "entity", "id", "macs", "neighbours", "ports", "stations", "vlan_ports")

    def __init__(self, view: View, entity: Any) -> None:
        self.entity = entity
        self.id: str = entity.id
        ports = list(view.referrers(entity.id, "port", "bridge"))
        self.ports: tuple[str, ...] = tuple(sorted(port.id for port in ports))
        self.vlan_ports: dict[str, int] = {port.id: port.vlan for port in ports if port.vlan}
        self.stations: dict[int, int] = {}
        """MAC addresses of the routers that are linked to the bridge, by IP address."""
        entries = list(view.referrers(entity.id, "mac-entry", "bridge"))
        self.macs: dict[tuple[int, int], str] = {(one.vlan, mac_to_int(one.mac)): one.port for one in entries}
        for port in ports:
            peer = view.get("port", port.peer) if port.peer else None
            if peer is not None and peer.router is not None:
                mac = mac_to_int(peer.mac)
                self.macs[port.vlan or 0, mac] = port.id
                self.stations |= {interface_address(text).address: mac for text in peer.addresses}
        self.neighbours = {
            ip_to_int(one.ip): mac_to_int(one.mac) for one in view.referrers(entity.id, "arp-entry", "bridge")
        }
        self.dhcp = tuple(one for one in view.referrers(entity.id, "dhcp-subnet", "bridge") if one.enabled)
        self.dhcpv6 = tuple(view.referrers(entity.id, "dhcpv6-subnet", "bridge"))


class Router:
    """A router with its ports, routes and virtual addresses."""

    __slots__ = ("addresses", "entity", "id", "ports", "routes", "vips")

    def __init__(self, view: View, entity: Any) -> None:
        self.entity = entity
        self.id: str = entity.id
        self.ports = tuple(view.referrers(entity.id, "port", "router"))
        self.addresses = {interface_address(text).address: port.id for port in self.ports for text in port.addresses}
        self.routes = RouteTable(view.referrers(entity.id, "route", "router"))
        self.vips = dict(_vips(view, entity))


class Rules:
    """A chain's rules in order, with what finds the first that a packet meets."""

    __slots__ = ("entity", "first", "loggers", "rules")

    def __init__(self, view: View, entity: Any) -> None:
        self.entity = entity
        self.rules = sorted(view.referrers(entity.id, "rule", "chain"), key=lambda rule: rule.index)
        self.loggers = tuple(view.referrers(entity.id, "rule-logger", "chain"))
        self.first = classifier(view, self.rules).first


class Pool(NamedTuple):
    """A pool with its usable members and the virtual address that it serves."""

    vip: Any
    entity: Any
    members: tuple[Any, ...]


class Network:
    """The devices of one topology."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._made: dict[str, dict[str, Any]] = {kind: {} for kind in _KINDS}

    def port(self, port: str) -> Port | None:
        """Return a port."""
        return self._get("port", port, Port)

    def bridge(self, bridge: str) -> Bridge | None:
        """Return a bridge."""
        return self._get("bridge", bridge, Bridge)

    def router(self, router: str) -> Router | None:
        """Return a router."""
        return self._get("router", router, Router)

    def chain(self, chain: str) -> Rules | None:
        """Return the rules of a chain."""
        return self._get("chain", chain, Rules)

    def mirror(self, mirror: str) -> tuple[Any, Classifier] | None:
        """Return a mirror, and what tells whether it copies a packet."""
        return self._get("mirror", mirror, lambda view, entity: (entity, classifier(view, entity.conditions)))

    def dscp(self, policy: str | None) -> int | None:
        """Return the mark of a QoS policy."""
        if policy is None:
            return None
        made: tuple[int | None] | None = self._get("qos-policy", policy, _mark)
        return made[0] if made is not None else None

    def _get(self, kind: str, object_id: str, make: Callable[[View, Any], T]) -> T | None:
        made = self._made[kind].get(object_id)
        if made is None:
            entity = self.view.get(kind, object_id)
            made = self._made[kind][object_id] = make(self.view, entity) if entity is not None else None
        return cast("T | None", made)


def classifier(view: View, conditions: Sequence[Any]) -> Classifier:
    """Prepare conditions; address groups are resolved now."""

    def addresses(group: str) -> list[int]:
        found = view.get("ip-addr-group", group)
        return [ip_to_int(one.address) for one in found.addresses] if found is not None else []

    return Classifier([terms_of(one, addresses, _policy(one)) for one in conditions])


def _policy(condition: Any) -> str | None:
    """Return the fragment policy of a rule that has none: translations of ports need whole packets (MidoNet)."""
    targets = getattr(condition, "nat_targets", ())
    several = len(targets) > 1 or any(target.ports or target.address_to for target in targets)
    return "unfragmented" if several else None


def _mark(view: View, policy: Any) -> tuple[int | None]:
    return (next((rule.dscp_mark for rule in view.referrers(policy.id, "qos-dscp-rule", "policy")), None),)


def _vips(view: View, router: Any) -> list[tuple[tuple[int, int], Pool]]:
    balancer = view.get("load-balancer", router.load_balancer) if router.load_balancer else None
    if balancer is None or not balancer.admin_state_up:
        return []
    found: list[tuple[tuple[int, int], Pool]] = []
    for pool in view.referrers(balancer.id, "pool", "load_balancer"):
        members = tuple(sorted(view.referrers(pool.id, "pool-member", "pool"), key=lambda member: member.id))
        usable = tuple(member for member in members if member.admin_state_up) if pool.admin_state_up else ()
        vips = [vip for vip in view.referrers(pool.id, "vip", "pool") if vip.admin_state_up]
        found += [((ip_to_int(vip.address), vip.protocol_port), Pool(vip, pool, usable)) for vip in vips]
    return found


def interface_address(text: str) -> Address:
    """Return an address with its subnet."""
    interface = ipaddress.ip_interface(text)
    bit = IPV6 if interface.version == 6 else 0  # noqa: PLR2004 - the IP version
    network = interface.network
    return Address(int(interface.ip) | bit, int(network.network_address) | bit, int(network.broadcast_address) | bit)
