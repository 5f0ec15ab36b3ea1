"""JSON schemas of objects and bodies, from the declarations of the model."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, get_args

import msgspec

from midonet.events.commands.command import Op
from midonet.events.commit import Commit, Event, Head
from midonet.events.model import KINDS, FieldSpec, Kind

OPS: tuple[type[msgspec.Struct], ...] = get_args(Op)
_STRUCTS = (Commit, Event, Head, *OPS)
_TEMPLATE = "#/components/schemas/{name}"


def ref(name: str) -> dict[str, Any]:
    """Return a reference to a schema by name."""
    return {"$ref": _TEMPLATE.format(name=name)}


def array(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def object_name(kind: Kind) -> str:
    """Return the name of the schema of a kind's objects, e.g. `PortGroup`."""
    return "".join(part.capitalize() for part in kind.name.split("-"))


def input_name(kind: Kind) -> str:
    """Return the name of the schema of a kind's writable fields."""
    return f"{object_name(kind)}Fields"


@cache
def components() -> Mapping[str, Any]:
    """Return all schemas by name."""
    (_, found) = msgspec.json.schema_components(_STRUCTS, ref_template=_TEMPLATE)
    for kind in KINDS.values():
        found |= _parts(kind.fields.values())
        found[object_name(kind)] = _object(kind)
        found[input_name(kind)] = fields_schema(_creatable(kind), ())
    mapping = {kind.name: ref(object_name(kind))["$ref"] for kind in KINDS.values()}
    found["Object"] = {
        "oneOf": [{"$ref": schema} for schema in mapping.values()],
        "discriminator": {"propertyName": "kind", "mapping": mapping},
    }
    found |= _OTHERS
    return {name: found[name] for name in sorted(found)}


def schema_of(described: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the schema of an answer, and the schemas that it refers to if it is described by a type."""
    if isinstance(described, Mapping):
        return described, {}
    (schema,), parts = msgspec.json.schema_components((described,), ref_template=_TEMPLATE)
    return schema, parts


_NAMED = {
    "type": "object",
    "properties": {"kind": {"type": "string"}, "id": {"type": "string"}, "name": {"type": ["string", "null"]}},
    "additionalProperties": True,
}
_OTHERS: Mapping[str, Any] = {
    "Result": {
        "type": "object",
        "description": "Result of a command; without events nothing had to change and no commit was written.",
        "properties": {
            "position": {"type": "integer", "description": "Position of the commit, or of the end of the log."},
            "id": {"type": "string", "description": "Id of the command."},
            "events": array(ref("Event")),
            "object": {"anyOf": [ref("Subject"), {"type": "null"}]},
        },
        "required": ["position", "id", "events", "object"],
    },
    "Subject": {**_NAMED, "description": "The object of a command, with all fields of its kind."},
    "Document": {**_NAMED, "description": "An object for `apply`: {kind, name, …}.", "required": ["kind"]},
    "Facts": {
        "type": "object",
        "description": "Facts of one kind by the id of their object.",
        "additionalProperties": {"type": "object"},
    },
    "Yaml": {"type": "string", "description": "Documents for `apply`, as YAML."},
    "CommitSequence": {"type": "string", "description": "Commits as a JSON text sequence (RFC 7464)."},
    "MessageStream": {"type": "string", "description": "Messages as server-sent events."},
}


def _parts(specs: Iterable[FieldSpec]) -> dict[str, Any]:
    structs = [spec.struct for spec in specs if spec.struct is not None]
    return dict(msgspec.json.schema_components(structs, ref_template=_TEMPLATE)[1]) if structs else {}


def _object(kind: Kind) -> dict[str, Any]:
    properties = {name: field_schema(spec) for name, spec in kind.fields.items()}
    properties["kind"] = {"const": kind.name}
    return {
        "type": "object",
        "description": f"{kind.help} All fields are present, unless `fields` selects some.",
        "properties": properties,
    }


def _creatable(kind: Kind) -> dict[str, FieldSpec]:
    place = {"index": kind.fields["index"]} if kind.name == "rule" else {}
    return {"id": kind.fields["id"], **kind.writable, **place}


def fields_schema(specs: Mapping[str, FieldSpec], required: Iterable[str]) -> dict[str, Any]:
    """Return the schema of writable fields: references by id, name or prefix; null restores the default."""
    return {
        "type": "object",
        "properties": {name: _written(spec) for name, spec in specs.items()},
        "required": list(required),
        "additionalProperties": False,
    }


def field_schema(spec: FieldSpec) -> dict[str, Any]:
    """Return the schema of a field in answers."""
    (schema,), _ = msgspec.json.schema_components((spec.annotation,), ref_template=_TEMPLATE)
    return _annotated(schema, spec, derived=spec.derived)


def _written(spec: FieldSpec) -> dict[str, Any]:
    one: dict[str, Any]
    if spec.ref is not None:
        one = {"type": "string", "minLength": 1, "description": f"Id, name or id prefix of a {spec.ref.kind}."}
    elif spec.parts:
        one = {"anyOf": [fields_schema({part.name: part for part in spec.parts}, ()), {"type": "string"}]}
    elif spec.choices:
        one = {"enum": list(spec.choices)}
    elif spec.format is not None:
        one = {"type": ["string", "integer"]}
    else:
        one = {"type": _TYPES.get(spec.base, "string")}
    schema = array(one) if spec.many else one
    return _annotated({"anyOf": [schema, {"type": "null"}]}, spec, derived=False)


_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def _annotated(schema: dict[str, Any], spec: FieldSpec, *, derived: bool) -> dict[str, Any]:
    notes: dict[str, Any] = {"description": spec.help} if spec.help else {}
    if derived:
        notes["readOnly"] = True
    if spec.ref is not None:
        notes["x-midonet-reference"] = spec.ref.kind
    if spec.format is not None:
        notes["x-midonet-format"] = spec.format.name
    return {"allOf": [schema], **notes} if "$ref" in schema and notes else {**schema, **notes}
