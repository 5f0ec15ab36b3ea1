"""The chain rule accepts exactly the record that extends the head."""

import hashlib
import json

import pytest

from midonet.events.commit import GENESIS, Record
from midonet.events.log.hash_chain import Skipped, extend


def raw(position: int, prev: str, **changes: object) -> bytes:
    commit = {
        "v": 1,
        "position": position,
        "prev": prev,
        "id": f"id-{position}",
        "command": {"name": "test", "digest": "0" * 64},
        "time": "2026-01-01T00:00:00.000000Z",
        "actor": "me",
        "channel": "test",
        "events": [{"type": "bridge.created", "v": 1, "key": "bridge/1", "data": {}}],
    }
    return json.dumps(commit | changes).encode()


def test_the_next_commit_extends_the_chain() -> None:
    first = extend(GENESIS, raw(1, GENESIS.hash))
    assert isinstance(first, Record)
    assert first.hash == hashlib.sha256(first.raw).hexdigest()
    second = extend(first.head, raw(2, first.hash))
    assert isinstance(second, Record)
    assert second.head.position == 2


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"", "not-a-commit"),
        (b"\xff\xfe", "not-a-commit"),
        (b"[]", "not-a-commit"),
        (raw(1, GENESIS.hash, v=2), "not-a-commit"),
        (raw(1, GENESIS.hash, events=[]), "not-a-commit"),
        (raw(1, "short"), "not-a-commit"),
        (raw(2, GENESIS.hash), "position"),
        (raw(0, GENESIS.hash), "not-a-commit"),
        (raw(1, "1" * 64), "prev"),
    ],
)
def test_anything_else_is_skipped(record: bytes, reason: str) -> None:
    skipped = extend(GENESIS, record)
    assert isinstance(skipped, Skipped)
    assert skipped.reason == reason
