"""Shared parts of the routes that read the log: moments, restricted history, history index."""

from collections.abc import Iterable
from typing import Any

from midonet.events.commit import GENESIS, Head, Record
from midonet.events.log import Log
from midonet.events.queries.moment import END, Moment
from midonet.services.api.framework.operation import JSON, Operation, Reply
from midonet.services.api.framework.parameters import IF_NONE_MATCH
from midonet.services.api.framework.request import Call
from midonet.services.api.node import Node
from midonet.services.api.reads.visible_history import visible_history

READING = (400, 401, 403, 404, 409, 503)
"""Error statuses of operations that only read."""
_SLOW = ("diff", "verify", "history", "blame")


def read_operation(name: str, place: str, text: str, handler: Any, schema: Any, **more: Any) -> Operation:
    """Return a GET operation with an ETag."""
    return Operation(
        id=name,
        tag="history",
        method="GET",
        path=place,
        help=text,
        handler=handler,
        parameters=(*more.get("parameters", ()), IF_NONE_MATCH),
        replies={200: Reply("Found.", {JSON: schema}, ("ETag",)), 304: Reply("Not modified.", {}, ("ETag",))},
        errors=READING,
        linearizable=True,
        slow=name in _SLOW,
        access=more.get("access", "any"),
    )


def head_of(node: Node, moment: Moment) -> Head:
    """Return the head of the log as of a past moment."""
    with node.logs.acquire() as log:
        if moment.position is not None:
            return log.head_at(moment.position)
        end = GENESIS
        for record in moment.upto(log.read()):
            end = record.head
        return end


def position_of(node: Node, log: Log, text: str | None) -> int:
    """Return the position of a position, time or tag; of the end of the log for None."""
    moment = node.moment(text)
    if moment == END:
        return log.head().position
    return moment.position if moment.position is not None else head_of(node, moment).position


def index_of(node: Node, call: Call) -> str | None:
    """Return the URL of the history index; None for a restricted caller."""
    return node.history if call.caller.restricted_to is None else None


def visible(call: Call, records: Iterable[Record]) -> Iterable[Record]:
    """Return the visible part of commits that start with the first one."""
    return records if call.caller.restricted_to is None else visible_history(call.caller.restricted_to, records)
