"""A port of a bridge or router, and the peer of a port."""

import hashlib
from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Self

import msgspec

from midonet.events.errors import Conflict, InvalidValue
from midonet.events.model.address_checks import check_gateway, check_interface_address, check_overlap
from midonet.events.model.base import Entity, Part, View
from midonet.events.model.fields import (
    DERIVED,
    AdminState,
    Id,
    InboundFilter,
    InboundMirrors,
    Interface,
    InterfaceAddress,
    IpAddress,
    Mac,
    MirrorList,
    OnDelete,
    OutboundFilter,
    OutboundMirrors,
    QosPolicy,
    Ref,
    Vlan,
    about,
)


class RemotePeer(Part, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is behind a router's VTEP port: the MAC address of an IP address, as configured."""

    mac: Mac
    ip: IpAddress


_OF_ROUTERS = ("addresses", "mac", "vni", "tunnel_ip", "off_ramp_vxlan", "remote_peers")
"""Fields that only the ports of routers have."""


_of_routers = attrgetter(*_OF_ROUTERS)


class Port(Entity, frozen=True, kw_only=True):
    """Port of a bridge or of a router: bound to a host's interface (exterior) or linked to a peer (interior)."""

    KIND = "port"
    OWNER = ("bridge", "router")
    NESTED = "ports"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("host", "interface"): "interface-bound"}
    NUMBERS: ClassVar[Mapping[str, str]] = {"tunnel_key": "tunnel-key"}

    bridge: Annotated[Id | None, Ref("bridge", OnDelete.DELETE), about("Bridge that the port is on.")] = None
    router: Annotated[Id | None, Ref("router", OnDelete.DELETE), about("Router that the port is on.")] = None
    admin_state_up: AdminState = True
    host: Annotated[Id | None, Ref("host"), about("Host that the port is bound to.")] = None
    interface: Annotated[Interface | None, about("Network interface on that host.")] = None
    previous_host: Annotated[
        Id | None, DERIVED, Ref("host", OnDelete.CLEAR), about("Host that it was bound to before.")
    ] = None
    peer: Annotated[Id | None, Ref("port", OnDelete.CLEAR), about("Port at the other end of a link.")] = None
    vif: Annotated[Id | None, about("Id of the interface in the system that asked for the port.")] = None
    vtep: Annotated[Id | None, DERIVED, Ref("vtep", OnDelete.DELETE), about("VTEP that a VXLAN port represents.")] = (
        None
    )
    vlan: Annotated[Vlan | None, about("VLAN id of a bridge port on a VLAN-aware bridge.")] = None
    inbound_filter: InboundFilter = None
    outbound_filter: OutboundFilter = None
    inbound_mirrors: InboundMirrors = ()
    outbound_mirrors: OutboundMirrors = ()
    post_in_filter_mirrors: Annotated[MirrorList, about("Mirrors after the inbound filter.")] = ()
    pre_out_filter_mirrors: Annotated[MirrorList, about("Mirrors before the outbound filter.")] = ()
    qos_policy: QosPolicy = None
    mac: Annotated[Mac | None, about("MAC address of a router port; derived from the id if absent.")] = None
    addresses: Annotated[tuple[InterfaceAddress, ...], about("Addresses of a router port, as CIDR.")] = ()
    vni: Annotated[int, about("VXLAN network id of a router's VTEP port.", ge=0, le=0xFFFFFF)] | None = None
    tunnel_ip: Annotated[IpAddress | None, about("Own tunnel address of a router's VTEP port.")] = None
    off_ramp_vxlan: Annotated[bool, about("Whether a router's VTEP port is an off-ramp.")] = False
    remote_peers: Annotated[tuple[RemotePeer, ...], about("MAC addresses behind a router's VTEP port.")] = ()
    tunnel_key: Annotated[int | None, DERIVED, about("Overlay key of the port, 24 bits.")] = None
    l2insertion_infilter: Annotated[
        Id | None, DERIVED, Ref("chain"), about("Chain that redirects ingress; before inbound_filter.")
    ] = None
    l2insertion_outfilter: Annotated[
        Id | None, DERIVED, Ref("chain"), about("Chain that redirects egress; after outbound_filter.")
    ] = None

    @property
    def follows(self) -> str | None:
        """A VXLAN port is there as long as its bridge is bound to its VTEP."""
        return "the bindings of its VTEP" if self.vtep is not None else None

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
        self.check_owner()
        if (self.host is None) != (self.interface is None):
            missing = "host" if self.host is None else "interface"
            raise InvalidValue(
                f"a bound port has a host and an interface; {missing} is missing", field=missing, reason="half-bound"
            )
        if self.host is not None and self.peer is not None:
            raise Conflict(
                "a port cannot be bound to a host and linked to a peer", field="peer", reason="bound-and-linked"
            )
        self._check_kind()
        self._check_peer(view)
        self._check_addresses(view)
        for entry in view.referrers(self.id, "mac-entry", "port"):
            entry.check(view)

    def check_step(self, old: Self | None, view: View) -> None:
        """A host that a port is bound to must be reachable through a tunnel zone."""
        if self.host is None or (old is not None and old.host == self.host):
            return
        if not [*view.referrers(self.host, "tunnel-zone", "members.host")]:
            raise Conflict(
                f"host {self.host} is in no tunnel zone; add it to one first (tunnel-zone add-member)",
                field="host",
                host=self.host,
                reason="host-in-no-tunnel-zone",
            )

    def _check_addresses(self, view: View) -> None:
        """Addresses are of hosts, in no prefix of another port of the router; gateways of routes stay reachable."""
        for address in self.addresses:
            check_interface_address(address, "addresses")
        if self.router is None or not self.addresses:
            return
        ports = view.referrers(self.router, "port", "router")
        check_overlap(self.addresses, ((port.id, port.addresses) for port in ports if port.id != self.id))
        for route in view.referrers(self.id, "route", "port"):
            if route.gateway is not None:
                check_gateway(route.gateway, self.addresses, "addresses")

    def _check_kind(self) -> None:
        if self.bridge is not None:
            if any(_of_routers(self)):
                field = next(field for field in _OF_ROUTERS if getattr(self, field))
                raise InvalidValue(f"only a router port has {field}", field=field, reason="not-for-bridge-port")
        elif self.vlan is not None:
            raise InvalidValue("only a bridge port has a VLAN id", field="vlan", reason="not-for-router-port")
        if self.vtep is not None and (self.host or self.peer):
            raise InvalidValue("a VXLAN port is neither bound nor linked", field="vtep", reason="vxlan-port")

    def _check_peer(self, view: View) -> None:
        if self.peer is None:
            return
        if self.peer == self.id:
            raise InvalidValue("a port cannot be linked to itself", field="peer", reason="linked-to-itself")
        peer = view.get("port", self.peer)
        if peer is not None and peer.peer != self.id:
            raise Conflict(
                f"port {self.peer} is linked to another port", field="peer", peer=self.peer, reason="peer-linked"
            )

    @staticmethod
    def verb(changed: Mapping[str, tuple[Any, Any]]) -> str:
        """Linking and binding have words of their own."""
        fields = set(changed)
        if fields == {"peer"}:
            return "linked" if changed["peer"][1] else "unlinked"
        if fields <= {"host", "interface", "previous_host"} and fields != {"previous_host"}:
            return "bound" if changed.get("host", (None, True))[1] else "unbound"
        return "updated"
