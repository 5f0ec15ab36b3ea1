"""`/v1/denials`: the newest requests that this node denied."""

from collections.abc import Iterator

from midonet.services.api.auth.denial_log import Denial
from midonet.services.api.framework.operation import Answer, Operation, json_answer
from midonet.services.api.framework.parameters import LIMIT
from midonet.services.api.framework.request import Call
from midonet.services.api.node import Node
from midonet.services.api.routes.users import operation


def operations() -> Iterator[Operation]:
    """Yield the operation on denied requests."""
    yield operation(
        "list-denials",
        "GET /v1/denials",
        "List the requests that this node denied, the newest first.",
        _denials,
        access="admin",
        parameters=(LIMIT,),
        answer=list[Denial],
    )


def _denials(node: Node, call: Call) -> Answer:
    return json_answer(node.denials.newest(call.get(LIMIT)))
