"""Virtual devices: bridges, routers, their ports and routes, and the static entries of bridge tables."""

import hashlib
import ipaddress
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from msgspec import Meta

from midonet.events.errors import Conflict, InvalidValue
from midonet.events.model.base import Entity, View
from midonet.events.model.fields import (
    DERIVED,
    Cidr,
    Id,
    Interface,
    InterfaceAddress,
    IpAddress,
    Mac,
    OnDelete,
    Ref,
    Tenant,
    Vlan,
)

__all__ = ["ArpEntry", "Bridge", "MacEntry", "Port", "Route", "Router"]

InboundFilter = Annotated[Id | None, Ref("chain"), Meta(description="Chain for packets that enter the device.")]
OutboundFilter = Annotated[Id | None, Ref("chain"), Meta(description="Chain for packets that leave the device.")]
AdminState = Annotated[bool, Meta(description="Whether the operator wants it to carry traffic.")]


class Bridge(Entity, frozen=True, kw_only=True):
    """Virtual switch (MidoNet's Network)."""

    KIND = "bridge"
    NUMBERS: ClassVar[Mapping[str, str]] = {"tunnel_key": "tunnel-key", "vni": "vni"}

    tenant: Tenant | None = None
    admin_state_up: AdminState = True
    inbound_filter: InboundFilter = None
    outbound_filter: OutboundFilter = None
    tunnel_key: Annotated[int | None, DERIVED, Meta(description="Overlay key of the bridge, 24 bits.")] = None
    vni: Annotated[int | None, DERIVED, Meta(description="VXLAN network id, from the first VTEP binding on.")] = None


class Router(Entity, frozen=True, kw_only=True):
    """Virtual router."""

    KIND = "router"

    tenant: Tenant | None = None
    admin_state_up: AdminState = True
    inbound_filter: InboundFilter = None
    outbound_filter: OutboundFilter = None
    asn: Annotated[int, Meta(ge=1, le=4294967295, description="BGP autonomous system number.")] | None = None


class Port(Entity, frozen=True, kw_only=True):
    """Port of a bridge or of a router: bound to a host's interface (exterior) or linked to a peer (interior)."""

    KIND = "port"
    OWNER = ("bridge", "router")
    NESTED = "ports"
    UNIQUE = (("host", "interface"),)
    NUMBERS: ClassVar[Mapping[str, str]] = {"tunnel_key": "tunnel-key"}

    bridge: Annotated[Id | None, Ref("bridge", OnDelete.DELETE), Meta(description="Bridge that the port is on.")] = None
    router: Annotated[Id | None, Ref("router", OnDelete.DELETE), Meta(description="Router that the port is on.")] = None
    admin_state_up: AdminState = True
    host: Annotated[Id | None, Ref("host"), Meta(description="Host that the port is bound to.")] = None
    interface: Annotated[Interface | None, Meta(description="Network interface on that host.")] = None
    peer: Annotated[Id | None, Ref("port", OnDelete.CLEAR), Meta(description="Port at the other end of a link.")] = None
    vlan: Annotated[Vlan | None, Meta(description="VLAN id of a bridge port on a VLAN-aware bridge.")] = None
    inbound_filter: InboundFilter = None
    outbound_filter: OutboundFilter = None
    mac: Annotated[Mac | None, Meta(description="MAC address of a router port; made from the id if absent.")] = None
    addresses: Annotated[tuple[InterfaceAddress, ...], Meta(description="Addresses of a router port, as CIDR.")] = ()
    tunnel_key: Annotated[int | None, DERIVED, Meta(description="Overlay key of the port, 24 bits.")] = None

    def derive(self) -> Self:
        """Give a router port a stable, locally administered MAC address."""
        if self.router is None or self.mac is not None:
            return self
        digest = hashlib.sha256(self.id.encode()).hexdigest()
        mac = ":".join(("02", *(digest[i : i + 2] for i in range(0, 10, 2))))
        return msgspec.structs.replace(self, mac=mac)

    def without(self, field: str, target: str) -> Self | None:
        """A binding goes as a whole."""
        port = super().without(field, target)
        return msgspec.structs.replace(port, interface=None) if port and field == "host" else port

    def check(self, view: View) -> None:
        """One device; a whole binding or none; bound or linked; router fields on router ports only."""
        if (self.bridge is None) == (self.router is None):
            raise InvalidValue("a port is on exactly one of a bridge and a router", field="bridge")
        if (self.host is None) != (self.interface is None):
            missing = "host" if self.host is None else "interface"
            raise InvalidValue(f"a bound port has a host and an interface; {missing} is missing", field=missing)
        if self.host is not None and self.peer is not None:
            raise Conflict("a port cannot be bound to a host and linked to a peer", field="peer")
        self._check_kind()
        self._check_peer(view)

    def _check_kind(self) -> None:
        if self.bridge is not None and (self.addresses or self.mac is not None):
            raise InvalidValue("only a router port has addresses or a MAC address", field="addresses")
        if self.router is not None and self.vlan is not None:
            raise InvalidValue("only a bridge port has a VLAN id", field="vlan")

    def _check_peer(self, view: View) -> None:
        if self.peer is None:
            return
        if self.peer == self.id:
            raise InvalidValue("a port cannot be linked to itself", field="peer")
        peer = view.get("port", self.peer)
        if peer is not None and peer.peer != self.id:
            raise Conflict(f"port {self.peer} is linked to another port", field="peer", peer=self.peer)

    @staticmethod
    def verb(changed: Mapping[str, tuple[Any, Any]]) -> str:
        """Linking and binding have words of their own."""
        fields = set(changed)
        if fields == {"peer"}:
            return "linked" if changed["peer"][1] else "unlinked"
        if fields <= {"host", "interface"}:
            return "bound" if changed.get("host", (None, True))[1] else "unbound"
        return "updated"


