"""The store: turns commands into commits on a log, whoever else writes to it.

Be at the head, decide, append; if another writer was faster, read on and decide again. It never guesses: after a
broken connection it looks for the command id. Safety rests on the chain alone, so any number of stores may write.
An instance belongs to one thread, like its log.
"""

import os
import time as clock
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from midonet.events.chain import extend
from midonet.events.command import Command
from midonet.events.commit import MAX_COMMIT_BYTES, CommandRef, Commit, Event, Head, Record, canonical
from midonet.events.decide import Decision, decide
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
from midonet.events.evolve import Change, fold
from midonet.events.log.port import Log
from midonet.events.log.snapshots import Snapshot, Snapshots
from midonet.events.model import Entity, kind_of, plain
from midonet.events.topology import Notes, Topology

__all__ = ["Context", "Result", "Store", "new_command_id"]

_ATTEMPTS = 200
"""Races that one command may lose before it gives up; each loss means that somebody else got on."""
_BATCH = 500
_BATCH_BYTES = 4 * 1024 * 1024


class Context(Struct, frozen=True, kw_only=True):
    """Who wants something, through what, and why; and how careful the store has to be."""

    actor: str
    channel: str = "cli"
    reason: str | None = None
    correlation: str | None = None
    causation: str | None = None
    command_id: str | None = None
    if_head: int | None = None
    """Refuse unless the log is at exactly this position."""


class Result(Struct, frozen=True):
    """What became of a command; no events: everything was already as wished, and no commit was written."""

    position: int
    id: str
    events: list[Event]
    object: dict[str, Any] | None


def new_command_id() -> str:
    """Return a UUIDv7 (RFC 9562): ordered by time, so that a log's ids are."""
    milliseconds = clock.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = milliseconds << 80 | 7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return str(UUID(int=value))


