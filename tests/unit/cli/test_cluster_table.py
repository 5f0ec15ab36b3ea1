"""The table of nodes."""

from typing import Any

from midonet.cli.commands.cluster import _nodes


def test_a_wrong_clock_is_a_trouble_of_a_node() -> None:
    node: dict[str, Any] = {"node": "n1", "alive": True, "position": 2, "lag_events": 0, "reasons": []}
    assert "clock" not in _nodes([node])
    assert "clock: commit 2 is ahead" in _nodes([{**node, "clock_error": "commit 2 is ahead"}])
    assert "and 1 more" in _nodes([{**node, "reasons": ["log: away"], "clock_error": "commit 2 is ahead"}])
