"""`/v1/watch`: parameters, and messages as server-sent events or over a WebSocket."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import msgspec
from starlette.responses import StreamingResponse

from midonet.events.commit import GENESIS, Head, canonical
from midonet.events.errors import NotFound
from midonet.events.model import KINDS
from midonet.events.system.objects import SYSTEM_KINDS
from midonet.services.api.framework.operation import Operation, Reply
from midonet.services.api.framework.parameters import POSITION, Parameter, flag
from midonet.services.api.framework.request import Call
from midonet.services.api.framework.schemas import ref
from midonet.services.api.node import Node
from midonet.services.api.routes import watch_stream
from midonet.services.api.routes.watch_stream import End, Mark, Objects, batches, follow_log, snapshot
from midonet.services.api.watch.messages import Message, WatchFilter

EVENT_STREAM = "text/event-stream"
_MAX_MARK = 60.0


def _many(name: str, text: str, parse: Any = str) -> Parameter:
    schema = {"type": "string", "minLength": 1}
    return Parameter(name=name, help=text, schema=schema, parse=parse, many=True, default=())


def _kind(text: str) -> str:
    if text not in KINDS and text not in SYSTEM_KINDS:
        raise ValueError(f"there is no kind {text!r}; kinds are {', '.join([*KINDS, *SYSTEM_KINDS])}")
    return text


def _key(text: str) -> str:
    kind, slash, name = text.partition("/")
    if not slash or not name:
        raise ValueError(f"{text!r} is not of the form KIND/ID")
    return f"{_kind(kind)}/{name}"


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= _MAX_MARK:
        raise ValueError(f"{text!r} is not a number of seconds from 1 to {_MAX_MARK:.0f}")
    return value


_AFTER = Parameter(
    name="after",
    help="Resume after this position (default: the end of the log); same as the header Last-Event-ID.",
    schema=POSITION.schema,
    parse=POSITION.parse,
)
_LAST = Parameter(
    name="Last-Event-ID",
    location="header",
    help="As `after`; sent by browsers on reconnect.",
    schema=POSITION.schema,
    parse=POSITION.parse,
)
_HASH = Parameter(
    name="hash",
    help="Hash of the commit at `after`, from a mark; if the log has another one there, a snapshot is sent.",
    schema={"type": "string", "pattern": "^[0-9a-f]{64}$"},
)
_SNAPSHOT = flag("snapshot", "Begin with all current objects.")
_MARK = Parameter(
    name="mark",
    help="Seconds without a message after which a mark states the current position.",
    schema={"type": "number", "minimum": 1, "maximum": _MAX_MARK},
    parse=_seconds,
    default=5.0,
)
_KINDS = _many("kind", "Only events on this kind (also tag, projection, service); repeatable.", _kind)
_KEYS = _many("key", "Only events on this object, KIND/ID; repeatable.", _key)
_TENANTS = _many("tenant", "Only events on objects of this tenant, directly or through a parent; repeatable.")


def operations() -> Iterator[Operation]:
    """Yield the watch."""
    yield Operation(
        id="watch",
        tag="history",
        method="GET",
        path="/v1/watch",
        help="Watch commits from a position on: one message each, in order, without gaps. As server-sent "
        "events (commit, mark, snapshot, object, end), or as JSON texts over a WebSocket.",
        handler=_serve,
        parameters=(_AFTER, _LAST, _HASH, _SNAPSHOT, _MARK, _KINDS, _KEYS, _TENANTS),
        replies={200: Reply("A stream of messages.", {EVENT_STREAM: ref("MessageStream")})},
        errors=(400, 401, 503),
        linearizable=True,
    )


async def watch(node: Node, call: Call) -> AsyncIterator[Sequence[Message] | Mark | End | Objects | bool]:
    """Yield the messages of a request, after a snapshot if it asks for one.

    If the resume point does not exist, True and a snapshot come first.
    """
    watch_filter = filter_of(call)
    found = await node.in_thread(_resume_point, node, call)
    after = found or GENESIS
    if found is None or call.get(_SNAPSHOT):
        if found is None:
            yield True
        after, entities = await node.in_thread(snapshot, node, watch_filter)
        for batch in batches(after, entities):
            yield batch
    async for item in follow_log(node, call, after, watch_filter=watch_filter, mark=call.get(_MARK)):
        yield item


def _resume_point(node: Node, call: Call) -> Head | None:
    """Return the head at the resume point; None if the log has no such commit."""
    position = call.get(_AFTER) if call.get(_AFTER) is not None else call.get(_LAST)
    if position is None or call.get(_SNAPSHOT):
        return node.feed.head
    try:
        head = node.head_at(position)
    except NotFound:
        return None
    return head if call.get(_HASH) in (None, head.hash) else None


def filter_of(call: Call) -> WatchFilter:
    """Return the filter of a request."""
    readable = watch_stream.filter_of(call.caller).readable
    return WatchFilter(frozenset(call.get(_KINDS)), frozenset(call.get(_KEYS)), frozenset(call.get(_TENANTS)), readable)


async def _serve(node: Node, call: Call) -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(node, call), media_type=EVENT_STREAM, headers=headers)


async def _events(node: Node, call: Call) -> AsyncIterator[bytes]:
    watch_filter, reset = filter_of(call), False
    yield b": welcome\n\n"
    async for item in watch(node, call):
        match item:
            case bool():
                reset = True
            case Mark():
                yield b"id: %d\nevent: mark\ndata: %b\n\n" % (item.head.position, canonical(item.head))
            case End():
                yield b"event: end\ndata: %b\n\n" % canonical(item)
            case Objects():
                start = b"event: snapshot\ndata: %b\n\n" % _opening(item, reset=reset) if item.first else b""
                yield start + b"".join(b"event: object\ndata: %b\n\n" % one for one in item.batch)
            case _:
                if frames := b"".join(one.frame(watch_filter) for one in item):
                    yield frames


def _opening(item: Objects, *, reset: bool) -> bytes:
    return canonical({**msgspec.to_builtins(item.head), "reset": reset})


async def socket_messages(node: Node, call: Call) -> AsyncIterator[str]:
    """Yield the same messages as JSON texts with a `type`."""
    watch_filter, reset = filter_of(call), False
    async for item in watch(node, call):
        match item:
            case bool():
                reset = True
            case Mark():
                yield _text(b'{"type":"mark","head":%b}', canonical(item.head))
            case End():
                yield _text(b'{"type":"end","end":%b}', canonical(item))
            case Objects():
                if item.first:
                    yield _text(b'{"type":"snapshot","snapshot":%b}', _opening(item, reset=reset))
                for one in item.batch:
                    yield _text(b'{"type":"object","object":%b}', one)
            case _:
                for message in item:
                    if (filtered := message.filtered(watch_filter)) is not None:
                        yield _text(b'{"type":"commit","commit":%b}', filtered)


def _text(form: bytes, value: bytes) -> str:
    return (form % value).decode()
