"""Integrity checks that all backends share, and their errors."""

from collections.abc import Iterable, Sequence
from typing import Any

from midonet.events.commit import MAX_COMMIT_BYTES, Head, Record, sha256
from midonet.events.errors import Conflict, Diverged, HeadMoved, InvalidValue, LostCommits, Tampered, TooLarge
from midonet.events.log.hash_chain import Skipped, chained, extend

_LISTED = 100
"""How many of the commits in between a `HeadMoved` lists; a caller that needs all reads them."""


def same(one: Head, other: Head) -> bool:
    """Return whether two heads are the same commit; their time is informational."""
    return one.position == other.position and one.hash == other.hash


def check_batch(head: Head, batch: Sequence[bytes | Record]) -> list[Record]:
    """Return the records that `batch` adds to `head`.

    Raises `TooLarge` and, for bytes that no reader would accept, `InvalidValue`: before anything is written.
    """
    if not batch:
        raise InvalidValue("there is nothing to append")
    records = []
    ids = set()
    for one in batch:
        _check_size(one.raw if isinstance(one, Record) else one)
        record = _extending(head, one)
        if isinstance(record, Skipped):
            raise InvalidValue(
                f"bytes that do not extend position {head.position} cannot be appended ({record.reason})",
                position=head.position + 1,
                reason=record.reason,
            )
        if record.commit.id in ids:
            raise Conflict(f"command {record.commit.id} is in the batch twice", id=record.commit.id)
        ids.add(record.commit.id)
        records.append(record)
        head = record.head
    return records


def _extending(head: Head, one: bytes | Record) -> Record | Skipped:
    """Apply the chain rule; a record whose hash fits its bytes is not parsed again."""
    if not isinstance(one, Record):
        return extend(head, one)
    return chained(head, one) if sha256(one.raw) == one.hash else extend(head, one.raw)


def _check_size(raw: bytes) -> None:
    if len(raw) > MAX_COMMIT_BYTES:
        raise TooLarge(
            f"one commit of {len(raw)} bytes exceeds the limit of {MAX_COMMIT_BYTES}: split the change",
            size=len(raw),
            limit=MAX_COMMIT_BYTES,
        )


def head_moved(expected: Head, since: Iterable[Record]) -> HeadMoved:
    """Return the error that lists the commits that other writers appended first."""
    commits: list[dict[str, Any]] = []
    actual = expected.position
    for record in since:
        commit = record.commit
        actual = commit.position
        if len(commits) < _LISTED:
            commits.append({"position": actual, "id": commit.id, "actor": commit.actor, "command": commit.command.name})
    return HeadMoved(
        f"the log is at position {actual}, not at {expected.position}",
        expected=expected.position,
        actual=actual,
        commits=commits,
    )


def lost_commits(reader: Head, end: int) -> LostCommits:
    """Return the error for a log that ends before what a reader has already seen."""
    return LostCommits(
        f"the log has lost commits {end + 1} to {reader.position}: it ends at position {end}, "
        f"but position {reader.position} was already read",
        log=end,
        reader=reader.position,
    )


def diverged(reader: Head, found: str) -> Diverged:
    """Return the error for a log that holds another commit than the reader has seen at that position."""
    return Diverged(
        f"the log holds another commit at position {reader.position} than the one that was already read",
        position=reader.position,
        log=found,
        reader=reader.hash,
    )


def tampered(position: int, what: str) -> Tampered:
    """Return the error for a chain whose first untrusted position is `position`."""
    return Tampered(f"the log cannot be trusted from position {position} on: {what}", position=position)
