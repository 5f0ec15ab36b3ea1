"""A directed graph that is kept edge by edge, and says what is reached from a node and what reaches it.

An edge is there as long as at least one object causes it. Nodes are names; what they mean is the caller's
business. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

__all__ = ["Edge", "Graph"]

Edge = tuple[str, str]


class Graph:
    """Edges with the number of objects that cause each of them."""

    def __init__(self) -> None:
        self._causes: dict[Edge, int] = {}
        self._successors: dict[str, set[str]] = {}
        self._predecessors: dict[str, set[str]] = {}

    def successors(self, node: str) -> Iterable[str]:
        """Return the nodes one edge away."""
        return self._successors.get(node, ())

    def replace(self, old: Iterable[Edge], new: Iterable[Edge]) -> set[str]:
        """Let an object cause the edges `new` instead of `old`; return the nodes whose successors changed."""
        change = Counter(new)
        change.subtract(old)
        return {edge[0] for edge, count in change.items() if count and self._count(edge, count)}

    def _count(self, edge: Edge, change: int) -> bool:
        """Return whether the edge came or went."""
        before = self._causes.pop(edge, 0)
        after = before + change
        if after:
            self._causes[edge] = after
        if not before:
            self._connect(*edge)
        elif not after:
            self._disconnect(*edge)
        return not (before and after)

    def _connect(self, source: str, target: str) -> None:
        self._successors.setdefault(source, set()).add(target)
        self._predecessors.setdefault(target, set()).add(source)

    def _disconnect(self, source: str, target: str) -> None:
        for index, node, neighbour in ((self._successors, source, target), (self._predecessors, target, source)):
            index[node].remove(neighbour)
            if not index[node]:
                del index[node]

    def reached_from(self, node: str) -> set[str]:
        """Return every node that a path leads to, the first one included."""
        return _spread((node,), self._successors)

    def reaching(self, nodes: Iterable[str]) -> set[str]:
        """Return every node from which a path leads to one of `nodes`, these included."""
        return _spread(nodes, self._predecessors)


def _spread(start: Iterable[str], neighbours: Mapping[str, set[str]]) -> set[str]:
    seen = set(start)
    edge = seen
    while edge:
        edge = set().union(*(neighbours.get(node, ()) for node in edge)) - seen
        seen |= edge
    return seen
