"""`/v1/projections/{name}/…` and `/v1/services/{name}/…`: pause, resume, skip, retry, enable, disable.

Controls are commands on the log: they are part of the history, and every node follows them.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from midonet.events.commands.command import Enable, Op, Pause, Retry, Skip
from midonet.events.errors import InvalidValue
from midonet.services.api.framework.operation import JSON, Answer, Body, Operation
from midonet.services.api.framework.parameters import WRITE, path
from midonet.services.api.framework.request import Call
from midonet.services.api.node import Node
from midonet.services.api.routes.write import DONE, REFUSALS, write

_Make = Callable[[str, Mapping[str, Any]], Op]
_NAME = path("name", "Name of the projection or service.")
_KEY = {"type": "string", "minLength": 1, "description": "Key in the target of the projection, as its status shows it."}
_NODE = {
    "type": "string",
    "minLength": 1,
    "description": "Only on this node; default: on all nodes without a setting of their own.",
}


class _Control(NamedTuple):
    command: str
    field: str
    """Field of the body."""
    required: bool
    make: _Make


def operations() -> Iterator[Operation]:
    """Yield the controls."""
    control = partial(_control, "projection", "projections")
    yield control("pause", "Pause a projection: it writes nothing until `resume`.", lambda name, _: Pause(name))
    yield control("resume", "Resume a projection.", lambda name, _: Pause(name, paused=False))
    yield control(
        "skip",
        "Skip a key: do not change it in the targets.",
        lambda name, values: Skip(name, values["key"]),
        required=_KEY,
    )
    yield control(
        "retry", "Retry parked or skipped keys.", lambda n, values: Retry(n, values.get("key")), optional=_KEY
    )
    control = partial(_control, "service", "services")
    yield control("enable", "Enable a service.", lambda n, values: Enable(n, values.get("node")), optional=_NODE)
    yield control(
        "disable",
        "Disable a service.",
        lambda n, values: Enable(n, values.get("node"), enabled=False),
        optional=_NODE,
    )


def _control(kind: str, place: str, verb: str, text: str, make: _Make, **takes: Mapping[str, Any]) -> Operation:
    required, optional = takes.get("required"), takes.get("optional")
    field = "key" if kind == "projection" else "node"
    schema = {
        "type": "object",
        "properties": {field: required or optional},
        "required": [field] if required else [],
        "additionalProperties": False,
    }
    return Operation(
        id=f"{verb}-{kind}",
        tag="controls",
        method="POST",
        path=f"/v1/{place}/{{name}}/{verb}",
        help=text,
        handler=partial(_run, _Control(f"{kind}.{verb}", field, required is not None, make)),
        parameters=(_NAME, *WRITE),
        body=Body({JSON: schema}, required=required is not None) if required or optional else None,
        replies={200: DONE},
        errors=REFUSALS,
    )


async def _run(control: _Control, node: Node, call: Call) -> Answer:
    values, field = await call.json_off_loop(dict[str, str]) if call.body else {}, control.field
    if unknown := next((name for name in values if name != field), None):
        raise InvalidValue(
            f"{control.command} takes no {unknown}; it takes {field}", field=unknown, reason="no-such-field"
        )
    if control.required and field not in values:
        raise InvalidValue(f"{control.command} needs {field}", field=field, reason="missing")
    return await write(node, call, control.command, [control.make(call.path("name"), values)])
