"""A command on its way to the log, and a batch of commits that are folded before the log has accepted them.

A pending command keeps its id over all attempts. A speculative batch undoes the commits that the log does not accept.
Only the store uses both; nothing here reads or writes a log.
"""

import os
import time as clock
from types import TracebackType
from typing import Any, Self

from msgspec import Struct

from midonet.events.access.authorization import Principal
from midonet.events.commands.command import Command
from midonet.events.commands.decide import Decision, decide
from midonet.events.commit import Event, Head, Record, sha256
from midonet.events.errors import MidonetError, NotFound, OutcomeUnknown, Rejected, Unavailable
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Checkpoint, Topology


class Context(Struct, frozen=True, kw_only=True):
    """Who issues a command, through which channel and why; and the conditions for it."""

    actor: str
    channel: str = "cli"
    reason: str | None = None
    correlation: str | None = None
    causation: str | None = None
    command_id: str | None = None
    if_head: int | None = None
    """Refuse unless the log is at exactly this position."""
    principal: Principal | None = None
    """The principal whose permissions apply; None for a user with direct access to the log, who may do everything."""


class Result(Struct, frozen=True):
    """The outcome of a command; without events the state was already as requested, and no commit was written."""

    position: int
    id: str
    events: list[Event]
    object: dict[str, Any] | None


def new_command_id() -> str:
    """Return a UUIDv7 (RFC 9562): ordered by time, so that a log's ids are."""
    milliseconds = clock.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = milliseconds << 80 | 7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class PendingCommand:
    """A command whose caller waits for the result."""

    __slots__ = ("_digest", "alone", "command", "conflicts", "context", "dry_run", "id", "refused", "unknown")

    def __init__(self, command: Command, context: Context, *, dry_run: bool = False) -> None:
        self.command = command
        self._digest: str | None = None
        self.context = context
        self.dry_run = dry_run
        self.id = context.command_id or new_command_id()
        self.alone = dry_run
        """Whether it must not share an append with other commands."""
        self.conflicts = 0
        """How often another writer appended first."""
        self.refused: tuple[Head, MidonetError] | None = None
        """The refusal of the last decision, and the head at which it was decided."""
        self.unknown = False
        """Whether it was written with an unknown outcome."""

    @property
    def digest(self) -> str:
        """The digest of the command, computed once."""
        if self._digest is None:
            self._digest = self.command.digest
        return self._digest

    @property
    def may_be_committed(self) -> bool:
        """Whether the log may hold it already, so that its id has to be looked up."""
        return self.unknown or self.context.command_id is not None

    def decide(self, topology: Topology) -> Decision:
        """Return the decision on a topology; raises as `decide.decide`, without deciding again at the same head.

        Ids of new objects depend on the command and the head alone, so that a dry run shows those of the commit.
        """
        if self.refused is not None and self.refused[0] == topology.head:
            raise self.refused[1]
        seed = sha256(f"{topology.head.hash}/{self.digest}".encode())
        try:
            return decide(topology, self.command, seed, self.context.principal)
        except (Rejected, NotFound) as error:
            self.refused = topology.head, error
            raise

    def failure(self, error: MidonetError) -> MidonetError:
        """Return the error that a failure of the log means for this command."""
        if self.unknown and isinstance(error, Unavailable):
            return self.unknown_outcome(error.message)
        return type(error)(error.message, **error.details)

    def unknown_outcome(self, reason: str) -> OutcomeUnknown:
        """Return the error for a command that may or may not have been written."""
        return OutcomeUnknown(
            f"the connection to the log failed during the write ({reason}); the command may or may not be done: "
            f"run it again with --command-id {self.id}, which never executes it twice",
            command_id=self.id,
        )


class SpeculativeBatch:
    """Commits that are folded but not yet on the log; on exit, those that were not accepted are undone."""

    def __init__(self, topology: Topology) -> None:
        self.start = topology.head
        self.records: list[Record] = []
        self.size = 0
        self.accepted = 0
        self._topology = topology
        self._undo: list[tuple[Checkpoint, list[Change]]] = []
        self._before = topology.checkpoint()

    def add(self, record: Record, changes: list[Change]) -> None:
        """Add a commit that was just folded."""
        self.records.append(record)
        self.size += len(record.raw)
        self._undo.append((self._before, changes))
        self._before = self._topology.checkpoint()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for checkpoint, changes in reversed(self._undo[self.accepted :]):
            for change in reversed(changes):
                self._topology.swap(change.id, change.old)
            self._topology.restore(checkpoint)
