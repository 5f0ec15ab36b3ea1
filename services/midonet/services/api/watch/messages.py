"""A commit as watchers see it: the whole of it, or only the events that their lens lets through. Pure.

What it looks like through a lens is encoded once, however many look through the same one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from midonet.events.commit import Head, Record, canonical
from midonet.events.evolve import Change
from midonet.events.model import KINDS, Entity
from midonet.events.notes import is_note
from midonet.events.topology import Topology

__all__ = ["EVERYTHING", "Lens", "Message", "message", "tenants_of"]

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

    def sees(self, key: str, tenants: Tenants) -> bool:
        """Return whether an event, or an object, is let through."""
        return (
            (not self.kinds or key.partition("/")[0] in self.kinds)
            and (not self.keys or key in self.keys)
            and (not self.tenants or not self.tenants.isdisjoint(tenants))
        )


EVERYTHING = Lens()


class Message:
    """One commit, and what it looks like through the lenses that were asked for so far."""

    __slots__ = ("_frames", "_seen", "_tenants", "record")

    def __init__(self, record: Record, tenants: Sequence[Tenants]) -> None:
        self.record = record
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
        return self.record.raw if len(events) == len(commit.events) else canonical(_with(commit, events))

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


def message(record: Record, changes: Sequence[Change], topology: Topology) -> Message:
    """Return the message for a commit that was just folded into a topology."""
    gone = {change.id: change.old for change in changes if change.new is None}
    rest = iter(changes)
    tenants = [
        _NOBODY if is_note(event.key) else _of_change(next(rest), topology, gone) for event in record.commit.events
    ]
    return Message(record, tenants)


def _of_change(change: Change, topology: Topology, gone: Mapping[str, Entity]) -> Tenants:
    sides = (side for side in (change.old, change.new) if side is not None)
    return frozenset(tenant for side in sides for tenant in tenants_of(side, topology, gone))


def tenants_of(entity: Entity, topology: Topology, gone: Mapping[str, Entity]) -> Iterator[str]:
    """Yield whom an object belongs to: its own tenant, or that of its parent; `gone` has what was just deleted."""
    tenant = getattr(entity, "tenant", None)
    if tenant is not None:
        yield tenant
    elif entity.KIND == "tenant" and entity.name is not None:
        yield entity.name
    else:
        for field in KINDS[entity.KIND].cls.OWNER:
            owner_id = getattr(entity, field)
            owner = (topology.find(owner_id) or gone.get(owner_id)) if owner_id is not None else None
            if owner is not None:
                yield from tenants_of(owner, topology, gone)
