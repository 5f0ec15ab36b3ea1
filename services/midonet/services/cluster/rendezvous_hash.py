"""How items are spread over nodes: evenly, and so that every node comes to the same result on its own. Pure.

Nodes are ranked for each item by a hash of both (rendezvous hashing, Thaler and Ravishankar 1998), so that an item
moves only if its node goes, or if a node that came takes its share.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from hashlib import blake2b


def assign(items: Collection[str], nodes: Collection[str]) -> Mapping[str, str]:
    """Return the node of every item; no two nodes differ by more than one item. Empty if there are no nodes."""
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
    """Return the node that ranks highest among those with room."""
    return max((node for node in nodes if loads[node] < limit), key=lambda node: _rank(item, node), default=None)


def _rank(item: str, node: str) -> bytes:
    return blake2b(f"{item}\0{node}".encode(), digest_size=8).digest()
