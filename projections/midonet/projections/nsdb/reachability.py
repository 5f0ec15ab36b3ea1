"""A directed graph, updated edge by edge, with the nodes that are reachable from a node or reach it.

An edge exists as long as at least one object causes it. Nodes are names without meaning here. Pure.
"""

from collections.abc import Iterable, Mapping

Edge = tuple[str, str]


class Graph:
    """Edges with the number of objects that cause each of them."""

    def __init__(self) -> None:
        self._causes: dict[Edge, int] = {}
        self._successors: dict[str, set[str]] = {}
        self._predecessors: dict[str, set[str]] = {}

    def successors(self, node: str) -> Iterable[str]:
        """Return the successors of a node."""
        return self._successors.get(node, ())

    def replace(self, old: Iterable[Edge], new: Iterable[Edge]) -> set[str]:
        """Replace the edges `old` of an object by `new`; return the nodes with changed successors.

        An edge in both is incremented before it is decremented, so it is not removed meanwhile.
        """
        came = {edge[0] for edge in new if self._add(edge)}
        went = {edge[0] for edge in old if self._remove(edge)}
        return came | went

    def _add(self, edge: Edge) -> bool:
        causes = self._causes.get(edge, 0)
        self._causes[edge] = causes + 1
        if causes:
            return False
        source, target = edge
        self._successors.setdefault(source, set()).add(target)
        self._predecessors.setdefault(target, set()).add(source)
        return True

    def _remove(self, edge: Edge) -> bool:
        self._causes[edge] -= 1
        if self._causes[edge]:
            return False
        del self._causes[edge]
        source, target = edge
        _drop(self._successors, source, target)
        _drop(self._predecessors, target, source)
        return True

    def reached_from(self, node: str) -> set[str]:
        """Return every node that is reachable from a node, including the node itself."""
        return _spread((node,), self._successors)

    def reaching(self, nodes: Iterable[str]) -> set[str]:
        """Return every node from which one of `nodes` is reachable, including these."""
        return _spread(nodes, self._predecessors)


def _drop(index: dict[str, set[str]], node: str, neighbour: str) -> None:
    index[node].remove(neighbour)
    if not index[node]:
        del index[node]


def _spread(start: Iterable[str], neighbours: Mapping[str, set[str]]) -> set[str]:
    seen = set(start)
    edge = seen
    while edge:
        edge = set().union(*(neighbours.get(node, ()) for node in edge)) - seen
        seen |= edge
    return seen
