"""Valid commits for the tests of the log: any content, but a whole chain."""

from typing import Any
from uuid import uuid4

from midonet.events.commit import GENESIS, Head, Record, canonical
from midonet.events.log.hash_chain import extend

__all__ = ["chain", "commit", "extended", "head_of", "heads"]


def commit(head: Head, **changes: Any) -> bytes:
    """Return the bytes of a small commit that extends `head`; `changes` replace its fields."""
    fields = {
        "v": 1,
        "position": head.position + 1,
        "prev": head.hash,
        "id": str(uuid4()),
        "command": {"name": "bridge.create", "digest": "0" * 64},
        "time": "2026-01-01T00:00:00.000000Z",
        "actor": "alice@host",
        "channel": "test",
        "reason": None,
        "events": [{"type": "bridge.created", "v": 1, "key": "bridge/1", "data": {"name": "north"}}],
    }
    return canonical(fields | changes)


def chain(head: Head, length: int, **changes: Any) -> list[bytes]:
    """Return the bytes of commits that extend `head` one after the other."""
    batch = []
    for _ in range(length):
        batch.append(commit(head, **changes))
        head = head_of(head, batch[-1])
    return batch


def heads(batch: list[bytes]) -> list[Head]:
    """Return the heads of an empty log as it takes commits one after the other; the first is `GENESIS`."""
    found = [GENESIS]
    for raw in batch:
        found.append(head_of(found[-1], raw))
    return found


def head_of(head: Head, raw: bytes) -> Head:
    """Return the head of a log that ends with `raw`."""
    record = extend(head, raw)
    assert isinstance(record, Record), record
    return record.head


def extended(batch: list[bytes]) -> list[Record]:
    """Return the records that an empty log reads from commits."""
    found = [extend(head, raw) for head, raw in zip(heads(batch), batch, strict=False)]
    return [record for record in found if isinstance(record, Record)]
