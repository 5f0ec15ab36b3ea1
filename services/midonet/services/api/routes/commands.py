"""`/v1/commands`, `/v1/apply`, `/v1/plan` and `/v1/export`: batches of operations, and documents."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import yaml
from msgspec import Meta, Struct

from midonet.events.commands.command import Command, Op, Put, Revert, SetTag
from midonet.events.commit import canonical
from midonet.events.errors import InvalidValue, MidonetError
from midonet.events.log.base import commit_at
from midonet.events.queries.export import documents
from midonet.events.strict_yaml import Located, objects, parse, with_location
from midonet.events.topology.evolve import invert
from midonet.projections.maintenance.impact import impact, with_names
from midonet.services.api.framework.operation import JSON, Answer, Body, Operation, Reply, json_answer
from midonet.services.api.framework.parameters import IF_NONE_MATCH, READ, WRITE, flag
from midonet.services.api.framework.request import Call
from midonet.services.api.framework.schemas import OPS, array, ref
from midonet.services.api.node import Node
from midonet.services.api.routes.answers import Plan
from midonet.services.api.routes.objects import conditional
from midonet.services.api.routes.write import DONE, REFUSALS, command_context, visible_result, write

YAML = "application/yaml"
_DOCUMENTS = array(ref("Document"))
_PRUNE = flag("prune", "Delete every object that the documents do not describe.")


class _Batch(Struct, forbid_unknown_fields=True):
    ops: Annotated[list[Op], Meta(min_length=1, max_length=100_000)]
    name: Annotated[str, Meta(min_length=1, max_length=255)] = "batch"


def operations() -> Iterator[Operation]:
    """Yield the operations on documents."""
    described = Body({JSON: {"anyOf": [_DOCUMENTS, ref("Document")]}, YAML: ref("Yaml")}, "{kind, name, …}")
    yield Operation(
        id="run-commands",
        tag="commands",
        method="POST",
        path="/v1/commands",
        help="Run several operations as one command: one commit, or nothing.",
        handler=_run,
        parameters=WRITE,
        body=Body({JSON: _BATCH_SCHEMA}),
        replies={200: DONE},
        errors=REFUSALS,
    )
    yield Operation(
        id="apply",
        tag="commands",
        method="POST",
        path="/v1/apply",
        help="Apply documents: create, change and, with `prune`, delete objects in one commit.",
        handler=_apply,
        parameters=(_PRUNE, *WRITE),
        body=described,
        replies={200: DONE},
        errors=REFUSALS,
    )
    yield Operation(
        id="plan",
        tag="commands",
        method="POST",
        path="/v1/plan",
        help="Show what `apply` would do, and the affected hosts and VTEPs. `apply` with the plan's `head` as "
        "If-Head and its `id` as Idempotency-Key does exactly that or nothing.",
        handler=_plan,
        parameters=(_PRUNE, *WRITE),
        body=described,
        replies={200: Reply("The plan.", {JSON: Plan})},
        errors=REFUSALS,
    )
    yield Operation(
        id="export",
        tag="commands",
        method="GET",
        path="/v1/export",
        help="Export the topology as documents for `apply`; applying them changes nothing.",
        handler=_export,
        parameters=(*READ, IF_NONE_MATCH),
        replies={
            200: Reply("Documents.", {JSON: _DOCUMENTS, YAML: ref("Yaml")}, ("ETag",)),
            304: Reply("Not modified.", {}, ("ETag",)),
        },
        errors=(400, 401, 404, 503),
        linearizable=True,
        slow=True,
    )


_BATCH_SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 255, "default": "batch"},
        "ops": {
            "type": "array",
            "minItems": 1,
            "maxItems": 100_000,
            "items": {"oneOf": [ref(op.__name__) for op in OPS]},
        },
    },
    "required": ["ops"],
    "additionalProperties": False,
}


async def _run(node: Node, call: Call) -> Answer:
    batch = await node.in_thread(call.json, _Batch)
    for op in batch.ops:
        if isinstance(op, (Revert, SetTag)):
            await node.in_thread(_check, node, op)
    return await write(node, call, batch.name, batch.ops)


def _check(node: Node, op: Revert | SetTag) -> None:
    """Check a revert or tag against the log; `decide` does not read the log and trusts their content."""
    with node.logs.acquire() as log:
        if isinstance(op, Revert):
            true = canonical(op.events) == canonical(invert(commit_at(log, op.position).commit.events))
        else:
            head = log.head_at(op.position)
            true = (head.hash, head.time) == (op.hash, op.time)
    if not true:
        raise InvalidValue(f"position {op.position} is another commit", reason="bad-document")


def _described(call: Call) -> tuple[Put, list[Located]]:
    """Return the operation for a body, and its documents with their lines if it is YAML."""
    if call.content_type == YAML:
        located = objects("body", parse("body", call.body))
        found: list[dict[str, Any]] = list(located)
    else:
        located, value = [], call.json(object)
        found = call.json(list[dict[str, Any]]) if isinstance(value, list) else [call.json(dict[str, Any])]
    if not found:
        raise InvalidValue("the body has no document", reason="bad-document")
    return Put(found, prune=call.get(_PRUNE)), located


async def _apply(node: Node, call: Call) -> Answer:
    put, located = await node.in_thread(_described, call)
    try:
        return await write(node, call, "apply", [put])
    except MidonetError as error:
        raise (with_location(error, located) if located else error) from None


def _planned(node: Node, put: Put, call: Call) -> dict[str, Any]:
    with node.private.store() as store:
        result = store.execute(Command("apply", [put]), command_context(call), dry_run=True)
        everything = call.caller.restricted_to is None
        found = impact(store.topology, result.events)
        return {
            **visible_result(node, call, result),
            "head": store.topology.head,
            "hosts": with_names("host", found.hosts, store.topology, result.events) if everything else [],
            "vteps": with_names("vtep", found.vteps, store.topology, result.events) if everything else [],
        }


async def _plan(node: Node, call: Call) -> Answer:
    put, located = await node.in_thread(_described, call)
    try:
        return json_answer(await node.in_thread(_planned, node, put, call))
    except MidonetError as error:
        raise (with_location(error, located) if located else error) from None


def _export(node: Node, call: Call) -> Answer:
    as_yaml = YAML in call.accept
    with node.long_reading(call) as topology:
        found, position = documents(topology), topology.head.position
    return conditional(
        call,
        f'"{position}"',
        lambda: _yaml(found) if as_yaml else msgspec.json.encode(found),
        YAML if as_yaml else JSON,
    )


def _yaml(value: Any) -> bytes:
    text: str = yaml.dump(
        msgspec.to_builtins(value), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=10_000
    )
    return text.encode()
