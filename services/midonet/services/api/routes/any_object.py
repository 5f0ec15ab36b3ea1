"""`/v1/objects`: objects of any kind, their history and blame."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from midonet.events.commit import Record
from midonet.events.errors import NotFound
from midonet.events.model import ordered, plain
from midonet.events.queries.log_filter import Written, blame, entry
from midonet.events.queries.names import names_of
from midonet.projections.history_index.reader import IndexReader
from midonet.services.api.framework.operation import JSON, Answer, Body, Operation, Reply, json_answer
from midonet.services.api.framework.parameters import AT, READ, path
from midonet.services.api.framework.request import Call
from midonet.services.api.framework.schemas import array, ref
from midonet.services.api.node import Node
from midonet.services.api.reads.history_index import key_of, query_index
from midonet.services.api.routes.answers import HistoryEntry
from midonet.services.api.routes.log_reads import index_of, read_operation, visible
from midonet.services.api.routes.objects import conditional

_REF = path("ref", "Id, name, KIND/…, PARENT/NAME or id prefix; of existing or deleted objects.")


def operations() -> Iterator[Operation]:
    """Yield the operations on objects of all kinds."""
    one = "/v1/objects/{ref}"
    parameters = (_REF, *READ)
    yield read_operation("get-object", one, "Get an object of any kind.", _object, ref("Object"), parameters=parameters)
    yield read_operation(
        "history",
        f"{one}/history",
        "Show the change history of an object.",
        _history,
        list[HistoryEntry],
        parameters=parameters,
    )
    yield read_operation(
        "blame",
        f"{one}/blame",
        "Show which commit last wrote each field.",
        _blame,
        list[Written],
        parameters=parameters,
    )
    yield Operation(
        id="look-up-objects",
        tag="history",
        method="POST",
        path="/v1/objects",
        help="Get objects of any kind by their ids; unknown ids are omitted.",
        handler=_look_up,
        parameters=READ,
        body=Body({JSON: {"type": "array", "items": {"type": "string"}, "maxItems": 100_000}}, "Ids."),
        replies={200: Reply("The objects.", {JSON: array(ref("Object"))})},
        errors=(400, 401, 404, 413, 422, 503),
        linearizable=True,
    )


def _object(node: Node, call: Call) -> Answer:
    wanted: str = call.path("ref")
    with node.reading(call) as topology:
        entity = topology.find(wanted.rpartition("/")[2].lower())
    if entity is None:
        raise NotFound(f"there is no object {wanted!r}; give an id, or a REF below the kind's collection", ref=wanted)
    return conditional(call, f'"{entity.position}"', lambda: msgspec.json.encode(ordered(plain(entity))))


def _look_up(node: Node, call: Call) -> Answer:
    ids = call.json(list[str])
    with node.reading(call) as topology:
        found = [entity for object_id in dict.fromkeys(ids) if (entity := topology.find(object_id)) is not None]
    return json_answer([ordered(plain(entity)) for entity in found])


def _history(node: Node, call: Call) -> Answer:
    def entries(records: Iterable[Record], key: str) -> list[Any]:
        return [entry(one.commit, event) for one in records for event in one.commit.events if event.key == key]

    return _from_history(node, call, entries)


def _blame(node: Node, call: Call) -> Answer:
    return _from_history(node, call, blame)


def _from_history(node: Node, call: Call, make: Callable[[Iterable[Record], str], Any]) -> Answer:
    """Return an answer made from the commits on an object."""
    moment, wanted = node.moment(call.get(AT)), call.path("ref")

    def looked_up(past: IndexReader) -> Any:
        key = key_of(past, moment, wanted)
        return make(map(past.record, past.touching(key, moment.position_in(past))), key)

    with node.logs.acquire() as log:
        return json_answer(
            query_index(
                index_of(node, call),
                log,
                looked_up,
                lambda: make(
                    visible(call, moment.upto(log.read())),
                    names_of(visible(call, moment.upto(log.read()))).find(wanted),
                ),
            )
        )
