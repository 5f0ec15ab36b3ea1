"""A host's part of one generation of the view, and when it is whole: the rule by which the agent is never torn.

A generation's documents, its host indexes and its checkpoint change in transactions that move the checkpoint last. So
what was read is the view at the checkpoint of transaction `z` if and only if every part of it

* was last changed at or before `z`, which its own transaction number tells; and
* has not changed between its reading and the reading of the checkpoint, of which there would be an event.

Pure: it is told of events and replies, and does no I/O.
"""

from collections.abc import Mapping
from typing import NamedTuple

from midonet.agent.documents import Checkpoint, Node, Paths, Unreadable, read_checkpoint, read_index, read_objects
from midonet.agent.snapshot import Snapshot
from midonet.events.model import Entity

__all__ = ["Generation"]


class _Held(NamedTuple):
    """A document as it was read; where it could not be understood, as it was when it could."""

    zxid: int
    objects: Mapping[str, Entity]
    problem: str | None


_NOTHING = _Held(-1, {}, None)


class Generation:
    """The checkpoint, the host's index and the documents that this names, brought up to date in rounds.

    A round: tell what `changed`; read what is `wanted`, in that order, and `store` each answer; tell what `changed`
    meanwhile; take a `snapshot` if nothing is `unsettled`.
    """

    def __init__(self, paths: Paths, name: str, host: str) -> None:
        self.name = name
        self.stale: set[str] = set()
        """What has to be read."""
        self.problems: dict[str, str] = {}
        """What is wrong with documents of the last snapshot, by path: it has their last good content."""
        self._checkpoint_path = paths.checkpoint(name)
        self._index_path = paths.index(name, host)
        self._models = paths.models(name)
        self._checkpoint = Checkpoint(0, "")
        self._zxid = -1
        """Transaction that wrote the checkpoint."""
        self._in_topology = False
        self._kinds: dict[str, str] = {}
        """The documents that the index names, with their kinds."""
        self._held: dict[str, _Held] = {}
        self._objects: dict[str, Mapping[str, Entity]] = {}
        self._touched: set[str] = set()
        """Kinds of which `_objects` is not yet what `_held` says."""
        self._reading: set[str] = set()
        """What was read in this round: if it changes again, that is a matter of the next."""
        self._unproven: dict[str, int] = {}
        """What may be newer than the checkpoint, with the transaction that changed it."""
        self._trouble: dict[str, str] = {}
        """What is wrong with checkpoint and index, without which nothing can be said."""
        self.doubt()

    @property
    def position(self) -> int:
        """The position of the newest checkpoint read, 0 before the first."""
        return self._checkpoint.position

    @property
    def documents(self) -> int:
        """Number of documents held."""
        return len(self._held)

    def changed(self, paths: set[str]) -> None:
        """Take note that these paths, maybe others of no concern among them, are not what they were."""
        self.stale |= paths & self._kinds.keys()
        self.stale |= paths & {self._checkpoint_path, self._index_path}

    def doubt(self) -> None:
        """Take note that everything may have changed."""
        self.stale = {self._checkpoint_path, self._index_path, *self._kinds}

    def wanted(self) -> list[str]:
        """Return what to read now: first the checkpoint, since all else is held against it; then the index."""
        self._reading, self.stale = self.stale, set()
        first = [path for path in (self._checkpoint_path, self._index_path) if path in self._reading]
        return first + [path for path in self._reading if path in self._kinds]

    def store(self, path: str, node: Node) -> None:
        """Take in what a path holds."""
        try:
            if path == self._checkpoint_path:
                self._store_checkpoint(node)
            elif path == self._index_path:
                self._store_index(node)
            elif path in self._kinds:
                self._store_document(path, node)
            self._trouble.pop(path, None)
        except Unreadable as error:
            self._trouble[path] = str(error)

    def unsettled(self) -> str | None:
        """Return why what was read is not known to be the view at the checkpoint, None where it is."""
        for path, reason in self._trouble.items():
            return f"{path}: {reason}"
        if unread := self.stale - self._reading:
            return f"{min(unread)} has changed"
        self._unproven = {path: zxid for path, zxid in self._unproven.items() if zxid > self._zxid}
        for path in self._unproven:
            return f"{path} is ahead of the checkpoint"
        return None

    def snapshot(self) -> Snapshot:
        """Return the state at the checkpoint; only while nothing is unsettled."""
        if self._touched:
            self._objects = {**self._objects, **{kind: self._merged(kind) for kind in self._touched}}
            self.problems = {path: held.problem for path, held in self._held.items() if held.problem}
            self._touched.clear()
        checkpoint = self._checkpoint
        return Snapshot(self.name, checkpoint.position, checkpoint.hash, self._in_topology, self._objects)

    def _store_checkpoint(self, node: Node) -> None:
        self._checkpoint = read_checkpoint(node.data)
        self._zxid = node.zxid

    def _store_index(self, node: Node) -> None:
        kinds = {} if node.data is None else read_index(node.data, self._models)
        for path in self._kinds.keys() - kinds.keys():
            self._touched.add(self._kinds[path])
            self._held.pop(path, None)
        self.stale = {path for path in self.stale if path not in self._kinds or path in kinds}
        self.stale |= kinds.keys() - self._kinds.keys()
        self._kinds = kinds
        self._in_topology = node.data is not None
        self._unproven = {path: zxid for path, zxid in self._unproven.items() if path in kinds}
        self._unproven[self._index_path] = node.zxid

    def _store_document(self, path: str, node: Node) -> None:
        before = self._held.get(path, _NOTHING)
        if before.zxid == node.zxid:
            return
        kind = self._kinds[path]
        try:
            self._held[path] = _Held(node.zxid, read_objects(node.data, kind), None)
        except Unreadable as error:
            self._held[path] = _Held(node.zxid, before.objects, str(error))
        self._touched.add(kind)
        self._unproven[path] = node.zxid

    def _merged(self, kind: str) -> dict[str, Entity]:
        objects: dict[str, Entity] = {}
        for path, its_kind in self._kinds.items():
            if its_kind == kind:
                objects.update(self._held[path].objects)
        return objects
