"""The messages of one watcher: missed commits from the log, then new ones from the hub, with marks in between.

Server-sent events, WebSockets and the raw log use the same sequence and differ only in encoding.
"""

from collections.abc import AsyncIterator, Sequence
from itertools import islice
from time import monotonic
from typing import Any, Literal

from msgspec import Struct
from starlette.responses import StreamingResponse

from midonet.events.access.authorization import SHARED, Principal, owners_of
from midonet.events.access.restricted_topology import RestrictedTopology
from midonet.events.commit import Head, canonical
from midonet.events.log.hash_chain import parse
from midonet.events.model import KINDS, ordered, plain
from midonet.events.queries.log_filter import Filter
from midonet.events.queries.moment import Moment
from midonet.events.topology.evolve import fold
from midonet.events.topology.topology import Topology
from midonet.services.api.auth.caller import Caller
from midonet.services.api.framework.request import Call
from midonet.services.api.node import Node
from midonet.services.api.routes.watch_authorization import WatchAuthorization
from midonet.services.api.watch.hub import Hub
from midonet.services.api.watch.messages import EVERYTHING, Message, WatchFilter, message

JSON_SEQ = "application/json-seq"
_BATCH = 500
_MARK_SECONDS = 1.0
_OBJECTS = 200
_READERS = 4
"""Watchers that read the log at the same time."""


class Mark(Struct, frozen=True):
    """The watcher has received everything up to here."""

    head: Head


class End(Struct, frozen=True):
    """The watch ends; the watcher may resume at `position`."""

    reason: Literal["slow", "stopping", "denied"]
    position: int


class Objects(Struct, frozen=True):
    """A batch of the objects at `head`; `first` marks the first batch."""

    head: Head
    batch: Sequence[bytes]
    first: bool


Item = Sequence[Message] | Mark | End


async def follow_log(
    node: Node, call: Call, after: Head, *, watch_filter: WatchFilter = EVERYTHING, mark: float
) -> AsyncIterator[Item]:
    """Yield the messages after a head without end, or until the caller's permission ends.

    A mark comes when the end is reached, then after every `mark` seconds without a message.
    """
    authorization, position = WatchAuthorization(node, call), after.position
    with node.hub.watching():
        async for item in _items(node, node.hub, after, watch_filter, mark):
            if not await authorization.is_valid():
                yield End("denied", position)
                return
            if isinstance(item, Sequence):
                position = item[-1].head.position
            yield item


async def _items(node: Node, hub: Hub, after: Head, watch_filter: WatchFilter, mark: float) -> AsyncIterator[Item]:
    """Yield the messages; those that the hub no longer buffers are read from the log."""
    head = after
    if head.position + 1 < hub.first:
        async for missed in _catch_up(node, hub, head, watch_filter):
            head = missed[-1].head
            yield missed
    due = 0.0
    while not hub.closed:
        if head.position + 1 < hub.first:
            yield End("slow", head.position)
            return
        if found := hub.after(head.position):
            head = found[-1].head
            yield found
        elif monotonic() >= due:
            due = monotonic() + mark
            yield Mark(head)
        else:
            await hub.wait()
    yield End("stopping", head.position)


async def _catch_up(node: Node, hub: Hub, head: Head, watch_filter: WatchFilter) -> AsyncIterator[Sequence[Message]]:
    """Yield batches from the log until the hub has the rest."""
    sorts = bool(watch_filter.tenants) or watch_filter.readable is not None
    topology = await node.in_thread(node.past.private_copy, Moment(position=head.position)) if sorts else None
    while head.position + 1 < hub.first:
        async with node.readers:
            found = await node.in_thread(_read, node, head, topology)
        if not found:
            return
        head = found[-1].head
        yield found


def _read(node: Node, after: Head, topology: Topology | None) -> Sequence[Message]:
    with node.logs.acquire() as log:
        records = list(islice(log.read(after), _BATCH))
    if topology is None:
        return [Message(record, [frozenset()] * len(record.commit.events)) for record in records]
    return [message(record, fold(topology, record), topology) for record in records]


