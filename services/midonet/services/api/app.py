"""The ASGI application: finds the operation of a request, runs it outside the event loop, and sends the response.

Every error is answered with problem details. An unexpected exception is one log line and a 500. The daemon's own pages
are served as well.
"""

import asyncio
import gzip
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from itertools import chain
from typing import Any

from msgspec.structs import replace
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from midonet.events.commit import canonical
from midonet.events.errors import Denied, MidonetError, NotFound, Throttled, Unauthenticated, Unavailable, UsageError
from midonet.events.timestamps import utc_now
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.http_pages import Page
from midonet.services.api.auth.caller import Caller
from midonet.services.api.auth.cross_origin import cross_origin_reason
from midonet.services.api.auth.denial_log import Denial
from midonet.services.api.framework.body import BodyMemory
from midonet.services.api.framework.openapi import document
from midonet.services.api.framework.operation import Answer, Operation
from midonet.services.api.framework.parameters import AT, STALE
from midonet.services.api.framework.problem_details import CONTENT_TYPE, encode, status_of
from midonet.services.api.framework.request import Call, bare_call, reading_call
from midonet.services.api.framework.router import Router
from midonet.services.api.node import Node
from midonet.services.api.request_metrics import RequestMetrics
from midonet.services.api.routes import (
    any_object,
    commands,
    controls,
    denials,
    facts,
    log,
    node,
    objects,
    secrets,
    tags,
    trace,
    users,
    watch,
)
from midonet.services.api.server.uvicorn_connection import certificate_of

_LINEARIZABLE_SECONDS = 10.0
_OPEN = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
"""Pages without authentication: they name no objects, and addresses only to callers who prove who they are."""
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="midonet"'}
_POLICY_VIOLATION = 1008
_MIN_COMPRESSED_BYTES = 1_400
"""Smaller bodies fit into one packet, so compression gains nothing."""
_COMPRESSION_LEVEL = 4
_AWAY = HTTPStatus.SERVICE_UNAVAILABLE

OPERATIONS: tuple[Operation, ...] = tuple(
    chain(
        node.operations(),
        objects.operations(),
        commands.operations(),
        log.operations(),
        any_object.operations(),
        tags.operations(),
        trace.operations(),
        users.operations(),
        secrets.operations(),
        denials.operations(),
        controls.operations(),
        facts.operations(),
        watch.operations(),
    )
)


