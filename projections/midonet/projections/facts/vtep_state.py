"""The fact about a VTEP, as the service `vtep` publishes it."""

from typing import Literal

from midonet.projections.facts.kinds import Fact
from midonet.projections.vtep import BfdSession, ConnectionStatus, PortReport


class VtepState(Fact, frozen=True, kw_only=True):
    """State of a switch (ephemeral); values from the switch are unknown (None or empty) unless it is connected."""

    FOLDER = "vteps"

    id: str = ""
    address: str = ""
    connection: ConnectionStatus | Literal["unknown"] = "unknown"
    since: str | None = None
    """Time of the last change of the connection state; RFC 3339."""
    last_error: str | None = None
    physical_switch: str | None = None
    tunnel_ips: tuple[str, ...] = ()
    ports: tuple[PortReport, ...] = ()
    faults: tuple[str, ...] | None = None
    bfd: tuple[BfdSession, ...] = ()
    local_macs: int | None = None