class Route(Entity, frozen=True, kw_only=True):
    """Route of a router: lower weight wins among equal prefixes."""

    KIND = "route"
    OWNER = ("router",)
    NESTED = "routes"
    IDENTITY = ("src", "dst", "next_hop", "port", "gateway")

    router: Annotated[Id, Ref("router", OnDelete.DELETE), Meta(description="Router that the route is on.")]
    src: Annotated[Cidr, Meta(description="Source prefix.")] = "0.0.0.0/0"
    dst: Annotated[Cidr, Meta(description="Destination prefix.")]
    next_hop: Annotated[Literal["port", "blackhole", "reject", "local"], Meta(description="What to do.")] = "port"
    port: Annotated[Id | None, Ref("port", OnDelete.DELETE), Meta(description="Port of the same router.")] = None
    gateway: Annotated[IpAddress | None, Meta(description="Next router; absent: the destination itself.")] = None
    weight: Annotated[int, Meta(ge=0, le=2**31 - 1, description="Lower is preferred.")] = 100

    def check(self, view: View) -> None:
        """A route through a port needs one of the same router; the others have neither port nor gateway."""
        if ipaddress.ip_network(self.src).version != ipaddress.ip_network(self.dst).version and self.src != "0.0.0.0/0":
            raise InvalidValue("src and dst are of different IP versions", field="src")
        if self.next_hop in ("blackhole", "reject") and (self.port or self.gateway):
            raise InvalidValue(f"a {self.next_hop} route has neither port nor gateway", field="port")
        if self.next_hop == "port" and self.port is None:
            raise InvalidValue("a route with next_hop port needs a port", field="port")
        port = view.get("port", self.port) if self.port else None
        if port is not None and port.router != self.router:
            raise InvalidValue("the port of a route must be on the same router", field="port", port=self.port)


class MacEntry(Entity, frozen=True, kw_only=True):
    """Static entry of a bridge's MAC table."""

    KIND = "mac-entry"
    OWNER = ("bridge",)
    NESTED = "macs"
    UNIQUE = (("bridge", "mac", "vlan"),)
    IDENTITY = ("mac", "vlan")

    bridge: Annotated[Id, Ref("bridge", OnDelete.DELETE), Meta(description="Bridge that the entry is on.")]
    mac: Annotated[Mac, Meta(description="MAC address of the station.")]
    port: Annotated[Id, Ref("port", OnDelete.DELETE), Meta(description="Port behind which the station is.")]
    vlan: Annotated[Vlan, Meta(description="VLAN id; 0 is untagged.")] = 0

    def check(self, view: View) -> None:
        """The port must be on that bridge."""
        port = view.get("port", self.port)
        if port is not None and port.bridge != self.bridge:
            raise InvalidValue("the port of a MAC entry must be on the same bridge", field="port", port=self.port)


class ArpEntry(Entity, frozen=True, kw_only=True):
    """Static entry of a bridge's ARP table: who asks for the IP address is answered with the MAC address."""

    KIND = "arp-entry"
    OWNER = ("bridge",)
    NESTED = "arps"
    UNIQUE = (("bridge", "ip"),)
    IDENTITY = ("ip",)

    bridge: Annotated[Id, Ref("bridge", OnDelete.DELETE), Meta(description="Bridge that the entry is on.")]
    ip: Annotated[IpAddress, Meta(description="IP address of the station.")]
    mac: Annotated[Mac, Meta(description="MAC address of the station.")]