class Application:
    """Serves one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._router = Router(OPERATIONS)
        self._bodies = BodyMemory()
        self._metrics = RequestMetrics(node.metrics)
        self._pages: dict[str, Callable[[], Awaitable[Response]]]
        self._pages = {path: partial(_from_thread, page) for path, page in node.pages.items()}
        self._pages["/openapi.json"] = partial(
            _openapi, canonical(document(OPERATIONS, version("midonet"), authenticated=node.authentication.required))
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or one WebSocket."""
        if scope["type"] == "http":
            request = Request(scope, receive)
            try:
                with self._metrics.observing(scope) as observed:
                    response = observed.response = await self._respond(request)
            except ClientDisconnect:
                return
            await response(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(WebSocket(scope, receive, send))

    async def _respond(self, request: Request) -> Response:
        try:
            return await self._answer(request)
        except Denied as error:
            self._record_denial(request, error)
            return _problem(error)
        except MidonetError as error:
            return _problem(error)
        except ClientDisconnect:
            raise
        except Exception as error:
            logfmt.log(logging.ERROR, "request failed", method=request.method, path=request.url.path, error=repr(error))
            logging.getLogger("midonet").debug("traceback", exc_info=error)
            return _problem(MidonetError("internal error, please report it; the log of the daemon has the details"))

    async def _answer(self, request: Request) -> Response:
        path = request.scope.get("raw_path", b"").decode("latin-1").partition("?")[0] or request.url.path
        method = "GET" if request.method == "HEAD" else request.method
        if path in self._pages:
            page = self._pages[path]
            request.scope["midonet.route"] = path
            if path not in _OPEN:
                await self._authenticate(request, "all")
            elif path in self._node.detailed and _has_proof(request):
                await self._authenticate(request, "all")
                page = partial(_from_thread, self._node.detailed[path])
            return await page() if method == "GET" else _not_allowed({"GET": None}, request)
        found = self._router.find(path)
        if found is None:
            raise NotFound(
                f"there is no {path}; see /v1 for the collections and /openapi.json for all operations", path=path
            )
        request.scope["midonet.route"] = found.template
        if method not in found.operations:
            return _not_allowed(found.operations, request)
        operation = found.operations[method]
        caller = await self._authenticate(request, operation.access)
        if operation.writes:
            caller.require(lambda principal: principal.writes, "users who may change something")
        async with reading_call(operation, request, found.values, caller, self._bodies) as call:
            if operation.linearizable and not (call.get(STALE) or request.scope.get("midonet.fresh")):
                await self._wait_linearizable()
            answer = await self._run(operation, call)
        if isinstance(answer, Answer) and len(answer.body) >= _MIN_COMPRESSED_BYTES and _takes_gzip(request):
            answer = await self._node.in_thread(_compressed, answer)
        response = answer if isinstance(answer, Response) else _response(answer)
        if request.method == "HEAD" and isinstance(response, StreamingResponse):
            return Response(headers=dict(response.headers))
        return response

    async def _authenticate(self, request: HTTPConnection, access: str) -> Caller:
        """Return the caller of a request; `Unauthenticated` or `Denied` if the request is not permitted."""
        if access in ("open", "password"):
            return Caller("anonymous")
        authentication = self._node.authentication
        reason = cross_origin_reason(request.headers, authenticated=authentication.required, local=self._node.local)
        if reason is not None:
            raise Denied(reason, reason="another-origin")
        if not authentication.required:
            return authentication.caller(request)
        with suppress(Unavailable):  # without the log, roles cannot change either
            await self._wait_linearizable()
            request.scope["midonet.fresh"] = True  # no second check for the read itself
        caller = await asyncio.to_thread(authentication.caller, request)
        request.scope["midonet.actor"] = caller.actor
        if access == "admin":
            caller.require(lambda principal: principal.administers, "admins")
        elif access == "all":
            caller.require(lambda principal: principal.reads_all, "users who may read everything")
        return caller

    def _record_denial(self, request: HTTPConnection, error: Denied) -> None:
        denial = Denial(
            time=utc_now(),
            actor=request.scope.get("midonet.actor", "unknown"),
            address=request.client.host if request.client is not None else "unknown",
            method=request.scope.get("method", "WEBSOCKET"),
            path=request.url.path,
            code=error.code,
            reason=error.message,
        )
        self._node.denials.add(denial)

    async def _wait_linearizable(self) -> None:
        try:
            await asyncio.wait_for(asyncio.wrap_future(self._node.linearizable.wait()), _LINEARIZABLE_SECONDS)
        except TimeoutError:
            raise Unavailable("the log does not answer; `stale=true` reads what this node has read so far") from None

    async def _run(self, operation: Operation, call: Call) -> Answer | Response:
        if inspect.iscoroutinefunction(operation.handler):
            answer: Answer | Response = await operation.handler(self._node, call)
            return answer
        if operation.slow or call.get(AT) is not None:
            return await self._node.in_thread(operation.handler, self._node, call)
        return await asyncio.to_thread(operation.handler, self._node, call)

    # WebSockets

    async def _socket(self, socket: WebSocket) -> None:
        await socket.accept()
        both = [asyncio.ensure_future(self._send(socket)), asyncio.ensure_future(_receive_all(socket))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)  # errors of a closed connection

    async def _send(self, socket: WebSocket) -> None:
        try:
            found = self._router.find(socket.scope.get("raw_path", b"").decode("latin-1").partition("?")[0])
            operation = found.operations.get("GET") if found is not None else None
            if operation is None or operation.id != "watch":
                raise UsageError("WebSockets are for /v1/watch only")
            call = bare_call(operation, socket, {}, await self._authenticate(socket, operation.access))
            await self._wait_linearizable()
            async for text in watch.socket_messages(self._node, call):
                await socket.send_text(text)
            await socket.close()
        except MidonetError as error:
            if isinstance(error, Denied):
                self._record_denial(socket, error)
            await socket.send_text((b'{"type":"error","problem":%b}' % encode(error)).decode())
            await socket.close(_POLICY_VIOLATION)


async def _receive_all(socket: WebSocket) -> None:
    """Wait until the client disconnects; its messages are ignored."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _openapi(body: bytes) -> Response:
    return Response(body, media_type="application/json")


async def _from_thread(make: Callable[[], Page]) -> Response:
    page = await asyncio.to_thread(make)
    return Response(page.body, page.status, {"Cache-Control": "no-store"}, page.content_type)


def _has_proof(request: Request) -> bool:
    return "authorization" in request.headers or bool(certificate_of(request))


def _takes_gzip(request: Request) -> bool:
    """Return whether the client accepts gzip (RFC 9110), at any weight but 0."""
    offered = (part.partition(";") for part in request.headers.get("accept-encoding", "").lower().split(","))
    return any(name.strip() == "gzip" and weight.strip() not in ("q=0", "q=0.0") for name, _, weight in offered)


def _compressed(answer: Answer) -> Answer:
    headers = {**answer.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return replace(answer, body=gzip.compress(answer.body, _COMPRESSION_LEVEL), headers=headers)


def _response(answer: Answer) -> Response:
    headers = {"Cache-Control": "no-cache", **answer.headers}
    if answer.status is HTTPStatus.NOT_MODIFIED:
        return Response(status_code=answer.status, headers=headers)
    return Response(answer.body, answer.status, headers, answer.content_type)


def _problem(error: MidonetError) -> Response:
    status = status_of(error)
    headers = {"Cache-Control": "no-store", **({"Retry-After": "1"} if status == _AWAY else {})}
    if isinstance(error, Throttled):
        headers["Retry-After"] = str(error.details["seconds"])
    elif isinstance(error, Unauthenticated):
        headers |= _CHALLENGE
    return Response(encode(error, status), status, headers, CONTENT_TYPE)


def _not_allowed(operations: Mapping[str, Any], request: Request) -> Response:
    allowed = sorted({*operations, "OPTIONS", *(["HEAD"] if "GET" in operations else [])})
    headers = {"Allow": ", ".join(allowed)}
    if request.method == "OPTIONS":
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
    error = UsageError(f"{request.method} is not allowed here; allowed: {', '.join(allowed)}", allowed=allowed)
    return Response(encode(error, HTTPStatus.METHOD_NOT_ALLOWED), HTTPStatus.METHOD_NOT_ALLOWED, headers, CONTENT_TYPE)
