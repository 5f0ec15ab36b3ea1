"""`/v1/tags`: named positions of the log."""

from collections.abc import Iterator

import msgspec

from midonet.events.commands.command import DropTag, SetTag
from midonet.events.commit import Head
from midonet.events.queries.moment import END
from midonet.events.system.tag import Tag, check_name
from midonet.services.api.framework.operation import Answer, Operation
from midonet.services.api.framework.parameters import AT, READ, WRITE, flag, path
from midonet.services.api.framework.request import Call
from midonet.services.api.node import Node
from midonet.services.api.routes.log_reads import position_of, read_operation
from midonet.services.api.routes.objects import conditional
from midonet.services.api.routes.write import DONE, REFUSALS, write

_NAME = path("name", "Name of the tag.")
_MOVE = flag("move", "Move a tag that names another position.")


def operations() -> Iterator[Operation]:
    """Yield the operations on tags."""
    yield read_operation("list-tags", "/v1/tags", "List the tags.", _tags, list[Tag], parameters=READ)
    yield Operation(
        id="set-tag",
        tag="history",
        method="PUT",
        path="/v1/tags/{name}",
        help="Set a tag at a position (`at`; default: the end of the log).",
        handler=_set_tag,
        parameters=(_NAME, AT, _MOVE, *WRITE),
        replies={200: DONE},
        errors=REFUSALS,
    )
    yield Operation(
        id="delete-tag",
        tag="history",
        method="DELETE",
        path="/v1/tags/{name}",
        help="Delete a tag; commits do not change.",
        handler=_drop_tag,
        parameters=(_NAME, *WRITE),
        replies={200: DONE},
        errors=REFUSALS,
    )


def _tags(node: Node, call: Call) -> Answer:
    with node.reading(call) as topology:
        found, position = list(topology.tags.values()), topology.head.position
    found.sort(key=lambda tag: (tag.position, tag.name))
    return conditional(call, f'"{position}"', lambda: msgspec.json.encode(found))


async def _set_tag(node: Node, call: Call) -> Answer:
    name = check_name(call.path("name"))
    at = await node.in_thread(_named_head, node, call.get(AT))
    return await write(node, call, "tag.set", [SetTag(name, at.position, at.hash, at.time, move=call.get(_MOVE))])


def _named_head(node: Node, text: str | None) -> Head:
    moment = node.moment(text)
    with node.logs.acquire() as log:
        return log.head() if moment == END else log.head_at(position_of(node, log, text))


async def _drop_tag(node: Node, call: Call) -> Answer:
    return await write(node, call, "tag.delete", [DropTag(call.path("name"))])
