"""What one watcher is sent: what it missed, from the log; then what comes, from the hub; and marks in between.

The same course for server-sent events, for WebSockets and for the raw log; only the clothes differ.
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
from midonet.services.api.routes.watch_authorization import Permit
from midonet.services.api.watch.hub import Hub
from midonet.services.api.watch.messages import EVERYTHING, Lens, Message, message

JSON_SEQ = "application/json-seq"
_BATCH = 500
_MARK_SECONDS = 1.0
_OBJECTS = 200
_READERS = 4
"""Watchers that read the log at the same time."""


class Mark(Struct, frozen=True):
    """The watcher has seen everything up to here."""

    head: Head


class End(Struct, frozen=True):
    """Nothing more comes; the watcher may resume at `position`."""

    reason: Literal["slow", "stopping", "denied"]
    position: int


class Objects(Struct, frozen=True):
    """Some of the objects that there are at `head`; `first` for the first of these parcels."""

    head: Head
    parcel: Sequence[bytes]
    first: bool


Item = Sequence[Message] | Mark | End


async def course(node: Node, call: Call, after: Head, *, lens: Lens = EVERYTHING, mark: float) -> AsyncIterator[Item]:
    """Yield all that comes after a head, for ever, or for as long as the caller may see it.

    A mark comes when the end is reached, and then after every `mark` seconds without a message.
    """
    permit, position = Permit(node, call), after.position
    with node.hub.watching():
        async for item in _whole_course(node, node.hub, after, lens, mark):
            if not await permit.holds():
                yield End("denied", position)
                return
            if isinstance(item, Sequence):
                position = item[-1].head.position
            yield item


async def _whole_course(node: Node, hub: Hub, after: Head, lens: Lens, mark: float) -> AsyncIterator[Item]:
    """Yield it; what the hub no longer has is read from the log."""
    head = after
    if head.position + 1 < hub.first:
        async for missed in _missed(node, hub, head, lens):
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
            await hub.move()
    yield End("stopping", head.position)


async def _missed(node: Node, hub: Hub, head: Head, lens: Lens) -> AsyncIterator[Sequence[Message]]:
    """Yield what is only in the log, until the hub has the rest; never more at once than fits well in memory."""
    sorts = bool(lens.tenants) or lens.only is not None
    topology = await node.in_thread(node.past.own, Moment(position=head.position)) if sorts else None
    while head.position + 1 < hub.first:
        async with node.readers:
            found = await node.in_thread(_read, node, head, topology)
        if not found:
            return
        head = found[-1].head
        yield found


def _read(node: Node, after: Head, topology: Topology | None) -> Sequence[Message]:
    with node.logs.lend() as log:
        records = list(islice(log.read(after), _BATCH))
    if topology is None:
        return [Message(record, [frozenset()] * len(record.commit.events)) for record in records]
    return [message(record, fold(topology, record), topology) for record in records]


def snapshot(node: Node, lens: Lens) -> tuple[Head, Sequence[Any]]:
    """Return the objects that there are now, as a lens lets them through, and the head that they belong to."""
    with node.feed.reading() as whole:
        topology = whole if lens.only is None else RestrictedTopology(whole, _one_who_reads(lens.only), redact=True)
        head = topology.head
        kinds = [kind for kind in KINDS if not lens.kinds or kind in lens.kinds]
        entities = [entity for kind in kinds for entity in topology.all(kind).values()]
        if lens.tenants:
            entities = [one for one in entities if not lens.tenants.isdisjoint(owners_of(one, topology.find))]
    wanted = Lens(keys=lens.keys)
    return head, [one for one in entities if wanted.sees(f"{one.KIND}/{one.id}", frozenset())]


def _one_who_reads(tenants: frozenset[str]) -> Principal:
    return Principal("watcher", [f"reader@{tenant}" for tenant in tenants])


def parcels(head: Head, entities: Sequence[Any]) -> Any:
    """Yield objects in parcels; the first one even if there is none."""
    for start in range(0, max(1, len(entities)), _OBJECTS):
        some = entities[start : start + _OBJECTS]
        yield Objects(head, [canonical(ordered(plain(one))) for one in some], first=start == 0)


# The raw log


def lens_of(caller: Caller) -> Lens:
    """Return what of a commit somebody may see at all."""
    limited = caller.limited
    return Lens(only=limited.readable | {SHARED}) if limited is not None else EVERYTHING


async def log_stream(node: Node, call: Call, wanted: Filter, after: Head, *, follow: bool) -> StreamingResponse:
    """Return what the caller may see of the commits after a head, each between RS and LF (RFC 7464).

    Whoever may see all gets their bytes.
    """
    source = _followed(node, call, wanted, after) if follow else _kept(node, wanted, after, lens_of(call.caller))
    return StreamingResponse(source, media_type=JSON_SEQ, headers={"Cache-Control": "no-store"})


async def _kept(node: Node, wanted: Filter, head: Head, lens: Lens) -> AsyncIterator[bytes]:
    end, sorts = node.feed.head, lens.only is not None
    topology = await node.in_thread(node.past.own, Moment(position=head.position)) if sorts else None
    while head.position < end.position:
        async with node.readers:
            found = await node.in_thread(_read, node, head, topology)
        if not found or not wanted.until.includes(found[0].record.commit):
            return
        head = found[-1].head
        yield b"".join(_sequence(found, wanted, lens))


def _sequence(found: Sequence[Message], wanted: Filter, lens: Lens) -> list[bytes]:
    if lens.only is None:
        return [b"\x1e%b\n" % one.record.raw for one in found if wanted.shows(one.record.commit)]
    parts = ((raw, parse(raw)) for one in found if (raw := one.seen(lens)) is not None)
    return [b"\x1e%b\n" % raw for raw, commit in parts if commit is not None and wanted.shows(commit)]


async def _followed(node: Node, call: Call, wanted: Filter, after: Head) -> AsyncIterator[bytes]:
    lens = lens_of(call.caller)
    async for item in course(node, call, after, lens=lens, mark=_MARK_SECONDS):
        if isinstance(item, Mark):
            yield b'\x1e{"head":%b}\n' % canonical(item.head)
        elif isinstance(item, End):
            return
        elif found := _sequence(item, wanted, lens):
            yield b"".join(found)
