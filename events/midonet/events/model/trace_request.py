"""A request to trace packets."""

from typing import Annotated

from midonet.events.model.base import Entity, View
from midonet.events.model.condition import Condition, check_condition
from midonet.events.model.fields import Id, OnDelete, Ref, about


class TraceRequest(Entity, frozen=True, kw_only=True):
    """Request to trace packets that start at one bridge, router or port."""

    KIND = "trace-request"
    OWNER = ("bridge", "router", "port")
    NESTED = "trace_requests"

    bridge: Annotated[Id | None, Ref("bridge", OnDelete.DELETE), about("Bridge where the trace starts.")] = None
    router: Annotated[Id | None, Ref("router", OnDelete.DELETE), about("Router where the trace starts.")] = None
    port: Annotated[Id | None, Ref("port", OnDelete.DELETE), about("Port where the trace starts.")] = None
    condition: Annotated[Condition, about("Packets to trace.")]
    enabled: Annotated[bool, about("Whether it is active.")] = False
    limit: Annotated[int, about("Maximum number of packets; absent: all.", ge=1, le=2**63 - 1)] | None = None

    def check(self, view: View) -> None:
        """Exactly one place where it starts."""
        del view
        self.check_owner()
        check_condition(self.condition)
