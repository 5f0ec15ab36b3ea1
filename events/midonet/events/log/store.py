"""The store: decides commands on the topology at the head of a log and appends the resulting commits.

If another writer has appended first, the store reads its commits and decides again (optimistic concurrency). After a
broken connection it looks up the command id. The hash chain alone makes this safe, so any number of stores may write to
one log. An instance belongs to one thread, like its log.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from random import uniform
from time import monotonic, sleep
from typing import Any

from midonet.events.commands.command import Command
from midonet.events.commands.decide import Decision
from midonet.events.commit import MAX_COMMIT_BYTES, CommandRef, Commit, Event, Head, Record, canonical
from midonet.events.errors import (
    CommandIdReused,
    Conflict,
    HeadMoved,
    MidonetError,
    NotFound,
    OutcomeUnknown,
    Rejected,
    TooLarge,
    Unavailable,
    VerificationFailed,
)
from midonet.events.log.base import Log
from midonet.events.log.commit_clock import CommitClock
from midonet.events.log.hash_chain import extend
from midonet.events.log.pending_command import Context, PendingCommand, Result, SpeculativeBatch
from midonet.events.log.snapshots import Snapshot, Snapshots
from midonet.events.model import Entity, kind_of, ordered, plain
from midonet.events.topology.evolve import fold
from midonet.events.topology.topology import Topology

_ATTEMPTS = 200
"""Conflicts after which a command gives up; each means that another writer has made progress."""
_PAUSE_SECONDS = 0.05
"""The longest pause after a conflict."""
_BATCH = 500
_BATCH_BYTES = 4 * 1024 * 1024

Check = Callable[[Sequence[Event], Topology], None]
"""Raises `Rejected` if events must not be committed on a topology, for a reason that the log does not know."""


class Store:
    """A topology at (or near) the head of a log, and the only way to write commands to that log."""

    def __init__(self, log: Log, snapshots: Snapshots | None = None) -> None:
        self.log = log
        self.clock = CommitClock()
        self.topology = Topology()
        self.check: Check | None = None
        """Applied to the events of every command, dry runs included."""
        self._snapshots = snapshots
        self._append_seconds = 0.0
        """Duration of the last append."""

    @classmethod
    def open(cls, log: Log, snapshots: Snapshots | None = None) -> "Store":
        """Return a store at the head of a log, starting from the newest snapshot of this log."""

        def start(snapshot: Snapshot | None) -> Store:
            store = cls(log, snapshots)
            if snapshot is not None:
                store.topology = snapshot.topology()
                log.seek(snapshot.bookmark)
            store.refresh()
            return store

        return start(None) if snapshots is None else snapshots.with_newest(start)

    def refresh(self) -> Head:
        """Fold what other writers appended; return the head."""
        for record in self.log.read(self.topology.head):
            fold(self.topology, record)
            if self._snapshots is not None:
                self._snapshots.save_if_due(self.topology, self.log.offset_hint)
        return self.topology.head

    def execute(self, command: Command, context: Context, *, dry_run: bool = False) -> Result:
        """Execute one command; the same command id again returns the first result.

        Raises `Rejected` or `NotFound` if the command is invalid on the present topology, `HeadMoved` if the log is not
        at `context.if_head`, `CommandIdReused`, `TooLarge`, `ClockSkew`, and `OutcomeUnknown` or `Unavailable` with
        the command id to retry with.
        """
        pending = PendingCommand(command, context, dry_run=dry_run)
        result = self._try_execute(pending, _ATTEMPTS)
        if result is None:
            raise _too_many_conflicts(pending)
        return result

    def try_execute(self, command: Command, context: Context, attempts: int, *, dry_run: bool = False) -> Result | None:
        """As `execute`; None if another writer appended first in each attempt. The command needs an id."""
        return self._try_execute(PendingCommand(command, context, dry_run=dry_run), attempts)

    def run(self, commands: Iterable[PendingCommand]) -> Iterator[Result | MidonetError]:
        """Execute many commands, each one commit, and yield the outcome of each, in order, once it is certain.

        An outcome is what `execute` would return or raise. A refused command does not stop the others; a failure of the
        log fails all commands that wait.
        """
        return chain.from_iterable(self.batches(commands))

    def batches(self, commands: Iterable[PendingCommand]) -> Iterator[list[Result | MidonetError]]:
        """Do as `run`, and yield together what became certain together: few fsyncs on SQL, pipelined on Kafka."""
        waiting = list(commands)
        while waiting:
            outcomes = self._run_first(waiting)
            del waiting[: len(outcomes)]
            yield outcomes

    def _try_execute(self, pending: PendingCommand, attempts: int) -> Result | None:
        try:
            return self._execute_with_retries(pending, attempts)
        except Unavailable as error:
            raise pending.failure(error) from error

    def _execute_with_retries(self, pending: PendingCommand, attempts: int = _ATTEMPTS) -> Result | None:
        for _ in range(attempts):
            if pending.may_be_committed and (done := self._earlier_result(pending)) is not None:
                return done
            try:
                return self._attempt(pending)
            except HeadMoved:
                if pending.context.if_head is not None and not self._already_committed(pending):
                    raise
                self.refresh()
            except (Rejected, NotFound):
                if not self._already_committed(pending):
                    raise
            except OutcomeUnknown:
                pending.unknown = True
        return None

    def _already_committed(self, pending: PendingCommand) -> bool:
        """Return whether the log has by now what was written with an unknown outcome."""
        return pending.unknown and self.log.find(pending.id) is not None

    def _earlier_result(self, pending: PendingCommand) -> Result | None:
        command, command_id = pending.command, pending.id
        record = self.log.find(command_id)
        if record is None:
            return None
        commit = record.commit
        if pending.context.principal is not None and commit.actor != pending.context.actor:
            raise CommandIdReused(f"command id {command_id} was used before; use a new one", command_id=command_id)
        if commit.command.digest != pending.digest:
            raise CommandIdReused(
                f"command id {command_id} belongs to {commit.command.name} at position {commit.position}; "
                "use a new id for a new command",
                command_id=command_id,
                position=commit.position,
            )
        self.refresh()
        return Result(commit.position, command_id, commit.events, self._subject(command, commit))

    def _subject(self, command: Command, commit: Commit) -> dict[str, Any] | None:
        """Return the object that an earlier commit was about, from its events."""
        kind = getattr(command.ops[-1], "kind", None)
        event = next((event for event in commit.events if event.key.startswith(f"{kind}/")), None)
        if kind is None or event is None:
            return None
        entity = self.topology.get(kind, event.key.partition("/")[2])
        if entity is not None:
            return plain(entity)
        return {**event.data, "kind": kind_of(kind).name, "position": commit.position}

    def _attempt(self, pending: PendingCommand) -> Result:
        decision = self._decide(pending)
        if pending.dry_run or not decision.events:
            return Result(self.topology.head.position, pending.id, decision.events, _as_dict(decision.object))
        record = self._read_back(self._encode(pending, decision))
        self.log.append(self.topology.head, [record])
        fold(self.topology, record)
        return self._result(record, decision)

    def _decide(self, pending: PendingCommand) -> Decision:
        """Decide at the present position; a refusal, and having nothing to do, only count at the head of the log."""
        wanted = pending.context.if_head
        if wanted is None and (decision := self._decide_optimistically(pending)).events:
            return decision
        head = self.refresh()
        if wanted not in (None, head.position):
            raise _head_moved(wanted, head)
        return self._checked(pending.decide(self.topology))

    def _checked(self, decision: Decision) -> Decision:
        if self.check is not None and decision.events:
            self.check(decision.events, self.topology)
        return decision

    def _decide_optimistically(self, pending: PendingCommand) -> Decision:
        try:
            return self._checked(pending.decide(self.topology))
        except (Rejected, NotFound):
            return _NOTHING

    def _encode(self, pending: PendingCommand, decision: Decision) -> bytes:
        command, context = pending.command, pending.context
        head = self.topology.head
        raw = canonical(
            Commit(
                position=head.position + 1,
                prev=head.hash,
                id=pending.id,
                command=CommandRef(command.name, pending.digest),
                time=self.clock.time_after(head),
                actor=context.actor,
                channel=context.channel,
                reason=context.reason,
                correlation=context.correlation,
                causation=context.causation,
                events=decision.events,
            )
        )
        if len(raw) > MAX_COMMIT_BYTES:
            raise TooLarge(
                f"the commit would be {len(raw):,} bytes; the limit is {MAX_COMMIT_BYTES:,}: "
                "split the input into several applies",
                size=len(raw),
                limit=MAX_COMMIT_BYTES,
            )
        return raw

    def _read_back(self, raw: bytes) -> Record:
        """Read our own commit from its bytes, as every other reader does: this is what is folded."""
        record = extend(self.topology.head, raw)
        if not isinstance(record, Record):
            raise VerificationFailed(f"a commit made here does not extend the chain: {record.reason}")
        return record

    def _result(self, record: Record, decision: Decision) -> Result:
        entity = decision.object
        current = self.topology.find(entity.id) if entity is not None else None
        shown = _as_dict(current or entity)
        if shown is not None and current is None:
            shown["position"] = record.commit.position  # its deletion was its last change
        return Result(record.commit.position, record.commit.id, record.commit.events, shown)

    def _run_first(self, waiting: Sequence[PendingCommand]) -> list[Result | MidonetError]:
        """Return the outcomes of the first commands (possibly none yet); of all, if the log fails."""
        try:
            return self._run_batch(waiting)
        except MidonetError as error:
            return [pending.failure(error) for pending in waiting]

    def _run_batch(self, waiting: Sequence[PendingCommand]) -> list[Result | MidonetError]:
        """Try the first commands as one pipelined append: fewer of them after each conflict."""
        tried = waiting[: max(1, _BATCH >> waiting[0].conflicts)]
        outcomes: list[Result | MidonetError] = []
        try:
            with SpeculativeBatch(self.topology) as batch:
                outcomes += self._fold_batch(batch, tried)
                if batch.records:
                    batch.accepted = self._append(batch)
        except HeadMoved:
            return self._back_off(tried)
        except OutcomeUnknown:  # it may still arrive: each looks up its own id
            for pending in tried[: len(batch.records)]:
                pending.unknown = pending.alone = True
            return []
        except Rejected:
            self._isolate(tried[: len(batch.records)])
            return []
        return outcomes[: batch.accepted] or [self._run_alone(waiting[0])]

    def _append(self, batch: SpeculativeBatch) -> int:
        begun = monotonic()
        try:
            return self.log.append(batch.start, batch.records)
        finally:
            self._append_seconds = monotonic() - begun

    def _fold_batch(self, batch: SpeculativeBatch, commands: Sequence[PendingCommand]) -> Iterator[Result]:
        """Decide and fold one command after the other, up to one that has to be executed alone."""
        for pending in commands:
            raw, decision = self._try_encode(pending)
            if not raw or batch.size + len(raw) > _BATCH_BYTES:
                return
            record = self._read_back(raw)
            batch.add(record, fold(self.topology, record))
            yield self._result(record, decision)

    def _try_encode(self, pending: PendingCommand) -> tuple[bytes, Decision]:
        """Return the commit of a command at the present position; no bytes if it has to be executed alone."""
        if pending.alone or pending.context.if_head not in (None, self.topology.head.position):
            return b"", _NOTHING
        try:
            decision = self._checked(pending.decide(self.topology))
            return self._encode(pending, decision) if decision.events else b"", decision
        except (Rejected, NotFound):
            return b"", _NOTHING

    def _run_alone(self, pending: PendingCommand) -> Result | MidonetError:
        try:
            return self._execute_with_retries(pending) or _too_many_conflicts(pending)
        except (Rejected, NotFound) as error:
            return error

    def _back_off(self, commands: Sequence[PendingCommand]) -> list[Result | MidonetError]:
        """Wait, and read what other writers appended; a command with too many conflicts fails.

        The pause is random: writers that retry at the same moment would conflict again.
        """
        for pending in commands:
            pending.conflicts += 1
        longest = 2 * self._append_seconds * commands[0].conflicts
        sleep(min(uniform(0, longest), _PAUSE_SECONDS))  # noqa: S311 - jitter, not security
        self.refresh()
        return [_too_many_conflicts(commands[0])] if commands[0].conflicts >= _ATTEMPTS else []

    def _isolate(self, commands: Sequence[PendingCommand]) -> None:
        """After the log refused commits together: execute those alone that it has already, or else each one."""
        known = [pending for pending in commands if pending.may_be_committed and self.log.find(pending.id) is not None]
        for pending in known or commands:
            pending.alone = True


_NOTHING = Decision([], None)


def _as_dict(entity: Entity | None) -> dict[str, Any] | None:
    return plain(entity) if entity is not None else None


def _head_moved(wanted: int | None, head: Head) -> HeadMoved:
    return HeadMoved(
        f"the log is at position {head.position}, not at {wanted} as expected: read the new commits and retry",
        expected=wanted,
        actual=head.position,
    )


def _too_many_conflicts(pending: PendingCommand) -> Conflict:
    return Conflict(f"{_ATTEMPTS} conflicts with other writers; try again", command_id=pending.id)


def value_of(result: Result) -> dict[str, Any]:
    """Return the JSON form of a result."""
    return {
        "position": result.position,
        "id": result.id,
        "events": result.events,
        "object": ordered(result.object) if result.object is not None else None,
    }
