"""The part of the live view that one host needs, across generations.

The last snapshot stays until the next one is consistent: across reconnections, new generations, unreadable documents.
Pure: the caller passes events and replies in; nothing here does I/O.
"""

from collections.abc import Iterable, Mapping

from midonet.agent.view.documents import Node, Paths
from midonet.agent.view.generation import Generation
from midonet.agent.view.snapshot import Snapshot
from midonet.projections.zookeeper.layout import Unreadable, read_generation


class Replica:
    """A host's part of the view, updated in rounds as a `Generation`."""

    def __init__(self, root: str, host: str) -> None:
        self.snapshot: Snapshot | None = None
        """The newest consistent state, None until there is one."""
        self.waiting: str | None = None
        """Why the snapshot is not the newest state, None if it is."""
        self._paths = Paths(root)
        self._host = host
        self._generation: Generation | None = None
        self._pointer_stale = True
        self._pointer_problem: dict[str, str] = {}

    @property
    def pending(self) -> bool:
        """Whether there is something to read."""
        return self._pointer_stale or bool(self._generation and self._generation.stale)

    @property
    def position(self) -> int:
        """The position of the newest checkpoint read, 0 before the first."""
        return self._generation.position if self._generation else 0

    @property
    def documents(self) -> int:
        """Number of documents held."""
        return self._generation.documents if self._generation else 0

    @property
    def problems(self) -> Mapping[str, str]:
        """Why paths are unreadable, by path; their last readable content is used."""
        return {**self._pointer_problem, **(self._generation.problems if self._generation else {})}

    def changed(self, paths: Iterable[str]) -> None:
        """Mark these paths as changed; paths of no concern are ignored."""
        changed = set(paths)
        self._pointer_stale |= self._paths.pointer in changed
        if self._generation:
            self._generation.changed(changed)

    def invalidate(self) -> None:
        """Mark everything as changed, after a time without a watch."""
        self._pointer_stale = True
        if self._generation:
            self._generation.invalidate()

    def wanted(self) -> list[str]:
        """Return the paths to read now, in this order."""
        pointer = [self._paths.pointer] if self._pointer_stale else []
        self._pointer_stale = False
        return pointer + (self._generation.wanted() if self._generation else [])

    def store(self, path: str, node: Node) -> None:
        """Store what was read at a path."""
        if path == self._paths.pointer:
            self._follow_pointer(node)
        elif self._generation:
            self._generation.store(path, node)

    def update_snapshot(self) -> bool:
        """Make a snapshot if what was read is consistent; return whether it differs from the last one."""
        self.waiting = self._inconsistent()
        if self._generation is None or self.waiting is not None:
            return False
        before, self.snapshot = self.snapshot, self._generation.snapshot()
        return self.snapshot != before

    def _inconsistent(self) -> str | None:
        if self._pointer_stale:
            return f"{self._paths.pointer} has changed"
        if self._generation is None:
            return f"no view is published at {self._paths.pointer}"
        return self._generation.inconsistent()

    def _follow_pointer(self, node: Node) -> None:
        """Start again if the pointer names another generation; keep the present one if it is unreadable."""
        self._pointer_problem = {}
        if not node.data:  # absent, or created empty as the parent of a node below it
            self._generation = None
            return
        try:
            name = read_generation(node.data)
        except Unreadable as error:
            self._pointer_problem = {self._paths.pointer: str(error)}
            return
        if self._generation is None or self._generation.name != name:
            self._generation = Generation(self._paths, name, self._host)
