"""Commands over HTTP: context from the headers, submission to the node's writer, waiting for projections."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from time import monotonic
from typing import Any

import msgspec
from msgspec.structs import replace

from midonet.events.access.authorization import redact_ids
from midonet.events.commands.command import Command, CreateTenants, Expect, Op
from midonet.events.errors import TimedOut, UsageError
from midonet.events.log.pending_command import Context, Result, new_command_id
from midonet.events.log.store import value_of
from midonet.events.system.user import User
from midonet.services.api.framework.operation import Answer, Reply, json_answer
from midonet.services.api.framework.parameters import (
    ACTOR,
    CAUSATION,
    CORRELATION,
    CREATE_TENANT,
    DRY_RUN,
    IDEMPOTENCY_KEY,
    IF_HEAD,
    IF_MATCH,
    REASON,
    TRACEPARENT,
    WAIT,
)
from midonet.services.api.framework.request import Call
from midonet.services.api.framework.schemas import ref
from midonet.services.api.long_decisions import LONG
from midonet.services.api.node import Node

REFUSALS = (400, 401, 403, 404, 409, 412, 413, 422, 503, 504)
DONE = Reply("Done; without events nothing had to change.", {"application/json": ref("Result")}, ("ETag",))
_PAUSE = 0.02
_GONE = f"{User.KIND}.deleted"
_MANY = 200
"""With more events encoding takes longer than starting a thread."""


async def write(node: Node, call: Call, name: str, ops: Sequence[Op], **context: str | None) -> Answer:
    """Run a command and answer with its result, once the projections of `wait` show it."""
    result = await run(node, call, Command(name, list(ops)), **context)
    if len(result.events) < _MANY and call.caller.restricted_to is None:
        return _answer(node, call, result)
    return await node.in_thread(_answer, node, call, result)


def _answer(node: Node, call: Call, result: Result) -> Answer:
    return json_answer(visible_result(node, call, result), HTTPStatus.OK, ETag=f'"{result.position}"')


def visible_result(node: Node, call: Call, result: Result) -> Any:
    """Return the result of a command, with ids redacted for a restricted caller."""
    value = value_of(result)
    principal = call.caller.restricted_to
    if principal is None:
        return value
    with node.feed.reading() as topology:

        def hides(object_id: str) -> bool:
            found = topology.find(object_id)
            return found is not None and not principal.sees(found, topology.find)

        return redact_ids(msgspec.to_builtins(value), hides)


async def run(node: Node, call: Call, command: Command, **context: str | None) -> Result:
    """Run a command with the context of the request; return the result."""
    waiting: Sequence[tuple[str, float]] = call.get(WAIT)
    for projection, _ in waiting:
        await asyncio.to_thread(positions, node, projection)
    if call.get(CREATE_TENANT):
        command = Command(command.name, [CreateTenants(), *command.ops])
    who, dry_run = command_context(call, **context), call.get(DRY_RUN)
    result = await _execute(node, command, who, dry_run=dry_run)
    if not dry_run:
        await _delete_credentials(node, result)
        await _await_views(node, result, waiting)
    return result


async def _execute(node: Node, command: Command, context: Context, *, dry_run: bool) -> Result:
    """Execute a command; a long one beside the writer, unless others append first several times."""
    if command.cost > LONG:
        context = replace(context, command_id=context.command_id or new_command_id())
        result = await node.long_decisions.run(command, context, dry_run=dry_run)
        if result is not None:
            return result
    promise = node.writer.submit_now(command, context, dry_run=dry_run)
    if promise is None:
        promise = await asyncio.to_thread(node.writer.submit, command, context, dry_run=dry_run)
    return await asyncio.wrap_future(promise)


async def _delete_credentials(node: Node, result: Result) -> None:
    """Delete the credentials of deleted users, so that a later user of the same name does not inherit them."""
    gone = [event.key.partition("/")[2] for event in result.events if event.type == _GONE]
    credentials = node.authentication.credentials
    if gone and credentials is not None:
        for name in gone:
            await asyncio.to_thread(credentials.forget, name)


def command_context(call: Call, **defaults: str | None) -> Context:
    """Return the context of a command from the headers; `defaults` apply where a header is absent."""
    principal = call.caller.principal
    given = {
        "actor": call.caller.actor if principal is not None else call.get(ACTOR) or call.caller.actor,
        "reason": call.get(REASON),
        "correlation": call.get(CORRELATION) or call.get(TRACEPARENT),
        "causation": call.get(CAUSATION),
        "command_id": call.get(IDEMPOTENCY_KEY),
        "if_head": call.get(IF_HEAD),
    }
    return Context(
        channel="api",
        principal=principal,
        **{**defaults, **{name: value for name, value in given.items() if value is not None}},
    )


def expectations(call: Call, kind: str, object_ref: str) -> list[Op]:
    """Return the expectation of `If-Match` on an object, if any."""
    position = call.get(IF_MATCH)
    return [Expect(kind, object_ref, position)] if position is not None else []


async def _await_views(node: Node, result: Result, waiting: Sequence[tuple[str, float]]) -> None:
    try:
        await await_views(node, result.position, waiting)
    except TimedOut as error:
        message = f"{error.message}; the command is committed at position {result.position}"
        raise TimedOut(message, **error.details, id=result.id) from None


async def await_views(node: Node, position: int, waiting: Sequence[tuple[str, float]]) -> dict[str, int]:
    """Wait until projections show a position, each up to its timeout in seconds; return their positions."""
    begun = monotonic()
    return {name: await _await_view(node, position, name, begun + seconds) for name, seconds in waiting}


async def _await_view(node: Node, position: int, name: str, deadline: float) -> int:
    while True:
        found = await asyncio.to_thread(positions, node, name)
        if min(found.values()) >= position:
            return min(found.values())
        if monotonic() >= deadline:
            behind = {target: at for target, at in found.items() if at < position}
            text = ", ".join(f"{target} is at {at}" for target, at in behind.items())
            raise TimedOut(
                f"{name} did not show position {position} in time: {text}",
                projection=name,
                position=position,
                behind=behind,
            )
        await asyncio.sleep(_PAUSE)


def positions(node: Node, name: str) -> dict[str, int]:
    """Return the positions of a projection in the cluster; `UsageError` lists the projections."""
    found = node.reached(name)
    if not found:
        known = ", ".join(sorted({row["name"] for row in node.projections()})) or "none"
        raise UsageError(f"wait: there is no projection {name!r} in the cluster; there are {known}", parameter="wait")
    return found
