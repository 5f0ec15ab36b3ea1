"""A virtual bridge and its static MAC and ARP entries."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from midonet.events.errors import InvalidValue
from midonet.events.model.address_checks import check_host_address
from midonet.events.model.base import Entity, View
from midonet.events.model.fields import (
    DERIVED,
    AdminState,
    Id,
    InboundFilter,
    InboundMirrors,
    IpAddress,
    Mac,
    OnDelete,
    OutboundFilter,
    OutboundMirrors,
    QosPolicy,
    Ref,
    Tenant,
    Vlan,
    about,
)


class Bridge(Entity, frozen=True, kw_only=True):
    """Virtual switch (MidoNet's Network)."""

    KIND = "bridge"
    NUMBERS: ClassVar[Mapping[str, str]] = {"tunnel_key": "tunnel-key", "vni": "vni"}

    tenant: Tenant | None = None
    admin_state_up: AdminState = True
    inbound_filter: InboundFilter = None
    outbound_filter: OutboundFilter = None
    inbound_mirrors: InboundMirrors = ()
    outbound_mirrors: OutboundMirrors = ()
    qos_policy: QosPolicy = None
    tunnel_key: Annotated[int | None, DERIVED, about("Overlay key of the bridge, 24 bits.")] = None
    vni: Annotated[int | None, DERIVED, about("VXLAN network id, allocated with the first VTEP binding.")] = None


class MacEntry(Entity, frozen=True, kw_only=True):
    """Static entry of a bridge's MAC table."""

    KIND = "mac-entry"
    OWNER = ("bridge",)
    NESTED = "macs"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("bridge", "mac", "vlan"): "mac-exists"}
    IDENTITY = ("mac", "vlan")

    bridge: Annotated[Id, Ref("bridge", OnDelete.DELETE), about("Bridge that the entry is on.")]
    mac: Annotated[Mac, about("MAC address of the station.")]
    port: Annotated[Id, Ref("port", OnDelete.DELETE), about("Port behind which the station is.")]
    vlan: Annotated[Vlan, about("VLAN id; 0 is untagged.")] = 0

    def check(self, view: View) -> None:
        """The port must be on that bridge, and in that VLAN if it is in one."""
        port = view.get("port", self.port)
        if port is None:
            return
        if port.bridge != self.bridge:
            raise InvalidValue(
                "the port of a MAC entry must be on the same bridge",
                field="port",
                port=self.port,
                reason="port-not-on-bridge",
            )
        if port.vlan and self.vlan != port.vlan:
            raise InvalidValue(
                f"port {port.id} is in VLAN {port.vlan}, not {self.vlan}", field="vlan", reason="vlan-mismatch"
            )


class ArpEntry(Entity, frozen=True, kw_only=True):
    """Static entry of a bridge's ARP table; the bridge answers ARP requests for it."""

    KIND = "arp-entry"
    OWNER = ("bridge",)
    NESTED = "arps"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("bridge", "ip"): "ip-exists"}
    IDENTITY = ("ip",)

    bridge: Annotated[Id, Ref("bridge", OnDelete.DELETE), about("Bridge that the entry is on.")]
    ip: Annotated[IpAddress, about("IP address of the station.")]
    mac: Annotated[Mac, about("MAC address of the station.")]

    def check(self, view: View) -> None:
        """The address is one that a station can have."""
        del view
        check_host_address(self.ip, "ip")
