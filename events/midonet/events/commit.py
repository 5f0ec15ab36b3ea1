"""The commit: one record of the log, and the bytes that are hashed (contract §1).

Commits are encoded here only. A commit is never encoded again: the bytes that were read are hashed, copied and
verified.
"""

import hashlib
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

MAX_COMMIT_BYTES = 16 * 1024 * 1024
"""A larger commit is refused before it is written; the Kafka topic's `max.message.bytes` must allow it."""

Digest = Annotated[str, Meta(min_length=64, max_length=64)]
Line = Annotated[str, Meta(min_length=1, max_length=255)]

_encoder = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> bytes:
    """Return the one JSON form of a value: UTF-8, keys sorted, no spaces."""
    return _encoder.encode(value)


def sha256(raw: bytes) -> str:
    """Return the lower-case hex SHA-256 of raw bytes."""
    return hashlib.sha256(raw).hexdigest()


class Event(Struct, frozen=True, gc=False):
    """A change of one object; it carries old and new values, so it can be read and inverted alone."""

    type: str
    v: int
    key: str
    data: dict[str, Any]


class CommandRef(Struct, frozen=True, gc=False):
    """The command behind a commit: its name and the digest of its canonical form."""

    name: str
    digest: Digest


class Commit(Struct, frozen=True, kw_only=True, gc=False):
    """All events of one accepted command, with actor, time and reason."""

    v: Literal[1] = 1
    position: Annotated[int, Meta(ge=1)]
    prev: Digest
    id: Line
    command: CommandRef
    time: str
    actor: str
    channel: str
    reason: str | None = None
    correlation: str | None = None
    causation: str | None = None
    events: Annotated[list[Event], Meta(min_length=1)]


class Head(Struct, frozen=True, gc=False):
    """The end of a log, or any position in it: what a reader or writer checks for."""

    position: int = 0
    hash: str = "0" * 64
    time: str = ""


GENESIS = Head()
"""The head of an empty log."""


class Record(Struct, frozen=True, gc=False):
    """An accepted commit with the raw bytes that the chain protects."""

    commit: Commit
    raw: bytes
    hash: str

    @property
    def head(self) -> Head:
        """Return the head of a log that ends with this record."""
        return Head(self.commit.position, self.hash, self.commit.time)
