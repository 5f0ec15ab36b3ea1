"""A request as operations read it: parsed parameters, checked body."""

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import HTTPConnection, Request

from midonet.events.errors import InvalidValue, TooLarge, UsageError
from midonet.services.api.auth.caller import Caller
from midonet.services.api.framework.operation import Operation
from midonet.services.api.framework.parameters import Parameter

T = TypeVar("T")

MAX_BODY = 64 * 1024 * 1024


class Call:
    """One request."""

    def __init__(self, operation: Operation, values: Mapping[str, Any], caller: Caller) -> None:
        self.operation = operation
        self.caller = caller
        self.body = b""
        self.content_type = ""
        self.query = ""
        self.accept = ""
        self.request: HTTPConnection
        self._values = values

    def get(self, parameter: Parameter) -> Any:
        """Return the value of a parameter, or its default."""
        return self._values.get(parameter.name, parameter.default)

    def path(self, name: str) -> Any:
        """Return a path parameter."""
        return self._values[name]

    def json(self, kind: type[T]) -> T:
        """Return the body as a value of a type; `UsageError` if it is not JSON, else `InvalidValue`."""
        return _decode(self.body, kind)


async def read_call(operation: Operation, request: Request, path: Mapping[str, str], caller: Caller) -> Call:
    """Read a request; raises `UsageError`, `InvalidValue` or `TooLarge`."""
    call = bare_call(operation, request, path, caller)
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await _read_body(operation, request)
    if operation.body is not None and body and content_type not in operation.body.content:
        allowed = ", ".join(operation.body.content)
        raise UsageError(f"content type {content_type or '(none)'} is not supported; send {allowed}", allowed=allowed)
    call.body, call.content_type = body, content_type
    return call


def bare_call(operation: Operation, request: HTTPConnection, path: Mapping[str, str], caller: Caller) -> Call:
    """Read a request without its body; raises as `read_call`."""
    values = {**_in_query(operation, request), **_in_headers(operation, request), **_in_path(operation, path)}
    call = Call(operation, values, caller)
    call.request = request
    call.query, call.accept = request.url.query, request.headers.get("accept", "")
    return call


def _in_query(operation: Operation, request: HTTPConnection) -> dict[str, Any]:
    declared = {one.name: one for one in operation.parameters if one.location == "query"}
    given: dict[str, list[str]] = {}
    try:
        pairs = parse_qsl(request.scope["query_string"].decode(), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise UsageError("the query is not UTF-8 text") from None
    for name, text in pairs:
        if name not in declared:
            known = f"there are {', '.join(declared)}" if declared else "there are none"
            raise UsageError(f"there is no parameter {name!r}; {known}", parameter=name)
        given.setdefault(name, []).append(text)
    return {name: one.read(given.get(name, [])) for name, one in declared.items()}


def _in_headers(operation: Operation, request: HTTPConnection) -> dict[str, Any]:
    declared = {one.name.lower(): one for one in operation.parameters if one.location == "header"}
    given: dict[str, list[str]] = {}
    for name, raw in request.headers.raw:
        key = name.decode("latin-1").lower()
        if key in declared:
            given.setdefault(key, []).append(_text(declared[key].name, raw))
    return {one.name: one.read(given.get(name, [])) for name, one in declared.items()}


def _text(name: str, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise UsageError(f"{name}: it is not UTF-8 text", parameter=name) from None


def _in_path(operation: Operation, path: Mapping[str, str]) -> dict[str, Any]:
    declared = {one.name: one for one in operation.parameters if one.location == "path"}
    for name, text in path.items():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise UsageError(f"{name}: it is not UTF-8 text", parameter=name) from None
    return {name: declared[name].read([text]) for name, text in path.items()}


async def _read_body(operation: Operation, request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        if chunk and operation.body is None:  # before more is read: some operations need no authentication
            raise UsageError(f"{operation.method} {operation.path} takes no body")
        size += len(chunk)
        if size > MAX_BODY:
            raise TooLarge(f"the body is larger than {MAX_BODY // 2**20} MiB; split it", limit=MAX_BODY)
        chunks.append(chunk)
    body = b"".join(chunks)
    if operation.body is not None and operation.body.required and not body:
        raise UsageError("a body is required")
    return body


def _decode(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        text = str(error).replace("`", "")
        raise InvalidValue(f"the body: {text[:1].lower()}{text[1:]}", reason="bad-document") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the body is not JSON: {error}") from None
