"""State of one projection on one target, and the metrics of its writes. Pure."""

from msgspec import Struct

from midonet.projections.engine.status import Role, State

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the write duration histogram, in seconds."""


class ProjectionReport(Struct, frozen=True, kw_only=True):
    """State of one projection on one target, as `/status` shows it."""

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
    """Number of values that were repaired after out-of-band changes."""
    repaired: dict[str, int]
    """The same by kind: `missing`, `extra`, `different`."""
    waiting: dict[str, str]
    """Keys that the target cannot hold at present, each with the reason."""
    essential: bool = True
    """Whether the node is not ready without it. A switch is not essential: it has its own states, metrics, alerts."""
    ready: bool
    """Whether it has been live once and its lag is within the limit."""


class WriteMetrics:
    """Writes, errors and durations of one target. One thread writes them, any thread reads them."""

    def __init__(self) -> None:
        self.writes = 0
        self.errors = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)

    def count(self, seconds: float) -> None:
        """Count a successful write that took so many seconds."""
        self.writes += 1
        self.seconds += seconds
        self.buckets[sum(seconds > bound for bound in BUCKETS)] += 1
