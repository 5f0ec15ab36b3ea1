"""Layer-4 load balancing on routers: load balancers, pools of members, virtual addresses and health monitors.

Which members are healthy is no intent but a fact, and not in here.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from midonet.events.errors import Conflict
from midonet.events.model.base import Entity, View
from midonet.events.model.fields import DERIVED, AdminState, Id, IpAddress, L4Port, OnDelete, Ref, about

SessionPersistence = Annotated[
    Literal["source-ip"] | None, about("Whether a client stays with one member; a pool's setting overrides.")
]
Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class HealthMonitor(Entity, frozen=True, kw_only=True):
    """Probes that determine which members of a pool are up."""

    KIND = "health-monitor"

    admin_state_up: AdminState = True
    type: Annotated[Literal["tcp"], about("How members are probed.")] = "tcp"
    delay: Annotated[Count, about("Seconds between probes.")]
    timeout: Annotated[Count, about("Seconds until a probe has failed.")]
    max_retries: Annotated[Count, about("Failed probes until a member is down.")]


class LoadBalancer(Entity, frozen=True, kw_only=True):
    """Load balancer of the router that refers to it."""

    KIND = "load-balancer"

    admin_state_up: AdminState = True
    router: Annotated[
        Id | None, DERIVED, Ref("router"), about("Router that uses it; set `load_balancer` of the router.")
    ] = None
    service_container: Annotated[Id | None, Ref("service-container"), about("Container that implements it.")] = None


class Pool(Entity, frozen=True, kw_only=True):
    """Members that share the load of the pool's virtual addresses."""

    KIND = "pool"
    OWNER = ("load_balancer",)
    NESTED = "pools"

    load_balancer: Annotated[Id, Ref("load-balancer", OnDelete.DELETE), about("Load balancer that it belongs to.")]
    admin_state_up: AdminState = True
    health_monitor: Annotated[
        Id | None, Ref("health-monitor", OnDelete.CLEAR), about("How its members are probed.")
    ] = None
    protocol: Annotated[Literal["tcp"], about("Protocol that is balanced.")] = "tcp"
    lb_method: Annotated[Literal["round-robin"], about("How a member is selected.")] = "round-robin"
    session_persistence: SessionPersistence = None


class PoolMember(Entity, frozen=True, kw_only=True):
    """Server behind a load balancer."""

    KIND = "pool-member"
    OWNER = ("pool",)
    NESTED = "members"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("pool", "address", "protocol_port"): "pool-member-exists"}
    IDENTITY = ("address", "protocol_port")

    pool: Annotated[Id, Ref("pool", OnDelete.DELETE), about("Pool that it belongs to.")]
    admin_state_up: AdminState = True
    address: Annotated[IpAddress, about("Address of the server.")]
    protocol_port: Annotated[L4Port, about("Port of the server.")]
    weight: Annotated[Count, about("Share of the load, relative to the other members.")] = 1


class Vip(Entity, frozen=True, kw_only=True):
    """Virtual address and port; connections are balanced over the members of the pool."""

    KIND = "vip"
    OWNER = ("pool",)
    NESTED = "vips"
    IDENTITY = ("address", "protocol_port")

    pool: Annotated[Id, Ref("pool", OnDelete.DELETE), about("Pool that serves it.")]
    admin_state_up: AdminState = True
    address: Annotated[IpAddress, about("Virtual address.")]
    protocol_port: Annotated[L4Port, about("Virtual port.")]
    session_persistence: SessionPersistence = None
    gateway_port: Annotated[Id | None, Ref("port"), about("Port from which the address is reached from outside.")] = (
        None
    )

    def check(self, view: View) -> None:
        """An address and port is there once on a load balancer: packets are matched by it alone."""
        pool = view.get("pool", self.pool)
        pools = view.referrers(pool.load_balancer, "pool", "load_balancer") if pool is not None else ()
        for other in (vip for one in pools for vip in view.referrers(one.id, "vip", "pool")):
            if other.id != self.id and (other.address, other.protocol_port) == (self.address, self.protocol_port):
                raise Conflict(f"vip {other.id} has the same address and port", other=other.id, reason="vip-exists")
