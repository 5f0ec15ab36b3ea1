"""A request as operations read it: parsed parameters, checked body."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import HTTPConnection, Request

from midonet.events.errors import UsageError
from midonet.services.api.auth.caller import Caller
from midonet.services.api.framework.body import (
    SMALL_BODY,
    BodyMemory,
    content_type_of,
    decode,
    expected_size,
    limit_of,
    read_body,
)
from midonet.services.api.framework.operation import Operation
from midonet.services.api.framework.parameters import Parameter

T = TypeVar("T")


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
        return decode(self.body, kind)

    async def json_off_loop(self, kind: type[T]) -> T:
        """As `json`; a large body is decoded in a thread, so that other requests need not wait."""
        if len(self.body) <= SMALL_BODY:
            return self.json(kind)
        return await asyncio.to_thread(self.json, kind)


@asynccontextmanager
async def reading_call(
    operation: Operation, request: Request, path: Mapping[str, str], caller: Caller, memory: BodyMemory
) -> AsyncIterator[Call]:
    """Read a request, and hold the memory of its body; raises `UsageError`, `InvalidValue`, `TooLarge`, `Unavailable`.

    What the head of the request states is checked before the body is read.
    """
    call = bare_call(operation, request, path, caller)
    limit = limit_of(caller)
    async with memory.reserved(caller.actor, expected_size(operation, request, limit)):
        call.body, call.content_type = await read_body(operation, request, limit), content_type_of(request)
        yield call


def bare_call(operation: Operation, request: HTTPConnection, path: Mapping[str, str], caller: Caller) -> Call:
    """Read a request without its body; raises `UsageError`."""
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
