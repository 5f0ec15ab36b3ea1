"""What the cluster reports of the switches themselves: the fact of a VTEP, as the service `vtep` publishes it."""

from typing import Literal

from midonet.projections.facts.kinds import Fact
from midonet.projections.vtep import BfdSession, ConnectionStatus, PortReport


class VtepState(Fact, frozen=True, kw_only=True):
    """What is known of a switch (ephemeral); what it said is unknown (None, nothing) unless it is connected."""

    FOLDER = "vteps"

    id: str = ""
    address: str = ""
    connection: ConnectionStatus | Literal["unknown"] = "unknown"
    since: str | None = None
    """Since when the connection is so; RFC 3339."""
    last_error: str | None = None
    physical_switch: str | None = None
    tunnel_ips: tuple[str, ...] = ()
    ports: tuple[PortReport, ...] = ()
    faults: tuple[str, ...] | None = None
    bfd: tuple[BfdSession, ...] = ()
    local_macs: int | None = None
