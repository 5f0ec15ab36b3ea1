"""Changing a topology by commands, in a test's words."""

from typing import Any
from uuid import uuid4

from midonet.events.commands.command import Command, Create, Delete, Op, Update
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store

__all__ = ["Commanding"]


class Commanding:
    """What a test says to the log that `store` writes."""

    store: Store

    def run(self, *ops: Op) -> int:
        """Run one command; return its position."""
        return self.store.execute(Command("test", list(ops)), Context(actor="test")).position

    def create(self, kind: str, name: str | None = None, **fields: Any) -> str:
        """Create an object; return its id."""
        object_id = str(uuid4())
        self.run(Create(kind, {"id": object_id, **({"name": name} if name else {}), **fields}))
        return object_id

    def set(self, kind: str, ref: str, **fields: Any) -> int:
        """Set fields of an object; return the position."""
        return self.run(Update(kind, ref, fields))

    def delete(self, kind: str, ref: str, *, cascade: bool = False) -> int:
        """Delete an object; return the position."""
        return self.run(Delete(kind, ref, cascade=cascade))
