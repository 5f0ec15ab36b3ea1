"""`/v1/head`, `/v1/log`, `/v1/diff` and `/v1/verify`: commits, differences, reverts and verification.

Commits are sent as the bytes that the hash chain covers, so that a client can verify the chain.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.responses import Response

from midonet.events.commands.command import Revert
from midonet.events.commit import GENESIS, Head, Record
from midonet.events.errors import NotFound, UsageError
from midonet.events.log import Log
from midonet.events.log.base import commit_at
from midonet.events.log.verification import Verified, before, verified
from midonet.events.queries.diff import differing
from midonet.events.queries.log_filter import Filter
from midonet.events.queries.moment import END, Moment
from midonet.events.queries.names import names_of
from midonet.events.topology.evolve import invert
from midonet.services.api.framework.operation import JSON, Answer, Operation, Reply, json_answer
from midonet.services.api.framework.parameters import AT, LIMIT, POSITION, READ, WRITE, Parameter, flag
from midonet.services.api.framework.request import Call
from midonet.services.api.framework.schemas import array, ref
from midonet.services.api.node import Node
from midonet.services.api.reads.history_index import key_of, query_index
from midonet.services.api.reads.visible_history import difference, visible_history
from midonet.services.api.routes.answers import Difference, LogEnd
from midonet.services.api.routes.log_reads import READING, head_of, index_of, position_of, read_operation, visible
from midonet.services.api.routes.objects import conditional
from midonet.services.api.routes.watch_stream import JSON_SEQ, log_stream
from midonet.services.api.routes.write import DONE, REFUSALS, write

_MOMENT = {"type": "string"}
_AFTER = Parameter(name="after", help="Only commits after this position.", schema=POSITION.schema, parse=POSITION.parse)
_SINCE = Parameter(name="since", help="From this position, time or tag on.", schema=_MOMENT)
_UNTIL = Parameter(name="until", help="Up to this position, time or tag.", schema=_MOMENT)
_KIND = Parameter(name="kind", help="Only commits on this kind.", schema={"type": "string"})
_OBJECT = Parameter(name="object", help="Only commits on this object; deleted objects included.", schema=_MOMENT)
_ACTOR = Parameter(name="actor", help="Only commits of this actor (user@host, or user).", schema={"type": "string"})
_ID = Parameter(name="id", help="Only the commit with this command id.", schema={"type": "string"})
_LAST = flag("last", "The last matching commits, not the first.")
_FOLLOW = flag("follow", 'Follow the log (application/json-seq only), with a mark {"head": …} every second.')
_PART = flag("part", "Only the visible part of each commit (application/json-seq); its chain cannot be verified.")
_FROM = Parameter(name="from", help="From this position, time or tag on.", schema=_MOMENT)
_START = Parameter(name="from", help="A position, time or tag.", schema=_MOMENT, required=True)
_TO = Parameter(name="to", help="A position, time or tag; the end of the log if absent.", schema=_MOMENT)
_PLACE = Parameter(
    name="position",
    location="path",
    help="Position of the commit.",
    schema=POSITION.schema,
    parse=POSITION.parse,
    required=True,
)


def operations() -> Iterator[Operation]:
    """Yield the operations on the log."""
    yield read_operation(
        "head", "/v1/head", "Show the head of the log: position, hash, time.", _head, LogEnd, parameters=READ
    )
    yield Operation(
        id="log",
        tag="history",
        method="GET",
        path="/v1/log",
        help="List commits, the oldest first: as pages, or (application/json-seq, RFC 7464) as a stream of their bytes "
        "that can follow the log.",
        handler=_log,
        parameters=(_AFTER, _SINCE, _UNTIL, _KIND, _OBJECT, _ACTOR, _ID, _LAST, _FOLLOW, _PART, LIMIT, AT),
        replies={
            200: Reply("Commits.", {JSON: array(ref("Commit")), JSON_SEQ: ref("CommitSequence")}, ("Link",)),
        },
        errors=READING,
        linearizable=True,
    )
    yield read_operation(
        "get-commit",
        "/v1/log/{position}",
        "Get a commit as the bytes in the log.",
        _commit,
        ref("Commit"),
        parameters=(_PLACE,),
    )
    yield Operation(
        id="revert",
        tag="history",
        method="POST",
        path="/v1/log/{position}/revert",
        help="Revert a commit by a new commit, completely or not at all.",
        handler=_revert,
        parameters=(_PLACE, *WRITE),
        replies={200: DONE},
        errors=REFUSALS,
    )
    yield read_operation(
        "diff", "/v1/diff", "Show the differences between two moments.", _diff, Difference, parameters=(_START, _TO)
    )
    yield read_operation(
        "verify",
        "/v1/verify",
        "Verify the log: chain, events and tags.",
        _verify,
        Verified,
        parameters=(_FROM,),
        access="all",
    )


def _head(node: Node, call: Call) -> Answer:
    moment = node.moment(call.get(AT))
    end = node.feed.head if moment == END else head_of(node, moment)
    return conditional(call, f'"{end.position}"', lambda: msgspec.json.encode(LogEnd.of(end)))


async def _log(node: Node, call: Call) -> Answer | Response:
    if JSON_SEQ in call.accept:
        if not call.get(_PART):
            call.caller.require(
                lambda principal: principal.reads_all,
                "users who may read everything; `part=true` shows the visible part",
            )
        wanted, after = await node.in_thread(_wanted, node, call)
        return await log_stream(node, call, wanted, after, follow=call.get(_FOLLOW))
    if call.get(_FOLLOW):
        raise UsageError(f"follow: ask for {JSON_SEQ} (the header Accept), or use /v1/watch", parameter="follow")
    return await node.in_thread(_page, node, call)


def _wanted(node: Node, call: Call) -> tuple[Filter, Head]:
    """Return the filter of a request, and the head after which its commits begin."""
    position = call.get(_AFTER) or 0
    until = node.moment(call.get(_UNTIL) or call.get(AT))
    with node.logs.acquire() as log:
        after = log.head_at(position)
        key = _key(node, call, log, until) if call.get(_OBJECT) is not None else None
    since = node.moment(call.get(_SINCE))
    return Filter(since, until, call.get(_KIND), key, call.get(_ACTOR)), after


def _key(node: Node, call: Call, log: Log, until: Moment) -> str:
    wanted: str = call.get(_OBJECT)
    return query_index(
        index_of(node, call),
        log,
        lambda past: key_of(past, until, wanted),
        lambda: names_of(visible(call, until.upto(log.read()))).find(wanted),
    )


def _page(node: Node, call: Call) -> Answer:
    if call.get(_ID) is not None:
        with node.logs.acquire() as log:
            record = log.find(call.get(_ID))
        found = [] if record is None else list(_alone(node, call, record))
        return _commits(found)
    wanted, after = _wanted(node, call)
    limit: int = call.get(LIMIT)
    with node.logs.acquire() as log:
        fitting = (record for record in _from(call, log, wanted.until, after) if wanted.shows(record.commit))
        if call.get(_LAST):
            return _commits(list(deque(fitting, limit)))
        found = list(islice(fitting, limit + 1))
    return _commits(found[:limit], _next(call, found[limit - 1]) if len(found) > limit else None)


def _from(call: Call, log: Log, until: Moment, after: Head) -> Iterable[Record]:
    """Return the visible part of the commits after a head."""
    if call.caller.restricted_to is None:
        return until.upto(log.read(after), after.position)
    return (one for one in visible(call, until.upto(log.read())) if one.commit.position > after.position)


def _alone(node: Node, call: Call, record: Record) -> Iterable[Record]:
    """Return the visible part of one commit, if any."""
    if call.caller.restricted_to is None:
        return [record]
    before = node.past.private_copy(Moment(position=record.commit.position - 1))
    return visible_history(call.caller.restricted_to, [record], before)


def _commits(records: list[Record], following: str | None = None) -> Answer:
    headers = {"Link": f'<{following}>; rel="next"'} if following is not None else {}
    return Answer(b"[" + b",".join(record.raw for record in records) + b"]", headers=headers)


def _next(call: Call, last: Record) -> str:
    pairs = [(name, text) for name, text in parse_qsl(call.query, keep_blank_values=True) if name != _AFTER.name]
    return f"/v1/log?{urlencode([*pairs, (_AFTER.name, last.commit.position)])}"


def _commit(node: Node, call: Call) -> Answer:
    with node.logs.acquire() as log:
        record = commit_at(log, call.path("position"))
    found = next(iter(_alone(node, call, record)), None)
    if found is None:
        raise NotFound(f"there is no visible position {record.commit.position}")
    return conditional(call, f'"{record.hash}"', lambda: found.raw)


async def _revert(node: Node, call: Call) -> Answer:
    position: int = call.path("position")
    commit = (await node.in_thread(_whole_commit, node, call, position)).commit
    ops = [Revert(position, invert(commit.events))]
    return await write(node, call, "revert", ops, reason=f"revert of position {position}", causation=commit.id)


def _whole_commit(node: Node, call: Call, position: int) -> Record:
    """Return a commit if all of it is visible: a revert covers the whole commit."""
    with node.logs.acquire() as log:
        record = commit_at(log, position)
    found = next(iter(_alone(node, call, record)), None)
    if found is None or len(found.commit.events) != len(record.commit.events):
        raise NotFound(f"there is no position {position} that is completely visible", position=position)
    return record


def _diff(node: Node, call: Call) -> Answer:
    with node.logs.acquire() as log:
        one, other = (position_of(node, log, call.get(parameter)) for parameter in (_START, _TO))
        if call.caller.restricted_to is not None:
            sides = [call.caller.view(node.past.private_copy(Moment(position=position))) for position in (one, other)]
            return json_answer(Difference(one, other, difference(*sides)))
        events = differing(Moment(position=max(one, other)).upto(log.read()), one, other)
    return json_answer(Difference(one, other, list(events)))


def _verify(node: Node, call: Call) -> Answer:
    start = call.get(_FROM)
    with node.logs.acquire() as log:
        after = before(log, node.moment(start)) if start is not None else GENESIS
        return json_answer(verified(log, after))
