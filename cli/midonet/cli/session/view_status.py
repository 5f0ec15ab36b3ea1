"""The status of a view, from its target and the log alone, with the states that daemons report."""

from datetime import UTC, datetime
from typing import Any

from midonet.cli.session.session import Session
from midonet.cli.session.wait import TargetPosition
from midonet.events.queries.moment import Moment
from midonet.events.system.objects import control_of
from midonet.events.topology.topology import Topology


def view_status(  # noqa: PLR0913 - a view, its target and what was read there
    session: Session, topology: Topology, name: str, target: str | None, found: TargetPosition, *, moves: bool
) -> dict[str, Any]:
    """Return the status of a view in one target; `moves`: whether its position changed between two reads."""
    lag, seconds = _lag(session, topology, found)
    foreign = _foreign(session, topology, found)
    state = "parked" if foreign else _state(name, topology, found, seconds, moves=moves)
    still = "behind, and its position does not change" if state == "stalled" else None
    return {
        "target": target,
        "state": state,
        "position": found.position,
        "lag_events": lag,
        "lag_seconds": seconds,
        "last_error": found.trouble or foreign or still,
    }


def _lag(session: Session, topology: Topology, found: TargetPosition) -> tuple[int | None, float | None]:
    """Return how many commits a view is behind, and the age of the oldest of them in seconds."""
    if found.position is None:
        return None, None
    lag = max(0, topology.head.position - found.position)
    if not lag:
        return 0, 0.0
    lacks = session.state.head_at(Moment(position=found.position + 1)).time
    age = datetime.now(UTC) - datetime.fromisoformat(lacks)
    return lag, round(max(0.0, age.total_seconds()), 3)


def _foreign(session: Session, topology: Topology, found: TargetPosition) -> str | None:
    """Return why a view does not belong to this log; None if it does."""
    if not found.position or found.hash is None:
        return None
    if found.position > topology.head.position:
        return f"the view is at commit {found.position}, but the log ends at {topology.head.position}"
    if session.state.head_at(Moment(position=found.position)).hash != found.hash:
        return f"the view has a commit {found.position} with another hash than the log"
    return None


def _state(name: str, topology: Topology, found: TargetPosition, lag_seconds: float | None, *, moves: bool) -> str:
    from midonet.projections.engine.status import moving_state

    if control_of(topology.system, name).paused:
        return "paused"
    if lag_seconds is None:
        return "stalled"
    return moving_state(
        in_sync=True,
        empty=found.position == 0,
        lag_seconds=lag_seconds,
        quiet_seconds=0.0 if moves else lag_seconds,
        failing_seconds=0.0,
    )
