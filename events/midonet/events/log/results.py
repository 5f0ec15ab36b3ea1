"""What became of a command, as every interface shows it (contract §2)."""

from typing import Any

from midonet.events.log.store import Result
from midonet.events.model import ordered

__all__ = ["value_of"]


def value_of(result: Result) -> dict[str, Any]:
    """Return what a write prints as JSON."""
    return {
        "position": result.position,
        "id": result.id,
        "events": result.events,
        "object": ordered(result.object) if result.object is not None else None,
    }
