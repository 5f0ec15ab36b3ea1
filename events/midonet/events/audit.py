"""Audit: fold a commit as a reader who trusts nothing, not even what its events say about the past.

Folding takes the old values of events on trust, since only what is written by `decide` enters a log; whoever inverts an
event relies on them, though. Pure.
"""

from typing import Any

import msgspec

from midonet.events.commit import Event, Record
from midonet.events.errors import VerificationFailed
from midonet.events.model import KINDS, Entity
from midonet.events.system.objects import Note
from midonet.events.topology.evolve import evolve
from midonet.events.topology.topology import Topology

__all__ = ["audit"]


def audit(topology: Topology, record: Record) -> None:
    """Apply one accepted commit; `VerificationFailed` also if an event has other old values than there were."""
    position = record.commit.position
    for event in record.commit.events:
        kind, _, object_id = event.key.partition("/")
        before = topology.find(object_id) if kind in KINDS else topology.noted.get(event.key)
        evolve(topology, event, position)
        if before is not None and not _tells(event, before):
            raise VerificationFailed(
                f"commit {position}: {event.type} of {event.key} tells other old values than there were",
                position=position,
                event=event.type,
                key=event.key,
            )
    topology.head = record.head


def _tells(event: Event, before: Entity | Note) -> bool:
    """Return whether the old values in an event are those of the object or note before it."""
    data: dict[str, Any] = event.data
    old = {field: pair[0] for field, pair in data["changed"].items()} if "changed" in data else data
    try:
        told = msgspec.convert({**msgspec.to_builtins(before), **old}, type(before))
    except msgspec.ValidationError:
        return False
    return told == before
