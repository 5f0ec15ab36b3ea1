"""`/`, `/v1`, `/v1/status`, `/v1/projections` and `/v1/wait`: collections, state of the daemon, projections."""

import asyncio
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from midonet.events.errors import NotFound
from midonet.events.model import KINDS
from midonet.services.api.framework.operation import JSON, Answer, Operation, Reply, json_answer
from midonet.services.api.framework.parameters import POSITION, READ, WAIT, Parameter, path
from midonet.services.api.framework.request import Call
from midonet.services.api.node import Node
from midonet.services.api.routes.answers import Entrance, LogEnd, ProjectionRow, ServiceDocument, Waited
from midonet.services.api.routes.write import await_views, positions
from midonet.services.telemetry.status_document import StatusDocument

_FOR = Parameter(name="for", help=WAIT.help, schema=WAIT.schema, parse=WAIT.parse, many=True, default=(), required=True)


def operations() -> Iterator[Operation]:
    """Yield the operations on the node."""
    yield _page(
        "service-document",
        "/",
        "Show what this server is, and where its parts are.",
        _root,
        ServiceDocument,
        access="open",
        errors=(),
    )
    yield _page(
        "entrance",
        "/v1",
        "List the collections with their numbers of objects.",
        _entrance,
        Entrance,
        parameters=READ,
        linearizable=True,
    )
    yield _page(
        "status",
        "/v1/status",
        "Show the state of this node's daemon: log, services, projections.",
        _status,
        StatusDocument,
        access="all",
    )
    yield _page(
        "list-projections",
        "/v1/projections",
        "List the positions of projections: each target of this node, and the reports of the other nodes.",
        _projections,
        list[ProjectionRow],
        access="all",
    )
    name = (path("name", "Name of the projection."),)
    yield _page(
        "get-projection",
        "/v1/projections/{name}",
        "Show one projection.",
        _projection,
        list[ProjectionRow],
        parameters=name,
        access="all",
    )
    yield _page(
        "wait",
        "/v1/wait",
        "Wait until projections of the cluster reach a position (default: the end of the log).",
        _wait,
        Waited,
        parameters=(_FOR, POSITION),
        linearizable=True,
        errors=(400, 401, 403, 503, 504),
    )


def _page(name: str, place: str, text: str, handler: Any, answer: Any, **more: Any) -> Operation:
    return Operation(
        id=name,
        tag="node",
        method="GET",
        path=place,
        help=text,
        handler=handler,
        parameters=more.get("parameters", ()),
        replies={200: Reply("Found.", {JSON: answer})},
        errors=more.get("errors", (400, 401, 403, 404, 503)),
        access=more.get("access", "any"),
        linearizable=more.get("linearizable", False),
    )


_LINKS = {
    "collections": "/v1",
    "openapi": "/openapi.json",
    "status": "/v1/status",
    "watch": "/v1/watch",
    "health": "/healthz",
    "readiness": "/readyz",
    "metrics": "/metrics",
}


def _root(_: Node, __: Call) -> Answer:
    return json_answer(ServiceDocument("MidoNet", version("midonet"), _LINKS))


def _entrance(node: Node, call: Call) -> Answer:
    with node.reading(call) as topology:
        head = topology.head
        counts = {kind: len(topology.all(kind)) for kind in KINDS if topology.all(kind)}
    places = {kind.name: f"/v1/{kind.plural}" for kind in KINDS.values()}
    log = node.status()["log"] if call.caller.restricted_to is None else None
    return json_answer(Entrance(log=log, head=LogEnd.of(head), objects=counts, collections=places))


def _status(node: Node, _: Call) -> Answer:
    return json_answer(node.status())


def _projections(node: Node, _: Call) -> Answer:
    return json_answer(node.projections())


def _projection(node: Node, call: Call) -> Answer:
    name: str = call.path("name")
    rows = node.projections(name)
    if not rows:
        raise NotFound(f"there is no projection {name!r} in the cluster", projection=name)
    return json_answer(rows)


async def _wait(node: Node, call: Call) -> Answer:
    waiting: list[tuple[str, float]] = list(call.get(_FOR))
    for name, _ in waiting:
        await asyncio.to_thread(positions, node, name)
    position = call.get(POSITION)
    wanted = node.feed.head.position if position is None else position
    return json_answer(Waited(wanted, await await_views(node, wanted, waiting)))
