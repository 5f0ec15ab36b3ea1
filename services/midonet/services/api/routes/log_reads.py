"""How the operations on the log look at it: where, as of when, and with whose eyes."""

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
"""Statuses of what only reads."""
_SLOW = ("diff", "verify", "history", "blame")


def read_operation(name: str, place: str, text: str, handler: Any, schema: Any, **more: Any) -> Operation:
    """Return an operation that reads, and may say that nothing has changed."""
    return Operation(
        id=name,
        tag="history",
        method="GET",
        path=place,
        help=text,
        handler=handler,
        parameters=(*more.get("parameters", ()), IF_NONE_MATCH),
        replies={200: Reply("Found.", {JSON: schema}, ("ETag",)), 304: Reply("Nothing changed since.", {}, ("ETag",))},
        errors=READING,
        linearizable=True,
        slow=name in _SLOW,
        access=more.get("access", "any"),
    )


def head_of(node: Node, moment: Moment) -> Head:
    """Return the head of the log as of a moment other than its end."""
    with node.logs.acquire() as log:
        if moment.position is not None:
            return log.head_at(moment.position)
        end = GENESIS
        for record in moment.upto(log.read()):
            end = record.head
        return end


def position_of(node: Node, log: Log, text: str | None) -> int:
    """Return the position that a text means: a position, time or tag; None means the end of the log."""
    moment = node.moment(text)
    if moment == END:
        return log.head().position
    return moment.position if moment.position is not None else head_of(node, moment).position


def index_of(node: Node, call: Call) -> str | None:
    """Return where the history index is; None for those who may not see all that it knows."""
    return node.history if call.caller.restricted_to is None else None


def visible(call: Call, records: Iterable[Record]) -> Iterable[Record]:
    """Return what may be seen of commits from the first one on."""
    return records if call.caller.restricted_to is None else visible_history(call.caller.restricted_to, records)
