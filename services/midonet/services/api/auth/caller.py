"""Who sends a request, as the operations see it: whom the history names, and what they may see and do."""

from collections.abc import Callable

from msgspec import Struct

from midonet.events.access.authorization import Principal
from midonet.events.access.restricted_topology import RestrictedTopology
from midonet.events.errors import Denied
from midonet.events.topology.topology import Topology


class Caller(Struct, frozen=True):
    """Whoever sent a request."""

    actor: str
    """Who acts, for the history."""
    principal: Principal | None = None
    """Who they are and what they may do; None where nobody is asked: they may do everything, and say who they are."""
    token: str | None = None
    """Id of the token that they came with, if it is one of ours."""
    is_log_user: bool = False
    """Whether they are a user of the log, which then says their roles."""

    @property
    def restricted_to(self) -> Principal | None:
        """The principal, if there is anything in the network that they may not see."""
        return self.principal if self.principal is not None and not self.principal.reads_all else None

    def view(self, topology: Topology) -> Topology:
        """Return a topology as they may see it."""
        return topology if self.restricted_to is None else RestrictedTopology(topology, self.restricted_to, redact=True)

    def require(self, holds: Callable[[Principal], bool], what: str) -> None:
        """Raise `Denied` unless something holds of who they are; `what` says for whom it is."""
        if self.principal is not None and not holds(self.principal):
            raise Denied(f"{self.principal.name} may not do that: it is for {what}", principal=self.principal.name)
