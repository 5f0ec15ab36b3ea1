"""A host's part of one generation of the view, and the rule for its consistency.

A generation's documents, its host indexes and its checkpoint change in transactions that move the checkpoint last. So
what was read is the view at the checkpoint of transaction `z` if and only if every part of it

* was last changed at or before `z`: compare its own transaction number; and
* has not changed between its reading and the reading of the checkpoint: such a change sends an event.

Pure: the caller passes events and replies in; nothing here does I/O.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from midonet.agent.view.documents import Node, Paths, read_index, read_objects
from midonet.agent.view.snapshot import Snapshot
from midonet.events.model import Entity
from midonet.projections.base import Checkpoint
from midonet.projections.zookeeper.layout import Unreadable, read_checkpoint


class _Held(NamedTuple):
    """A document as it was read; an unreadable one keeps the objects of the last readable version."""

    kind: str
    seen: tuple[int, int] = (-1, 0)
    """Transaction that wrote it, and a hash of its data: after a restore from a backup, numbers may occur again."""
    objects: Mapping[str, Entity] = MappingProxyType({})
    problem: str | None = None


class Generation:
    """The checkpoint, the host's index and the documents that it names, updated in rounds.

    A round: pass what `changed`; read what is `wanted`, in that order, and `store` each reply; pass what `changed`
    meanwhile; take a `snapshot` unless the state is `inconsistent`.
    """

    def __init__(self, paths: Paths, name: str, host: str) -> None:
        self.name = name
        self.stale: set[str] = set()
        """Paths to read."""
        self.problems: dict[str, str] = {}
        """Why documents of the last snapshot are unreadable, by path: it has their last readable content."""
        self._checkpoint_path = paths.checkpoint(name)
        self._index_path = paths.index(name, host)
        self._models = paths.models(name)
        self._checkpoint = Checkpoint(0, "")
        self._zxid = -1
        """Transaction that wrote the checkpoint."""
        self._in_topology = False
        self._kinds: dict[str, str] = {}
        """The documents that the index names, with their kinds."""
        self._named: dict[str, Mapping[str, str]] = {self._index_path: {}}
        """The index and its parts, each with the documents that it names."""
        self._held: dict[str, _Held] = {}
        self._objects: dict[str, Mapping[str, Entity]] = {}
        self._before: dict[str, _Held] = {}
        """Documents that changed since `_objects` was made, as they were then."""
        self._reading: set[str] = set()
        """Paths read in this round: a further change of these is left to the next round."""
        self._unproven: dict[str, int] = {}
        """Paths that may be newer than the checkpoint, with the transaction that changed them."""
        self._trouble: dict[str, str] = {}
        """Why checkpoint or index are unreadable; without these there is no snapshot."""
        self.invalidate()

    @property
    def position(self) -> int:
        """The position of the newest checkpoint read, 0 before the first."""
        return self._checkpoint.position

    @property
    def documents(self) -> int:
        """Number of documents held."""
        return len(self._held)

    def changed(self, paths: set[str]) -> None:
        """Mark these paths as changed; paths of no concern are ignored."""
        self.stale |= paths & self._kinds.keys()
        self.stale |= paths & {self._checkpoint_path, *self._named}

    def invalidate(self) -> None:
        """Mark everything as changed."""
        self.stale = {self._checkpoint_path, *self._named, *self._kinds}

    def wanted(self) -> list[str]:
        """Return the paths to read now: first the checkpoint, to which all else is compared; then the index."""
        self._reading, self.stale = self.stale, set()
        first = [path for path in (self._checkpoint_path, *self._named) if path in self._reading]
        return first + [path for path in self._reading if path in self._kinds]

    def store(self, path: str, node: Node) -> None:
        """Store what was read at a path."""
        try:
            if path == self._checkpoint_path:
                self._store_checkpoint(node)
            elif path == self._index_path:
                self._store_index(node)
            elif path in self._named:
                self._store_part(path, node)
            elif path in self._kinds:
                self._store_document(path, node)
            self._trouble.pop(path, None)
        except Unreadable as error:
            self._trouble[path] = str(error)

    def inconsistent(self) -> str | None:
        """Return why what was read may not be the view at the checkpoint, None if it is."""
        for path, reason in self._trouble.items():
            return f"{path}: {reason}"
        if unread := self.stale - self._reading:
            return f"{min(unread)} has changed"
        self._unproven = {path: zxid for path, zxid in self._unproven.items() if zxid > self._zxid}
        for path in self._unproven:
            return f"{path} is ahead of the checkpoint"
        return None

    def snapshot(self) -> Snapshot:
        """Return the state at the checkpoint; not to be called while the state is inconsistent."""
        if self._before:
            self._objects = {**self._objects, **dict(self._merged())}
            self.problems = {path: held.problem for path, held in self._held.items() if held.problem}
            self._before.clear()
        checkpoint = self._checkpoint
        return Snapshot(self.name, checkpoint.position, checkpoint.hash, self._in_topology, self._objects)

    def _store_checkpoint(self, node: Node) -> None:
        self._checkpoint = read_checkpoint(node.data)
        self._zxid = node.zxid

    def _store_index(self, node: Node) -> None:
        absent = node.data is None
        kinds, parts = ({}, set[str]()) if absent else read_index(node.data, self._models, self._index_path)
        for path in self._named.keys() - parts - {self._index_path}:
            self.stale.discard(path)
            self._trouble.pop(path, None)
        self.stale |= parts - self._named.keys()
        self._named = {self._index_path: kinds, **{part: self._named.get(part, {}) for part in sorted(parts)}}
        self._in_topology = not absent
        self._follow_index(self._index_path, node)

    def _store_part(self, path: str, node: Node) -> None:
        self._named[path] = read_index(node.data, self._models)[0]
        self._follow_index(path, node)

    def _follow_index(self, changed: str, node: Node) -> None:
        """Hold the documents that the index and its parts name, after one of them was read."""
        kinds = {path: kind for named in self._named.values() for path, kind in named.items()}
        for path in self._held.keys() - kinds.keys():
            self._before.setdefault(path, self._held.pop(path))
        self.stale = {path for path in self.stale if path not in self._kinds or path in kinds}
        self.stale |= kinds.keys() - self._kinds.keys()
        self._kinds = kinds
        self._unproven = {path: zxid for path, zxid in self._unproven.items() if path in kinds or path in self._named}
        self._unproven[changed] = node.zxid

    def _store_document(self, path: str, node: Node) -> None:
        kind = self._kinds[path]
        held = self._held.get(path, _Held(kind))
        seen = node.zxid, hash(node.data)
        if held.seen == seen:
            return
        self._before.setdefault(path, held)
        try:
            self._held[path] = _Held(kind, seen, read_objects(node.data, kind))
        except Unreadable as error:
            self._held[path] = _Held(kind, seen, held.objects, str(error))
        self._unproven[path] = node.zxid

    def _merged(self) -> Iterator[tuple[str, dict[str, Entity]]]:
        """Yield the objects of each kind of which a document changed."""
        for kind in {before.kind for before in self._before.values()}:
            changed = {path: before for path, before in self._before.items() if before.kind == kind}
            if any(before.problem for before in changed.values()):
                yield kind, self._collected(path for path, held in self._held.items() if held.kind == kind)
            else:
                yield kind, self._patched(self._objects.get(kind, {}), changed)

    def _patched(self, objects: Mapping[str, Entity], changed: Mapping[str, _Held]) -> dict[str, Entity]:
        """Return a copy of `objects` with the present content of the changed documents."""
        patched = dict(objects)
        present = self._collected(path for path in changed if path in self._held)
        former = {object_id for before in changed.values() for object_id in before.objects}
        for object_id in former - present.keys():
            patched.pop(object_id, None)
        patched.update(present)
        return patched

    def _collected(self, paths: Iterable[str]) -> dict[str, Entity]:
        """Return the objects of documents; those of readable documents replace what unreadable ones keep."""
        objects: dict[str, Entity] = {}
        for held in sorted((self._held[path] for path in paths), key=lambda held: held.problem is None):
            objects.update(held.objects)
        return objects
