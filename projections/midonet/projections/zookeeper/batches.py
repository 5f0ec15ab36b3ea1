"""Splits a large change into transactions of the size that ZooKeeper accepts. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from midonet.projections.base import Unwritable

_MAX_VALUE = 1_000_000
"""Maximum bytes; the server drops the connection at 1 MiB (`jute.maxbuffer`), including path and headers."""

_MAX_BYTES = 512 * 1024
_MAX_OPERATIONS = 250
_OVERHEAD = 128
"""Upper bound for the bytes of an operation besides path and value."""

Write = tuple[str, bytes | None]


def in_order(delta: Mapping[str, bytes | None]) -> list[Write]:
    """Return the writes in the order that is safe for readers of a partial change.

    A document is created before an index lists it, and deleted after the index no longer lists it. Raises `Unwritable`.
    """
    for key, value in delta.items():
        if value is not None and len(value) > _MAX_VALUE:
            raise Unwritable(key, f"{len(value)} bytes exceed the limit of a ZooKeeper node ({_MAX_VALUE})")
    return sorted(delta.items(), key=_rank)


def _rank(write: Write) -> tuple[bool, bool, str]:
    key, value = write
    removed = value is None
    return removed, key.startswith("models/") == removed, key


def batches(writes: Iterable[Write]) -> Iterator[list[Write]]:
    """Split writes into transactions of bounded size; at least one, which may be empty."""
    batch: list[Write] = []
    size = 0
    for key, value in writes:
        cost = len(key) + len(value or b"") + _OVERHEAD
        if batch and (len(batch) == _MAX_OPERATIONS or size + cost > _MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((key, value))
        size += cost
    yield batch
