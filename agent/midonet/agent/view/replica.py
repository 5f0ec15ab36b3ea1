"""The part of the live view that one host needs, whichever generation is live.

The last snapshot stays until the next one is whole: through reconnections, new generations and unreadable documents.
Pure: it is told of events and replies, and does no I/O.
"""

from collections.abc import Iterable, Mapping

from midonet.agent.view.documents import Node, Paths, Unreadable, read_pointer
from midonet.agent.view.generation import Generation
from midonet.agent.view.snapshot import Snapshot


class Replica:
    """A host's part of the view, brought up to date in rounds, as `Generation`."""

    def __init__(self, root: str, host: str) -> None:
        self.snapshot: Snapshot | None = None
        """The newest whole state, None until there is one."""
        self.waiting: str | None = None
        """Why the snapshot is not the newest state, None where it is."""
        self._paths = Paths(root)
        self._host = host
        self._generation: Generation | None = None
        self._pointer_stale = True
        self._pointer_problem: dict[str, str] = {}

    @property
    def pending(self) -> bool:
        """Whether something is to be read."""
        return self._pointer_stale or bool(self._generation and self._generation.stale)

    @property
    def position(self) -> int:
        """The position up to which the view is known to be built."""
        return self._generation.position if self._generation else 0

    @property
    def documents(self) -> int:
        """Number of documents held."""
        return self._generation.documents if self._generation else 0

    @property
    def problems(self) -> Mapping[str, str]:
        """What is wrong with what cannot be understood, by path; its last good content is used."""
        return {**self._pointer_problem, **(self._generation.problems if self._generation else {})}

    def changed(self, paths: Iterable[str]) -> None:
        """Take note that these paths, maybe others of no concern among them, are not what they were."""
        changed = set(paths)
        self._pointer_stale |= self._paths.pointer in changed
        if self._generation:
            self._generation.changed(changed)

    def doubt(self) -> None:
        """Take note that anything may have changed: for a while nobody watched."""
        self._pointer_stale = True
        if self._generation:
            self._generation.doubt()

    def wanted(self) -> list[str]:
        """Return the paths to read now, in this order."""
        pointer = [self._paths.pointer] if self._pointer_stale else []
        self._pointer_stale = False
        return pointer + (self._generation.wanted() if self._generation else [])

    def store(self, path: str, node: Node) -> None:
        """Take in what a path holds."""
        if path == self._paths.pointer:
            self._follow(node)
        elif self._generation:
            self._generation.store(path, node)

    def settle(self) -> bool:
        """Make a snapshot of what was read if that is whole; return whether it differs from the last one."""
        self.waiting = self._unsettled()
        if self._generation is None or self.waiting is not None:
            return False
        before, self.snapshot = self.snapshot, self._generation.snapshot()
        return self.snapshot != before

    def _unsettled(self) -> str | None:
        if self._pointer_stale:
            return f"{self._paths.pointer} has changed"
        if self._generation is None:
            return f"no view is published at {self._paths.pointer}"
        return self._generation.unsettled()

    def _follow(self, node: Node) -> None:
        """Start over where the pointer names another generation; stay where it cannot be understood."""
        self._pointer_problem = {}
        if not node.data:  # absent, or made empty on the way to a node below it
            self._generation = None
            return
        try:
            name = read_pointer(node.data)
        except Unreadable as error:
            self._pointer_problem = {self._paths.pointer: str(error)}
            return
        if self._generation is None or self._generation.name != name:
            self._generation = Generation(self._paths, name, self._host)
