"""Given some commands, when another one comes, then these events: tests of deciding read like that."""

from typing import Any

from midonet.events.commands.command import Command, Create, Delete, Op, Put, Update
from midonet.events.commands.decide import Decision, decide
from midonet.events.topology.evolve import evolve
from midonet.events.topology.topology import Topology

__all__ = ["World"]


class World:
    """A topology that commands are run on, without any log."""

    def __init__(self) -> None:
        self.topology = Topology()
        self._count = 0

    def run(self, *ops: Op) -> Decision:
        """Decide one command and let its events happen."""
        self._count += 1
        decision = decide(self.topology, Command("test", list(ops)), f"command-{self._count}")
        for event in decision.events:
            evolve(self.topology, event, self._count)
        return decision

    def create(self, kind: str, name: str | None = None, **fields: Any) -> str:
        """Create an object; return its id."""
        if name is not None:
            fields["name"] = name
        decision = self.run(Create(kind, fields))
        assert decision.object is not None
        return decision.object.id

    def set(self, kind: str, ref: str, **fields: Any) -> Decision:
        """Set fields of an object."""
        return self.run(Update(kind, ref, fields))

    def delete(self, kind: str, ref: str, *, cascade: bool = False) -> Decision:
        """Delete an object."""
        return self.run(Delete(kind, ref, cascade=cascade))

    def apply(self, *documents: dict[str, Any], prune: bool = False) -> Decision:
        """Apply documents."""
        return self.run(Put(list(documents), prune=prune))

    def get(self, kind: str, name: str) -> Any:
        """Return the only object of a kind with this name."""
        (entity,) = self.topology.named(kind, name)
        return entity
