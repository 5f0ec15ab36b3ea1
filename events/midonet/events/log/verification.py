"""Verify a log: bytes against the hash chain, old values in events against the state, tags against their hashes.

It changes nothing.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from midonet.events.commit import GENESIS, Event, Head, Record
from midonet.events.errors import NotFound, VerificationFailed
from midonet.events.log.base import Log
from midonet.events.log.commit_clock import is_ahead
from midonet.events.model import KINDS, Entity
from midonet.events.queries.moment import Moment
from midonet.events.system.objects import SystemObject
from midonet.events.system.tag import TAG
from midonet.events.topology.evolve import evolve
from midonet.events.topology.topology import Topology


class Verified(Struct, frozen=True, omit_defaults=True):
    """What was verified."""

    count: int
    position: int
    hash: str
    time: str | None
    skipped: int
    """Foreign records that were skipped."""
    untrusted_time: int | None = None
    """The first position that is dated earlier than the one before, or ahead of this machine's clock."""


def verified(log: Log, after: Head = GENESIS, step: Callable[[int], None] = lambda _: None) -> Verified:
    """Return what was verified; `VerificationFailed` names the first position that cannot be trusted, and why.

    Commits up to `after` are trusted; `step` is called with the number of commits that were verified since its last
    call.
    """
    topology = Topology() if after is GENESIS else None
    count, last, untrusted = 0, after, None
    for record in log.read(after):
        if topology is not None:
            audit(topology, record)
        _check_tags(log, record)
        if untrusted is None and not _is_time_trusted(last, record.head):
            untrusted = record.commit.position
        count, last = count + 1, record.head
        step(1)
    return Verified(count, last.position, last.hash, last.time or None, log.skipped, untrusted)


def _is_time_trusted(before: Head, head: Head) -> bool:
    return head.time >= before.time and not is_ahead(head)


def _check_tags(log: Log, record: Record) -> None:
    """Check that tags hold the hashes of the commits that they name."""
    for event in record.commit.events:
        if event.key.startswith(f"{TAG}/") and not event.type.endswith(".deleted"):
            now = {field: pair[1] for field, pair in event.data.get("changed", {}).items()} or event.data
            position = now["position"]
            if position >= record.commit.position or log.head_at(position).hash != now.get("hash"):
                raise VerificationFailed(
                    f"commit {record.commit.position}: {event.key} holds another hash than that of commit {position}",
                    position=record.commit.position,
                )


def before(log: Log, moment: Moment) -> Head:
    """Return the head before the first commit since a moment; `NotFound` if there is none."""
    if moment.position is not None:
        return log.head_at(log.head_at(max(moment.position, 1)).position - 1)
    end = GENESIS
    for record in log.read():
        if moment.starts(record.commit):
            return end
        end = record.head
    raise NotFound(f"there is nothing since {moment.time}: the log ends at {end.position}")


def audit(topology: Topology, record: Record) -> None:
    """Apply one commit; `VerificationFailed` also if an event has other old values than the state before it."""
    position = record.commit.position
    for event in record.commit.events:
        kind, _, object_id = event.key.partition("/")
        before = topology.find(object_id) if kind in KINDS else topology.system.get(event.key)
        evolve(topology, event, position)
        if before is not None and not _old_values_match(event, before):
            raise VerificationFailed(
                f"commit {position}: {event.type} of {event.key} has other old values than the state before it",
                position=position,
                event=event.type,
                key=event.key,
            )
    topology.head = record.head


def _old_values_match(event: Event, before: Entity | SystemObject) -> bool:
    """Return whether the old values in an event are those of the object before it."""
    data: dict[str, Any] = event.data
    old = {field: pair[0] for field, pair in data["changed"].items()} if "changed" in data else data
    try:
        told = msgspec.convert({**msgspec.to_builtins(before), **old}, type(before))
    except msgspec.ValidationError:
        return False
    return told == before
