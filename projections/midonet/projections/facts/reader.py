"""Reads facts once. Never writes."""

from collections.abc import Iterable
from typing import TypeVar

from midonet.projections.facts.kinds import Fact, decode, node_of
from midonet.projections.zookeeper.children import read_below
from midonet.projections.zookeeper.reader import Reader

F = TypeVar("F", bound=Fact)

_CONNECT_SECONDS = 5.0


class FactsReader(Reader):
    """The facts below `root`, on the servers `hosts`; for use in a `with` statement.

    Every method raises `Unavailable` if the servers cannot be reached.
    """

    def all(self, fact: type[F]) -> dict[str, F]:
        """Return the facts of a kind by object id."""
        self._client.connect(_CONNECT_SECONDS)
        found = read_below(self._client, node_of(self._root, fact))
        return {object_id: decode(fact, data) for object_id, data in found.items()}

    def get_many(self, fact: type[F], ids: Iterable[str]) -> dict[str, F]:
        """Return the facts of a kind about these objects; objects without a report are omitted."""
        paths = {node_of(self._root, fact, object_id): object_id for object_id in ids}
        self._client.connect(_CONNECT_SECONDS)
        with self._client.failures():
            found = self._client.read_many(list(paths))
        return {paths[path]: decode(fact, data) for path, data in found.items()}
