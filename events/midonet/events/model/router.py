"""A virtual router."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

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
    about,
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
        Id | None, Ref("chain"), about("Chain for packets to the router's own addresses.")
    ] = None
    forward_chain: Annotated[Id | None, Ref("chain"), about("Chain for packets that are routed.")] = None
    inbound_mirrors: InboundMirrors = ()
    outbound_mirrors: OutboundMirrors = ()
    load_balancer: Annotated[Id | None, Ref("load-balancer", OnDelete.CLEAR), about("Load balancer of the router.")] = (
        None
    )
    asn: Annotated[int, about("BGP autonomous system number.", ge=1, le=4294967295)] | None = None
