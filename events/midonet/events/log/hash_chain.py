"""The chain rule: the one pure function by which every reader on every backend accepts a record.

It provides the optimistic lock, tamper evidence, the deduplication of retried writes and the fence against stale
writers (architecture §4). It must depend on nothing but the head and the bytes.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from midonet.events.commit import Commit, Head, Record, sha256

_decoder = msgspec.json.Decoder(Commit)


class Skipped(Struct, frozen=True):
    """A record that does not extend the chain; its position and hashes let a reader detect a broken log."""

    reason: Literal["not-a-commit", "position", "prev"]
    hash: str
    position: int = 0
    prev: str = ""


def parse(raw: bytes) -> Commit | None:
    """Return the commit that the bytes encode, or None; whether it extends a chain is not checked."""
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def extend(head: Head, raw: bytes) -> Record | Skipped:
    """Accept `raw` if and only if it is a commit at the next position whose `prev` is the hash of the head."""
    digest = sha256(raw)
    commit = parse(raw)
    if commit is None:
        return Skipped("not-a-commit", digest)
    return chained(head, Record(commit, raw, digest))


def chained(head: Head, record: Record) -> Record | Skipped:
    """Return a record if and only if it extends `head`; its bytes were parsed and hashed before."""
    commit = record.commit
    if commit.position != head.position + 1:
        return Skipped("position", record.hash, commit.position, commit.prev)
    if commit.prev != head.hash:
        return Skipped("prev", record.hash, commit.position, commit.prev)
    return record
