"""The OpenAPI 3.1 document, generated from the operations. Pure."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from midonet.events.reason_codes import REASONS
from midonet.services.api.framework.operation import Operation, Reply
from midonet.services.api.framework.parameters import Parameter
from midonet.services.api.framework.problem_details import CONTENT_TYPE, SCHEMA
from midonet.services.api.framework.schemas import components, ref, schema_of

_ABOUT = """Every change is a command, and every command is one commit on the log. Every past state can be read.

Reads are linearizable on every node, except with `stale=true`. `at` takes a position, a time or a tag. Writes take
`dry_run`, an `Idempotency-Key`, preconditions on the head (`If-Head`) or on an object (`If-Match`), and `wait` for
projections that must show the change."""
_HEADERS = {
    "ETag": "Position of the answer, or hash of a commit.",
    "Link": "Next page (rel=next), if there is one.",
    "Location": "Path of the new object.",
}
_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of `/v1/login` or `/v1/users/{name}/tokens`, or one of OpenID Connect.",
    },
    "certificate": {"type": "mutualTLS", "description": "A client certificate with the name of a user."},
    "password": {"type": "http", "scheme": "basic", "description": "Name and password, for signing in only."},
}
_PROVEN: list[dict[str, list[str]]] = [{"token": []}, {"certificate": []}]
_SECURITY: Mapping[str, list[dict[str, list[str]]]] = {"open": [], "password": [{"password": []}]}
_BODY_ERRORS = (413, 415)


def document(operations: Iterable[Operation], version: str, *, authenticated: bool = True) -> dict[str, Any]:
    """Return the document of a node whose callers must be `authenticated`, or need not."""
    shared = _Shared()
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, shared)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MidoNet",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": _PROVEN if authenticated else [{}, *_PROVEN],
        "paths": paths,
        "components": {"securitySchemes": _SCHEMES, **shared.components},
        "x-midonet-reasons": dict(REASONS),
    }


class _Shared:
    """Shared components of the operations."""

    def __init__(self) -> None:
        schemas = {**components(), "Problem": dict(SCHEMA)}
        self.components: dict[str, dict[str, Any]] = {"schemas": schemas, "parameters": {}, "responses": {}}

    def parameter(self, one: Parameter) -> dict[str, Any]:
        """Return a reference to a parameter."""
        made, same = _parameter(one), 1
        name = one.name
        while self.components["parameters"].setdefault(name, made) != made:  # another parameter of the same name
            same += 1
            name = f"{one.name}-{same}"
        return {"$ref": f"#/components/parameters/{name}"}

    def content(self, described: Mapping[str, Any]) -> dict[str, Any]:
        """Return the content of an answer by content type."""
        found = {}
        for content_type, one in described.items():
            schema, parts = schema_of(one)
            self.components["schemas"].update(parts)
            found[content_type] = {"schema": schema}
        return found

    def problem(self, status: int) -> dict[str, Any]:
        """Return a reference to the answer for an error status."""
        self.components["responses"].setdefault(f"Problem{status}", _problem(status))
        return {"$ref": f"#/components/responses/Problem{status}"}


def _operation(operation: Operation, shared: _Shared) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.help,
        "parameters": [shared.parameter(one) for one in operation.parameters],
        "responses": {
            **{str(status): _reply(reply, shared) for status, reply in operation.replies.items()},
            **{str(status): shared.problem(status) for status in sorted(_errors(operation))},
        },
    }
    if operation.access in _SECURITY:
        found["security"] = _SECURITY[operation.access]
    if operation.body is not None:
        found["requestBody"] = {
            "description": operation.body.help,
            "required": operation.body.required,
            "content": {kind: {"schema": schema} for kind, schema in operation.body.content.items()},
        }
    return found


def _errors(operation: Operation) -> set[int]:
    return {*operation.errors, *(_BODY_ERRORS if operation.body is not None else ())}


def _parameter(one: Parameter) -> dict[str, Any]:
    schema: Mapping[str, Any] = {"type": "array", "items": one.schema} if one.many else one.schema
    if one.default not in (None, ()):
        schema = {**schema, "default": one.default}
    return {
        "name": one.name,
        "in": one.location,
        "description": one.help,
        "required": one.required,
        "schema": schema,
        **({"style": "form", "explode": True} if one.many else {}),
    }


def _reply(reply: Reply, shared: _Shared) -> dict[str, Any]:
    found: dict[str, Any] = {"description": reply.help}
    if reply.content:
        found["content"] = shared.content(reply.content)
    if reply.headers:
        text = {"type": "string"}
        found["headers"] = {name: {"description": _HEADERS[name], "schema": text} for name in reply.headers}
    return found


def _problem(status: int) -> dict[str, Any]:
    return {"description": HTTPStatus(status).phrase, "content": {CONTENT_TYPE: {"schema": ref("Problem")}}}
