"""`/v1/<kinds>`: list, get, create, patch and delete objects of every kind, and their verbs."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from itertools import zip_longest
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from midonet.events.commands.command import Command, Create, Delete, Op, Update
from midonet.events.commands.verbs import VERBS, Verb
from midonet.events.errors import InvalidValue, UsageError
from midonet.events.model import KINDS, Entity, Kind, ordered, plain
from midonet.events.queries.selection import Selection
from midonet.events.topology import references
from midonet.services.api.framework.operation import JSON, Answer, Body, Operation, Reply, json_answer
from midonet.services.api.framework.parameters import (
    CASCADE,
    CURSOR,
    FIELDS,
    FILTER,
    IF_MATCH,
    IF_NONE_MATCH,
    LIMIT,
    READ,
    SORT,
    WRITE,
    path,
)
from midonet.services.api.framework.request import Call
from midonet.services.api.framework.schemas import array, fields_schema, input_name, object_name, ref
from midonet.services.api.node import Node
from midonet.services.api.routes.write import DONE, REFUSALS, expectations, run, visible_result, write

MERGE_PATCH = "application/merge-patch+json"
_READING = (400, 401, 404, 409, 422, 503)
_BATCH = 1_000

REF = path("ref", "Id, name, PARENT/NAME (the slash as %2F), or the first 8 or more characters of an id.")


def operations() -> Iterator[Operation]:
    """Yield the operations on all kinds."""
    for kind in KINDS.values():
        yield from _operations(kind)
        for name, verb in VERBS.get(kind.name, {}).items():
            yield _verb_operation(kind, name, verb)


def _operations(kind: Kind) -> Iterator[Operation]:
    many, one = f"/v1/{kind.plural}", f"/v1/{kind.plural}/{{ref}}"
    body, fields = {JSON: ref(object_name(kind))}, ref(input_name(kind))
    yield Operation(
        id=f"list-{kind.plural}",
        tag=kind.name,
        method="GET",
        path=many,
        help=f"List {kind.name}s.",
        handler=partial(_list, kind),
        parameters=(FILTER, FIELDS, SORT, LIMIT, CURSOR, *READ, IF_NONE_MATCH),
        replies={
            200: Reply("A page of objects.", {JSON: array(ref(object_name(kind)))}, ("ETag", "Link")),
            304: _UNCHANGED,
        },
        errors=_READING,
        linearizable=True,
    )
    yield Operation(
        id=f"create-{kind.name}",
        tag=kind.name,
        method="POST",
        path=many,
        help=f"Create a {kind.name}.",
        handler=partial(_create, kind),
        parameters=WRITE,
        body=Body({JSON: fields}, "The fields; `id` is optional."),
        replies={201: Reply("Created.", {JSON: ref("Result")}, ("ETag", "Location")), 200: DONE},
        errors=REFUSALS,
    )
    yield Operation(
        id=f"get-{kind.name}",
        tag=kind.name,
        method="GET",
        path=one,
        help=f"Get a {kind.name}.",
        handler=partial(_get, kind),
        parameters=(REF, FIELDS, *READ, IF_NONE_MATCH),
        replies={200: Reply("The object.", body, ("ETag",)), 304: _UNCHANGED},
        errors=_READING,
        linearizable=True,
    )
    yield Operation(
        id=f"patch-{kind.name}",
        tag=kind.name,
        method="PATCH",
        path=one,
        help=f"Set fields of a {kind.name}; other fields do not change, null restores the default.",
        handler=partial(_patch, kind),
        parameters=(REF, IF_MATCH, *WRITE),
        body=Body({JSON: fields, MERGE_PATCH: fields}, "The fields that change (RFC 7396)."),
        replies={200: DONE},
        errors=REFUSALS,
    )
    yield Operation(
        id=f"delete-{kind.name}",
        tag=kind.name,
        method="DELETE",
        path=one,
        help=f"Delete a {kind.name} with its parts; refused while other objects refer to it, unless `cascade`.",
        handler=partial(_delete, kind),
        parameters=(REF, CASCADE, IF_MATCH, *WRITE),
        replies={200: DONE},
        errors=REFUSALS,
    )


_UNCHANGED = Reply("Not modified.", {}, ("ETag",))


def _verb_operation(kind: Kind, name: str, verb: Verb) -> Operation:
    specs = {field: argument.spec for field, argument in verb.arguments.items()}
    required = _required(verb)
    body = Body({JSON: fields_schema(specs, required)}, required=bool(required)) if specs else None
    return Operation(
        id=f"{name}-{kind.name}" if "-" not in name else f"{kind.name}-{name}",
        tag=kind.name,
        method="POST",
        path=f"/v1/{kind.plural}/{{ref}}/{name}",
        help=verb.help,
        handler=partial(_run_verb, kind, name, verb),
        parameters=(REF, IF_MATCH, *WRITE),
        body=body,
        replies={200: DONE},
        errors=REFUSALS,
    )


def _required(verb: Verb) -> list[str]:
    return [name for name, argument in verb.arguments.items() if argument.required]


# Reading


def conditional(call: Call, tag: str, make: Callable[[], bytes], content_type: str = JSON, **headers: str) -> Answer:
    """Return an answer with an ETag; 304 without a body if `If-None-Match` has it."""
    found = {"ETag": tag, **headers}
    known = [text.strip().removeprefix("W/") for text in (call.get(IF_NONE_MATCH) or "").split(",")]
    if tag in known or "*" in known:
        return Answer(b"", HTTPStatus.NOT_MODIFIED, content_type, found)
    return Answer(make(), HTTPStatus.OK, content_type, found)


def _get(kind: Kind, node: Node, call: Call) -> Answer:
    fields = _chosen(kind, call)
    with node.reading(call) as topology:
        entity: Entity = references.find(topology, kind.name, call.path("ref"))
        position = topology.head.position
    answer = conditional(call, f'"{entity.position}"', lambda: msgspec.json.encode(_shown(entity, fields)))
    return msgspec.structs.replace(answer, headers={**answer.headers, "Midonet-Position": str(position)})


def _list(kind: Kind, node: Node, call: Call) -> Answer:
    fields = _chosen(kind, call)
    with node.reading(call) as topology:
        selection = Selection(topology, kind, call.get(FILTER), call.get(SORT))
        entities, position = list(topology.all(kind.name).values()), topology.head.position
    rest = _after(selection, selection.of(entities), call.get(CURSOR))
    page = rest[: call.get(LIMIT)]
    headers = {"Midonet-Position": str(position)}
    if len(page) < len(rest):
        headers["Link"] = f'<{_next(kind, call, _cursor(selection.key(page[-1])))}>; rel="next"'
    body = partial(_encoded, page, fields)
    return conditional(call, f'"{position}"', body, **headers)


def _encoded(page: Sequence[Entity], fields: Sequence[str] | None) -> bytes:
    return msgspec.json.encode([_shown(one, fields) for one in page])


def _shown(entity: Entity, fields: Sequence[str] | None) -> dict[str, Any]:
    data = ordered(plain(entity))
    return data if fields is None else {name: data[name] for name in fields}


def _chosen(kind: Kind, call: Call) -> Sequence[str] | None:
    fields: Sequence[str] | None = call.get(FIELDS)
    for field in fields or ():
        if field != "kind":
            kind.field(field)
    return fields


def _next(kind: Kind, call: Call, cursor: str) -> str:
    pairs = [(name, text) for name, text in parse_qsl(call.query, keep_blank_values=True) if name != CURSOR.name]
    return f"/v1/{kind.plural}?{urlencode([*pairs, (CURSOR.name, cursor)])}"


def _cursor(key: Any) -> str:
    """Return the cursor of the page after the object with this key."""
    return urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def _after(selection: Selection, entities: Sequence[Any], cursor: str | None) -> Sequence[Any]:
    """Return the objects after a cursor; `UsageError` if it is not a cursor of this list."""
    if cursor is None:
        return entities
    try:
        key = msgspec.json.decode(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
        like = selection.key(entities[0]) if entities else ()
        return selection.beyond(entities, _like(key, like))
    except (ValueError, TypeError, UnicodeError, RecursionError):
        raise UsageError("cursor: not a cursor of this list", parameter="cursor") from None


def _like(value: Any, example: Any) -> Any:
    """Return a decoded key with tuples where the example has tuples."""
    if isinstance(example, tuple):
        return tuple(_like(one, other) for one, other in zip_longest(value, example))
    if isinstance(example, list):
        return [tuple(one) for one in value]
    return value


# Writing


async def _create(kind: Kind, node: Node, call: Call) -> Answer:
    fields = await call.json_off_loop(dict[str, Any])
    command = Command(f"{kind.name}.create", [Create(kind.name, fields)])
    result = await run(node, call, command)
    value, status = visible_result(node, call, result), HTTPStatus.CREATED if result.events else HTTPStatus.OK
    location = f"/v1/{kind.plural}/{quote(str((result.object or {}).get('id')))}"
    return json_answer(value, status, ETag=f'"{result.position}"', Location=location)


async def _patch(kind: Kind, node: Node, call: Call) -> Answer:
    fields = await call.json_off_loop(dict[str, Any])
    if not fields:
        raise InvalidValue("the body names no field to set", reason="bad-document")
    object_ref = call.path("ref")
    ops: list[Op] = [*expectations(call, kind.name, object_ref), Update(kind.name, object_ref, fields)]
    return await write(node, call, f"{kind.name}.set", ops)


async def _delete(kind: Kind, node: Node, call: Call) -> Answer:
    object_ref = call.path("ref")
    ops: list[Op] = [
        *expectations(call, kind.name, object_ref),
        Delete(kind.name, object_ref, cascade=call.get(CASCADE)),
    ]
    return await write(node, call, f"{kind.name}.delete", ops)


async def _run_verb(kind: Kind, name: str, verb: Verb, node: Node, call: Call) -> Answer:
    values: Mapping[str, Any] = await call.json_off_loop(dict[str, Any]) if call.body else {}
    for field in values:
        if field not in verb.arguments:
            known = ", ".join(verb.arguments) or "none"
            raise InvalidValue(f"{name} takes no {field}; it takes {known}", field=field, reason="no-such-field")
    for field in _required(verb):
        if values.get(field) is None:
            raise InvalidValue(f"{name} needs {field}", field=field, reason="missing")
    object_ref = call.path("ref")
    ops = [*expectations(call, kind.name, object_ref), verb.make(object_ref, values)]
    return await write(node, call, f"{kind.name}.{name}", ops)
