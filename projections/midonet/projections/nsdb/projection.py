"""The view that agents read: every object in a document, and for each host an index of the documents that it needs.

Keys are paths below the generation (contract §3): `models/<kind>/<document>` and `hosts/<host-id>`. Most changes
rewrite one document. Only a change that adds or removes a document or an edge (see `edges`) recomputes indexes, and
only those of the affected hosts. Pure.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

import msgspec

from midonet.events.commit import canonical
from midonet.events.model import Entity
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.projections.nsdb.host_dependencies import EDGE_KINDS, HELD_BY, agent_node, edges, pack_of
from midonet.projections.nsdb.index_parts import MAX_BYTES, count, parts, share, split
from midonet.projections.nsdb.reachability import Graph
from midonet.projections.nsdb.sharding import LIMIT, Packing, Touched

_OBJECTS = b'{"objects":{%b}}'
_encoder = msgspec.json.Encoder()

_LONGEST = 128
"""Upper bound for the bytes of a document's path below the generation, with its punctuation in an index."""


class NsdbProjection:
    """Desired documents of one generation of the view at the path `base`; a function is called whenever it is needed.

    No document has more than `limit` objects, no index node lists paths of more than `index_bytes`.
    """

    name = "nsdb"

    def __init__(self, base: str | Callable[[], str], limit: int = LIMIT, index_bytes: int = MAX_BYTES) -> None:
        self._base = base if callable(base) else lambda: base
        self._limit = limit
        self._index_bytes = index_bytes
        self._parts = 0
        self.attach(Topology())

    def attach(self, topology: Topology) -> None:
        """Start again from a whole topology."""
        self._topology = topology
        self._packing = Packing(self._limit)
        self._graph = Graph()
        self._needed: dict[str, list[str]] = {}
        self.apply([Change(entity.KIND, entity.id, None, entity) for entity in topology])

    def apply(self, changes: Sequence[Change]) -> set[str]:
        """Record the changes of one commit, which the topology has already; return the keys that they may affect."""
        touched: set[str] = set()
        nodes: set[str] = set()
        for change in changes:
            if change.kind in EDGE_KINDS:
                nodes |= self._graph.replace(edges(change.old), edges(change.new))
            for name, (documents, reshaped) in self._repack(change.old, change.new):
                touched.update(documents)
                if reshaped:
                    nodes.add(_holder(name))
        if nodes:
            self._needed.clear()
            self._parts = max(self._parts, self._parts_at_most())
            touched.update(
                key for node in self._graph.reaching(nodes) if node.startswith("hosts/") for key in self._nodes(node)
            )
        return touched

    def _parts_at_most(self) -> int:
        """Return the number of parts of an index that lists all documents."""
        return count(len(self._packing) * (len(self._base()) + _LONGEST), self._index_bytes)

    def _nodes(self, index: str) -> Iterator[str]:
        """Yield the keys that an index may need, or may have needed before."""
        yield index
        yield from parts(index, self._parts)

    def _repack(self, old: Entity | None, new: Entity | None) -> Iterator[tuple[str, Touched]]:
        """Move an object to its present pack; yield each pack that changed, with the change."""
        before, after = old and pack_of(old), new and pack_of(new)
        if new and after and before == after:
            yield after, Touched((self._packing.document(after, new.id),), reshaped=False)
            return
        if old and before:
            yield before, self._packing.remove(before, old.id)
        if new and after:
            yield after, self._packing.add(after, new.id)

    def keys(self) -> Iterator[str]:
        """Yield every document and every host's index."""
        yield from self._packing
        for host in self._topology.all("host"):
            yield from self._nodes(agent_node(host))

    def render(self, key: str) -> bytes | None:
        """Return the bytes of a node, or None if it should not exist."""
        return self._index(key) if key.startswith("hosts/") else self._document(key)

    def origin(self, key: str) -> int | None:
        """Return the commit that last changed an object of a document; None if it has no objects."""
        found = (self._topology.find(object_id) for object_id in self._packing.objects(key))
        return max((entity.position for entity in found if entity), default=None)

    def _document(self, name: str) -> bytes | None:
        ids = self._packing.objects(name)
        found = (self._topology.find(object_id) for object_id in sorted(ids))
        return _OBJECTS % b",".join(_member(entity) for entity in found if entity) if ids else None

    def _index(self, key: str) -> bytes | None:
        name, _ = split(key)
        if self._topology.get("host", _holder(name)) is None:
            return None
        base = self._base()
        answers = {
            id(needs): needs for needs in map(self._needed_documents, self._graph.successors(name))
        }  # most are shared
        documents = list(dict.fromkeys(sorted(chain.from_iterable(answers.values()))))  # merges a few sorted runs
        named = share(key, base, [f"{base}/{document}" for document in documents], self._index_bytes)
        return canonical({"documents": named, "position": self._topology.head.position}) if named is not None else None

    def _needed_documents(self, node: str) -> list[str]:
        """Return the names of all documents that a node needs; nodes that need each other share the result."""
        if node not in self._needed:
            reached = self._graph.reached_from(node)
            needed = sorted(document for other in reached for document in self._held_by(other))
            alike = reached & self._graph.reaching((node,)) if len(reached) > 1 else reached
            self._needed.update(dict.fromkeys(alike, needed))
        return self._needed[node]

    def _held_by(self, node: str) -> Iterator[str]:
        entity = self._topology.find(node)
        for kind in HELD_BY[entity.KIND] if entity else ():
            yield from self._packing.documents(f"models/{kind}/{node}")


def _member(entity: Entity) -> bytes:
    """Return the object in the format of documents, as `plain` does; sorting its fields would take twice as long."""
    return b'"%b":{"kind":"%b",%b' % (entity.id.encode(), entity.KIND.encode(), _encoder.encode(entity)[1:])


def _holder(path: str) -> str:
    """Return the object after which a pack or an index is named."""
    return path.rpartition("/")[2]
