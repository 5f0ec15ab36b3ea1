"""A virtual router."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

from midonet.events.model.base import Entity
from midonet.events.model.fields import (
    AdminState,
    Id,
    InboundFilter,
    InboundMirrors,
    OnDelete,
    OutboundFilter,
    OutboundMirrors,
    Ref,
    Tenant,
)


class Router(Entity, frozen=True, kw_only=True):
    """Virtual router."""

    KIND = "router"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("load_balancer",): "load-balancer-attached"}

    tenant: Tenant | None = None
    admin_state_up: AdminState = True
    inbound_filter: InboundFilter = None
    outbound_filter: OutboundFilter = None
    local_redirect_chain: Annotated[
        Id | None, Ref("chain"), Meta(description="Chain for packets to the router's own addresses.")
    ] = None
    forward_chain: Annotated[Id | None, Ref("chain"), Meta(description="Chain for packets that are routed.")] = None
    inbound_mirrors: InboundMirrors = ()
    outbound_mirrors: OutboundMirrors = ()
    load_balancer: Annotated[
        Id | None, Ref("load-balancer", OnDelete.CLEAR), Meta(description="Load balancer of the router.")
    ] = None
    asn: Annotated[int, Meta(ge=1, le=4294967295, description="BGP autonomous system number.")] | None = None
