"""How one projection stands on one target, and what its writes have cost."""

from msgspec import Struct

from midonet.projections.engine.status import Role, State

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds, in seconds, of the classes that writes are counted in."""


class ProjectionReport(Struct, frozen=True, kw_only=True):
    """How one projection stands on one target, as outsiders are told."""

    name: str
    target: str
    state: State
    role: Role
    """`writing`, or `standby` while another daemon writes."""
    position: int
    lag_events: int
    lag_seconds: float
    last_error: str | None
    repairs: int
    """How many values others lost, added or edited, and were put right."""
    repaired: dict[str, int]
    """The same by kind: `missing`, `extra`, `different`."""
    waiting: dict[str, str]
    """What the target cannot take yet, or never as it is, with the reason."""
    ready: bool
    """Whether it has been live, and is not further behind than allowed now."""


class WriteMetrics:
    """What a target has cost so far. Written by one thread, read by any."""

    def __init__(self) -> None:
        self.writes = 0
        self.errors = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def count(self, seconds: float) -> None:
        """Count a write that succeeded."""
        self.writes += 1
        self.seconds += seconds
        self.buckets[sum(seconds > bound for bound in BUCKETS)] += 1
