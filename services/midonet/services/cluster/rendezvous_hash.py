"""Assigns items to nodes evenly and deterministically, so that all nodes compute the same assignment. Pure.

Nodes are ranked for each item by a hash of both (rendezvous hashing, Thaler and Ravishankar 1998). An item moves only
if its node leaves, or to give a new node its share.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from hashlib import blake2b


def assign(items: Collection[str], nodes: Collection[str]) -> Mapping[str, str]:
    """Return the node of every item; the loads of two nodes differ by at most one. Empty if there are no nodes."""
    if not nodes:
        return {}
    floor = len(items) // len(nodes)
    found: dict[str, str] = {}
    loads: Counter[str] = Counter()
    for limit in (floor, floor + 1):
        for item in sorted(items, key=lambda each: _rank(each, "")):
            if item not in found and (node := _best(item, nodes, loads, limit)) is not None:
                found[item] = node
                loads[node] += 1
    return found


def _best(item: str, nodes: Collection[str], loads: Mapping[str, int], limit: int) -> str | None:
    """Return the highest-ranked node whose load is below the limit."""
    return max((node for node in nodes if loads[node] < limit), key=lambda node: _rank(item, node), default=None)


def _rank(item: str, node: str) -> bytes:
    return blake2b(f"{item}\0{node}".encode(), digest_size=8).digest()
