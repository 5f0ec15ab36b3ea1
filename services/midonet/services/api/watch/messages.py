"""A commit as watchers see it: the whole of it, or only the events that their lens lets through. Pure.

What it looks like through a lens is encoded once, however many look through the same one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from midonet.events.access.authorization import owners_of, redact_ids
from midonet.events.commit import Event, Head, Record, canonical
from midonet.events.model import KINDS, Entity
from midonet.events.system.objects import is_system_key
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.services.api.reads.visible_history import part

_REMEMBERED = 64
"""Lenses whose view of a message is kept."""

Tenants = frozenset[str]
_NOBODY: Tenants = frozenset()


class Lens(Struct, frozen=True):
    """Which events somebody wants to see: all that are set must fit; an empty set fits everything."""

    kinds: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    """As `kind/id`."""
    tenants: frozenset[str] = frozenset()
    only: frozenset[str] | None = None
    """What belongs to these tenants, and not even an id of anything else; None: there is nothing to hide."""

    def sees(self, key: str, tenants: Tenants) -> bool:
        """Return whether an event, or an object, is let through."""
        return (
            (not self.kinds or key.partition("/")[0] in self.kinds)
            and (not self.keys or key in self.keys)
            and (not self.tenants or not self.tenants.isdisjoint(tenants))
            and (self.only is None or not self.only.isdisjoint(tenants))
        )


EVERYTHING = Lens()


class Message:
    """One commit, and what it looks like through the lenses that were asked for so far."""

    __slots__ = ("_frames", "_mentioned", "_seen", "_tenants", "record")

    def __init__(
        self, record: Record, tenants: Sequence[Tenants], mentioned: Mapping[str, Tenants] | None = None
    ) -> None:
        self.record = record
        self._mentioned = mentioned or {}
        self._tenants = tenants
        self._seen: dict[Lens, bytes | None] = {}
        self._frames: dict[Lens, bytes] = {}

    @property
    def head(self) -> Head:
        """The head of a log that ends with this commit."""
        return self.record.head

    def seen(self, lens: Lens) -> bytes | None:
        """Return the commit as JSON, with the events that pass the lens; None if none does."""
        if lens is EVERYTHING or lens == EVERYTHING:
            return self.record.raw
        if lens not in self._seen:
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
                self._frames.clear()
            self._seen[lens] = self._through(lens)
        return self._seen[lens]

    def _through(self, lens: Lens) -> bytes | None:
        commit = self.record.commit
        events = [
            event for event, tenants in zip(commit.events, self._tenants, strict=True) if lens.sees(event.key, tenants)
        ]
        if not events:
            return None
        if lens.only is not None:
            return canonical(part(commit, [self._discreet(event, lens.only) for event in events]))
        return self.record.raw if len(events) == len(commit.events) else canonical(_with(commit, events))

    def _discreet(self, event: Event, only: Tenants) -> Event:
        """Return an event without ids of what is not for these tenants."""

        def hides(object_id: str) -> bool:
            found = self._mentioned.get(object_id)
            return found is not None and only.isdisjoint(found)

        return Event(event.type, event.v, event.key, redact_ids(event.data, hides))

    def frame(self, lens: Lens) -> bytes:
        """Return the message as a server-sent event; nothing if the lens lets nothing through."""
        found = self._frames.get(lens)
        if found is None:
            seen = self.seen(lens)
            found = _frame(self.record.commit.position, seen) if seen is not None else b""
            self._frames[lens] = found
        return found


def _with(commit: Any, events: Sequence[Any]) -> Any:
    return msgspec.structs.replace(commit, events=list(events))


def _frame(position: int, raw: bytes) -> bytes:
    data = raw.replace(b"\r", b" ").replace(b"\n", b"\ndata: ")  # JSON has line breaks only between its parts
    return b"id: %d\nevent: commit\ndata: %b\n\n" % (position, data)


def message(record: Record, changes: Sequence[Change], topology: Topology, *, strict: bool = True) -> Message:
    """Return the message for a commit that was just folded into a topology.

    `strict`: some watchers see only what is theirs, so it has to be known whose everything is that is mentioned.
    """
    gone = {change.id: change.old for change in changes if change.new is None}

    def find(object_id: str) -> Entity | None:
        return topology.find(object_id) or gone.get(object_id)

    rest = iter(changes)
    of_event = [None if is_system_key(event.key) else next(rest) for event in record.commit.events]
    tenants = [_of_change(change, find) if change is not None else _NOBODY for change in of_event]
    mentioned = {
        target: owners_of(found, find)
        for change in of_event
        if strict and change is not None
        for side in (change.old, change.new)
        if side is not None
        for _, target in KINDS[change.kind].targets(side)
        if (found := find(target)) is not None
    }
    return Message(record, tenants, mentioned)


def _of_change(change: Change, find: Callable[[str], Entity | None]) -> Tenants:
    sides = (side for side in (change.old, change.new) if side is not None)
    return frozenset(tenant for side in sides for tenant in owners_of(side, find))
