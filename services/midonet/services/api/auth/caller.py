"""The caller of a request: the actor for the history, and what it may read and do."""

from collections.abc import Callable

from msgspec import Struct

from midonet.events.access.authorization import Principal
from midonet.events.access.restricted_topology import RestrictedTopology
from midonet.events.errors import Denied
from midonet.events.topology.topology import Topology


class Caller(Struct, frozen=True):
    """The sender of a request."""

    actor: str
    """Actor of the commits, for the history."""
    principal: Principal | None = None
    """User and roles; None without authentication: then everything is permitted."""
    token: str | None = None
    """Id of the API token that the request was authenticated with, if any."""
    is_log_user: bool = False
    """Whether the caller is a user on the log, which then states the roles."""

    @property
    def restricted_to(self) -> Principal | None:
        """The principal, if it may not read the whole topology; else None."""
        return self.principal if self.principal is not None and not self.principal.reads_all else None

    def view(self, topology: Topology) -> Topology:
        """Return the topology restricted to what the caller may read."""
        return topology if self.restricted_to is None else RestrictedTopology(topology, self.restricted_to, redact=True)

    def require(self, holds: Callable[[Principal], bool], what: str) -> None:
        """Raise `Denied` unless the condition holds for the principal; `what` names who is permitted."""
        if self.principal is not None and not holds(self.principal):
            raise Denied(f"{self.principal.name} may not do that: it is for {what}", principal=self.principal.name)
