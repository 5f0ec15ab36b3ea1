"""Position of a projection in the cluster, from the rows of this node and the reports of others."""

from typing import Any

import pytest

from midonet.services.api.reads.projection_progress import reached

HERE: dict[str, Any] = {"target": "zk", "role": "writing", "position": 7}


def other(position: int, *, writing: int, node: str = "n2") -> dict[str, Any]:
    return {"name": "nsdb", "node": node, "writing": writing, "position": position}


@pytest.mark.parametrize(
    ("own", "others", "found"),
    [
        ([], [], {}),
        ([HERE], [], {"zk": 7}),
        ([HERE], [other(3, writing=0)], {"zk": 7}),
        ([{**HERE, "role": "standby"}], [other(5, writing=1)], {"zk": 7}),
        ([HERE], [other(5, writing=1)], {"zk": 7, "node n2": 5}),
        ([], [other(5, writing=1), other(3, writing=0, node="n3")], {"node n2": 5}),
        ([], [other(5, writing=0), other(3, writing=0, node="n3")], {"node n2": 5, "node n3": 3}),
    ],
    ids=[
        "no rows",
        "one node",
        "others on standby",
        "this node on standby",
        "target on another node",
        "only on another node",
        "no writer",
    ],
)
def test_every_target_counts_once(own: list[Any], others: list[Any], found: dict[str, int]) -> None:
    assert reached(own, others) == found