class Store:
    """A topology at (or near) the head of a log, and the only way to write to that log."""

    def __init__(self, log: Log, snapshots: Snapshots | None = None) -> None:
        self.log = log
        self.topology = Topology()
        self._snapshots = snapshots

    @classmethod
    def open(cls, log: Log, snapshots: Snapshots | None = None) -> "Store":
        """Return a store at the head of a log, from the newest snapshot that is one of this log."""

        def start(snapshot: Snapshot | None) -> Store:
            store = cls(log, snapshots)
            if snapshot is not None:
                store.topology = snapshot.topology()
                log.resume(snapshot.bookmark)
            store.refresh()
            return store

        return start(None) if snapshots is None else snapshots.resume(start)

    def refresh(self) -> Head:
        """Fold what others appended; return the head."""
        for record in self.log.read(self.topology.head):
            fold(self.topology, record)
            if self._snapshots is not None:
                self._snapshots.passed(self.topology, self.log.place)
        return self.topology.head

    def execute(self, command: Command, context: Context, *, dry_run: bool = False) -> Result:
        """Run one command; the same command id again returns the original result.

        Raises `Rejected` or `NotFound` if it makes no sense on the present topology, `HeadMoved` if the log is not at
        `context.if_head`, `CommandIdReused`, `TooLarge`, and `OutcomeUnknown` or `Unavailable` with the command
        id to try again with.
        """
        command_id = context.command_id or new_command_id()
        fresh = context.command_id is None
        unknown = False
        for _ in range(_ATTEMPTS):
            try:
                if not fresh and (done := self._already(command, command_id)) is not None:
                    return done
                return self._attempt(command, command_id, context, dry_run=dry_run)
            except HeadMoved:
                if context.if_head is not None:
                    raise
                self.refresh()
            except OutcomeUnknown:
                fresh, unknown = False, True
            except Unavailable as error:
                if unknown:
                    raise _unknown(command_id, error) from None
                raise
        raise Conflict(f"lost {_ATTEMPTS} races against other writers; try again", command_id=command_id)

    def execute_many(self, commands: Sequence[tuple[Command, Context]]) -> Iterator[Result | MidonetError]:
        """Run many commands, each one commit, and yield what became of each, in order, once it is durable.

        Commits go in batches: few fsyncs on SQL, pipelined on Kafka. A rejected command does not stop the others.
        """
        waiting = [_Wish(command, context) for command, context in commands]
        while waiting:
            outcomes = self._batch(waiting)
            del waiting[: len(outcomes)]
            yield from outcomes

    def _already(self, command: Command, command_id: str) -> Result | None:
        record = self.log.find(command_id)
        if record is None:
            return None
        commit = record.commit
        if commit.command.digest != command.digest:
            raise CommandIdReused(
                f"command id {command_id} belongs to {commit.command.name} at position {commit.position}; "
                "use a new id for a new command",
                command_id=command_id,
                position=commit.position,
            )
        self.refresh()
        return Result(commit.position, command_id, commit.events, self._subject(command, commit))

    def _subject(self, command: Command, commit: Commit) -> dict[str, Any] | None:
        """Return the object that an earlier commit was about, as its events tell it."""
        kind = getattr(command.ops[-1], "kind", None)
        event = next((event for event in commit.events if event.key.startswith(f"{kind}/")), None)
        if kind is None or event is None:
            return None
        entity = self.topology.get(kind, event.key.partition("/")[2])
        if entity is not None:
            return plain(entity)
        return {**event.data, "kind": kind_of(kind).name, "position": commit.position}

    def _attempt(self, command: Command, command_id: str, context: Context, *, dry_run: bool) -> Result:
        decision = self._decide(command, command_id, context)
        if dry_run or not decision.events:
            return Result(self.topology.head.position, command_id, decision.events, _shown(decision.object))
        raw = self._encode(command, command_id, context, decision)
        self.log.append(self.topology.head, [raw])
        return self._result(self._fold(raw)[0], decision)

    def _decide(self, command: Command, command_id: str, context: Context) -> Decision:
        """Decide where we are; a refusal only counts at the true head, and so does having nothing to do."""
        if context.if_head is None and (decision := self._hopeful(command, command_id)).events:
            return decision
        head = self.refresh()
        if context.if_head not in (None, head.position):
            raise _moved(context.if_head, head)
        return decide(self.topology, command, command_id)

    def _hopeful(self, command: Command, command_id: str) -> Decision:
        try:
            return decide(self.topology, command, command_id)
        except (Rejected, NotFound):
            return _NOTHING

    def _encode(self, command: Command, command_id: str, context: Context, decision: Decision) -> bytes:
        head = self.topology.head
        raw = canonical(
            Commit(
                position=head.position + 1,
                prev=head.hash,
                id=command_id,
                command=CommandRef(command.name, command.digest),
                time=max(_now(), head.time),
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

    def _fold(self, raw: bytes) -> tuple[Record, list[Change]]:
        """Fold our own commit exactly as every other reader will: from its bytes."""
        record = extend(self.topology.head, raw)
        if not isinstance(record, Record):
            raise VerificationFailed(f"a commit made here does not extend the chain: {record.reason}")
        return record, fold(self.topology, record)

    def _result(self, record: Record, decision: Decision) -> Result:
        entity = decision.object
        current = self.topology.find(entity.id) if entity is not None else None
        return Result(record.commit.position, record.commit.id, record.commit.events, _shown(current or entity))

    def _batch(self, waiting: Sequence["_Wish"]) -> list[Result | MidonetError]:
        """Try the first commands as one pipelined append; return the outcomes that are certain."""
        trial = _Trial(self.topology)
        outcomes: list[Result | MidonetError] = []
        for wish in waiting[:_BATCH]:
            raw, decision = self._tentative(wish)
            if not raw or trial.size + len(raw) > _BATCH_BYTES:
                break
            record, changes = self._fold(raw)
            trial.add(raw, changes)
            outcomes.append(self._result(record, decision))
        if not trial.raws:
            return [self._single(waiting[0])]
        return outcomes[: self._append(trial, waiting)]

    def _tentative(self, wish: "_Wish") -> tuple[bytes, Decision]:
        """Return the commit that a command comes to here and now; no bytes if it needs the careful `execute`."""
        try:
            decision = _NOTHING if wish.careful else decide(self.topology, wish.command, wish.id)
            raw = self._encode(wish.command, wish.id, wish.context, decision) if decision.events else b""
        except (Rejected, NotFound):
            return b"", _NOTHING
        return raw, decision

    def _single(self, wish: "_Wish") -> Result | MidonetError:
        context = msgspec.structs.replace(wish.context, command_id=wish.id) if wish.careful else wish.context
        try:
            return self.execute(wish.command, context)
        except (Rejected, NotFound) as error:
            return error

    def _append(self, trial: "_Trial", waiting: Sequence["_Wish"]) -> int:
        """Append what was tried; take back what was not accepted; return how many commits were.

        What was sent with unknown outcome may still arrive: those commands keep their ids and look for them first.
        """
        try:
            accepted = self.log.append(trial.start, trial.raws)
            trial.take_back(accepted)
        except HeadMoved:
            trial.take_back(0)
            self.refresh()
            return 0
        except OutcomeUnknown:
            trial.take_back(0)
            for wish in waiting[: len(trial.raws)]:
                wish.careful = True
            return 0
        return accepted


class _Wish:
    """One of many commands, with the id that it keeps however often it is tried."""

    def __init__(self, command: Command, context: Context) -> None:
        self.command = command
        self.context = context
        self.id = context.command_id or new_command_id()
        self.careful = context.command_id is not None or context.if_head is not None


class _Trial:
    """Commits that are folded but not yet on the log, and how to take them back."""

    def __init__(self, topology: Topology) -> None:
        self.start = topology.head
        self.raws: list[bytes] = []
        self.size = 0
        self._topology = topology
        self._undo: list[tuple[Notes, list[Change]]] = []
        self._before = topology.notes()

    def add(self, raw: bytes, changes: list[Change]) -> None:
        """Note a commit that was just folded."""
        self.raws.append(raw)
        self.size += len(raw)
        self._undo.append((self._before, changes))
        self._before = self._topology.notes()

    def take_back(self, accepted: int) -> None:
        """Leave the topology as it was after the first `accepted` commits."""
        for notes, changes in reversed(self._undo[accepted:]):
            for change in reversed(changes):
                self._topology.swap(change.id, change.old)
            self._topology.put_back(notes)


_NOTHING = Decision([], None)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _shown(entity: Entity | None) -> dict[str, Any] | None:
    return plain(entity) if entity is not None else None


def _moved(wanted: int | None, head: Head) -> HeadMoved:
    return HeadMoved(
        f"the log is at position {head.position}, not at {wanted} as demanded; look at what changed and decide anew",
        expected=wanted,
        actual=head.position,
    )


def _unknown(command_id: str, error: Unavailable) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"the log broke off while the command was being written ({error.message}); it may or may not be done: "
        f"run it again with --command-id {command_id}, which never does it twice",
        command_id=command_id,
    )
