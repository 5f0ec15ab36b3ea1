"""A commit as a message to watchers: complete, or only the events that pass a filter. Pure.

The encoded form is cached by filter, so equal filters cost one encoding.
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
from midonet.services.api.reads.visible_history import partial_commit

_CACHED_FILTERS = 64
"""Maximum number of filters whose encoded form of a message is cached."""

Tenants = frozenset[str]
_NO_TENANTS: Tenants = frozenset()


class WatchFilter(Struct, frozen=True):
    """Events that a watcher receives: all conditions must match; an empty set matches everything."""

    kinds: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    """As `kind/id`."""
    tenants: frozenset[str] = frozenset()
    readable: frozenset[str] | None = None
    """Tenants that the watcher may read; ids of other objects are redacted. None: it may read everything."""

    def matches(self, key: str, tenants: Tenants) -> bool:
        """Return whether an event or object passes."""
        return (
            (not self.kinds or key.partition("/")[0] in self.kinds)
            and (not self.keys or key in self.keys)
            and (not self.tenants or not self.tenants.isdisjoint(tenants))
            and (self.readable is None or not self.readable.isdisjoint(tenants))
        )


EVERYTHING = WatchFilter()


class Message:
    """One commit with its encoded forms by filter."""

    __slots__ = ("_frames", "_mentioned", "_seen", "_tenants", "record")

    def __init__(
        self, record: Record, tenants: Sequence[Tenants], mentioned: Mapping[str, Tenants] | None = None
    ) -> None:
        self.record = record
        self._mentioned = mentioned or {}
        self._tenants = tenants
        self._seen: dict[WatchFilter, bytes | None] = {}
        self._frames: dict[WatchFilter, bytes] = {}

    @property
    def head(self) -> Head:
        """The head of a log that ends with this commit."""
        return self.record.head

    def filtered(self, watch_filter: WatchFilter) -> bytes | None:
        """Return the commit as JSON with the events that pass; None if none passes."""
        if watch_filter is EVERYTHING or watch_filter == EVERYTHING:
            return self.record.raw
        if watch_filter not in self._seen:
            if len(self._seen) >= _CACHED_FILTERS:
                self._seen.clear()
                self._frames.clear()
            self._seen[watch_filter] = self._filter(watch_filter)
        return self._seen[watch_filter]

    def _filter(self, watch_filter: WatchFilter) -> bytes | None:
        commit = self.record.commit
        events = [
            event
            for event, tenants in zip(commit.events, self._tenants, strict=True)
            if watch_filter.matches(event.key, tenants)
        ]
        if not events:
            return None
        if watch_filter.readable is not None:
            return canonical(partial_commit(commit, [self._redacted(event, watch_filter.readable) for event in events]))
        return self.record.raw if len(events) == len(commit.events) else canonical(_replace_events(commit, events))

    def _redacted(self, event: Event, readable: Tenants) -> Event:
        """Return an event with the ids redacted that these tenants may not read."""

        def hides(object_id: str) -> bool:
            found = self._mentioned.get(object_id)
            return found is not None and readable.isdisjoint(found)

        return Event(event.type, event.v, event.key, redact_ids(event.data, hides))

    def frame(self, watch_filter: WatchFilter) -> bytes:
        """Return the message as a server-sent event; empty if no event passes."""
        found = self._frames.get(watch_filter)
        if found is None:
            filtered = self.filtered(watch_filter)
            found = _frame(self.record.commit.position, filtered) if filtered is not None else b""
            self._frames[watch_filter] = found
        return found


def _replace_events(commit: Any, events: Sequence[Any]) -> Any:
    return msgspec.structs.replace(commit, events=list(events))


def _frame(position: int, raw: bytes) -> bytes:
    data = raw.replace(b"\r", b" ").replace(b"\n", b"\ndata: ")  # JSON has line breaks only between its parts
    return b"id: %d\nevent: commit\ndata: %b\n\n" % (position, data)


def message(record: Record, changes: Sequence[Change], topology: Topology, *, strict: bool = True) -> Message:
    """Return the message for a commit that was just folded into a topology.

    `strict`: some watchers are restricted to tenants, so the owners of all referenced objects are computed.
    """
    gone = {change.id: change.old for change in changes if change.new is None}

    def find(object_id: str) -> Entity | None:
        return topology.find(object_id) or gone.get(object_id)

    rest = iter(changes)
    of_event = [None if is_system_key(event.key) else next(rest) for event in record.commit.events]
    tenants = [_tenants_of(change, find) if change is not None else _NO_TENANTS for change in of_event]
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


def _tenants_of(change: Change, find: Callable[[str], Entity | None]) -> Tenants:
    sides = (side for side in (change.old, change.new) if side is not None)
    return frozenset(tenant for side in sides for tenant in owners_of(side, find))
