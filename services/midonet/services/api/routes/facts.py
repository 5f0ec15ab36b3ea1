"""`/v1/facts/FOLDER`: what hosts and switches report now, as in `<root>/state/FOLDER` in ZooKeeper (docs/facts.md)."""

from collections.abc import Iterator, Mapping

from midonet.events.errors import NotFound, Unavailable
from midonet.events.suggestions import suggest
from midonet.projections.facts import FACTS, Fact, LastSeen, LearnedRoutes, UnderlayHealth, decode, node_of
from midonet.projections.facts.vtep_state import VtepState
from midonet.projections.zookeeper.children import read_below
from midonet.services.api.framework.operation import JSON, Answer, Operation, Reply, json_answer
from midonet.services.api.framework.parameters import path
from midonet.services.api.framework.request import Call
from midonet.services.api.framework.schemas import ref
from midonet.services.api.node import Node

_KINDS: tuple[type[Fact], ...] = (*FACTS.values(), LastSeen, LearnedRoutes, UnderlayHealth, VtepState)
_FOLDERS: Mapping[str, type[Fact]] = {fact.FOLDER: fact for fact in _KINDS}


def operations() -> Iterator[Operation]:
    """Yield the operation on facts."""
    yield Operation(
        id="list-facts",
        tag="node",
        method="GET",
        path="/v1/facts/{folder}",
        help="List what hosts and switches report about objects now, by the ids of the objects.",
        handler=_facts,
        parameters=(path("folder", f"One of {', '.join(sorted(_FOLDERS))}."),),
        replies={200: Reply("Found.", {JSON: ref("Facts")})},
        errors=(400, 401, 403, 404, 503),
        access="all",
    )


def _facts(node: Node, call: Call) -> Answer:
    name: str = call.path("folder")
    if name not in _FOLDERS:
        hint = suggest(name, _FOLDERS) or f"; there are {', '.join(sorted(_FOLDERS))}"
        raise NotFound(f"there are no facts {name!r}{hint}", facts=name)
    fact, coordination = _FOLDERS[name], node.coordination
    if coordination.session is None:  # no request waits for one
        raise Unavailable("this node has no session with ZooKeeper, where the facts are")
    found = read_below(coordination.client, node_of(coordination.root, fact))
    return json_answer({one: decode(fact, data) for one, data in found.items()})
