"""How a large change is cut into transactions that ZooKeeper takes. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from midonet.projections.base import Unwritable

_MAX_VALUE = 1_000_000
"""Bytes; the server drops the connection at 1 MiB (`jute.maxbuffer`), path and headers included."""

_MAX_BYTES = 512 * 1024
_MAX_OPERATIONS = 250
_OVERHEAD = 128
"""Bytes of one operation besides path and value, amply."""

Write = tuple[str, bytes | None]


def in_order(delta: Mapping[str, bytes | None]) -> list[Write]:
    """Return writes so that a half-done change serves readers best.

    What an index names is there before the index says so, and goes after the index forgot it. Raises `Unwritable`.
    """
    for key, value in delta.items():
        if value is not None and len(value) > _MAX_VALUE:
            raise Unwritable(key, f"{len(value)} bytes are more than a ZooKeeper node can hold ({_MAX_VALUE})")
    return sorted(delta.items(), key=_rank)


def _rank(write: Write) -> tuple[bool, bool, str]:
    key, value = write
    removed = value is None
    return removed, key.startswith("models/") == removed, key


def batches(writes: Iterable[Write]) -> Iterator[list[Write]]:
    """Cut writes into transactions of bounded size; at least one, which may be empty."""
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
