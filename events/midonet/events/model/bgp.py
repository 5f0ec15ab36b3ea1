"""BGP: the networks that a router announces and its peers."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

from midonet.events.model.base import Entity
from midonet.events.model.fields import Cidr, Id, IpAddress, Label, OnDelete, Ref, about


class BgpNetwork(Entity, frozen=True, kw_only=True):
    """Prefix that a router announces by BGP."""

    KIND = "bgp-network"
    OWNER = ("router",)
    NESTED = "bgp_networks"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("router", "subnet"): "bgp-network-exists"}
    IDENTITY = ("subnet",)

    router: Annotated[Id, Ref("router", OnDelete.DELETE), about("Router that announces the prefix.")]
    subnet: Annotated[Cidr, about("Prefix of the subnet.")]


Seconds = Annotated[int, Meta(ge=5, le=3600)]


class BgpPeer(Entity, frozen=True, kw_only=True):
    """BGP neighbour of a router."""

    KIND = "bgp-peer"
    OWNER = ("router",)
    NESTED = "bgp_peers"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("router", "address"): "bgp-peer-exists"}
    IDENTITY = ("address",)

    router: Annotated[Id, Ref("router", OnDelete.DELETE), about("Router whose neighbour it is.")]
    asn: Annotated[int, about("Autonomous system number of the neighbour.", ge=1, le=4294967295)]
    address: Annotated[IpAddress, about("Address of the neighbour.")]
    keep_alive: Annotated[Seconds | None, about("Seconds between keep-alive messages.")] = None
    hold_time: Annotated[
        Annotated[int, Meta(ge=5, le=7200)] | None, about("Seconds without a message until the peer is down.")
    ] = None
    connect_retry: Annotated[Seconds | None, about("Seconds between attempts to connect.")] = None
    password_ref: Annotated[Label | None, about("Name of the secret with the TCP MD5 password.")] = None