def snapshot(node: Node, watch_filter: WatchFilter) -> tuple[Head, Sequence[Any]]:
    """Return the current objects that pass the filter, and the head of that topology."""
    with node.feed.reading() as whole:
        topology = (
            whole
            if watch_filter.readable is None
            else RestrictedTopology(whole, _reader_of(watch_filter.readable), redact=True)
        )
        head = topology.head
        kinds = [kind for kind in KINDS if not watch_filter.kinds or kind in watch_filter.kinds]
        entities = [entity for kind in kinds for entity in topology.all(kind).values()]
        if watch_filter.tenants:
            entities = [one for one in entities if not watch_filter.tenants.isdisjoint(owners_of(one, topology.find))]
    by_key = WatchFilter(keys=watch_filter.keys)
    return head, [one for one in entities if by_key.matches(f"{one.KIND}/{one.id}", frozenset())]


def _reader_of(tenants: frozenset[str]) -> Principal:
    return Principal("watcher", [f"reader@{tenant}" for tenant in tenants])


def batches(head: Head, entities: Sequence[Any]) -> Any:
    """Yield objects in batches; at least one batch, which may be empty."""
    for start in range(0, max(1, len(entities)), _OBJECTS):
        some = entities[start : start + _OBJECTS]
        yield Objects(head, [canonical(ordered(plain(one))) for one in some], first=start == 0)


# The raw log


def filter_of(caller: Caller) -> WatchFilter:
    """Return the filter for what a caller may read."""
    restricted_to = caller.restricted_to
    return WatchFilter(readable=restricted_to.readable | {SHARED}) if restricted_to is not None else EVERYTHING


async def log_stream(node: Node, call: Call, log_filter: Filter, after: Head, *, follow: bool) -> StreamingResponse:
    """Return the visible part of the commits after a head, each between RS and LF (RFC 7464).

    A caller who may read everything gets the bytes of the log.
    """
    source = (
        _followed(node, call, log_filter, after)
        if follow
        else _until_end(node, log_filter, after, filter_of(call.caller))
    )
    return StreamingResponse(source, media_type=JSON_SEQ, headers={"Cache-Control": "no-store"})


async def _until_end(node: Node, log_filter: Filter, head: Head, watch_filter: WatchFilter) -> AsyncIterator[bytes]:
    end, sorts = node.feed.head, watch_filter.readable is not None
    topology = await node.in_thread(node.past.private_copy, Moment(position=head.position)) if sorts else None
    while head.position < end.position:
        async with node.readers:
            found = await node.in_thread(_read, node, head, topology)
        if not found or not log_filter.until.includes(found[0].record.commit):
            return
        head = found[-1].head
        yield b"".join(_sequence(found, log_filter, watch_filter))


def _sequence(found: Sequence[Message], log_filter: Filter, watch_filter: WatchFilter) -> list[bytes]:
    if watch_filter.readable is None:
        return [b"\x1e%b\n" % one.record.raw for one in found if log_filter.shows(one.record.commit)]
    parts = ((raw, parse(raw)) for one in found if (raw := one.filtered(watch_filter)) is not None)
    return [b"\x1e%b\n" % raw for raw, commit in parts if commit is not None and log_filter.shows(commit)]


async def _followed(node: Node, call: Call, log_filter: Filter, after: Head) -> AsyncIterator[bytes]:
    watch_filter = filter_of(call.caller)
    async for item in follow_log(node, call, after, watch_filter=watch_filter, mark=_MARK_SECONDS):
        if isinstance(item, Mark):
            yield b'\x1e{"head":%b}\n' % canonical(item.head)
        elif isinstance(item, End):
            return
        elif found := _sequence(item, log_filter, watch_filter):
            yield b"".join(found)
