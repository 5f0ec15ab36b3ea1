"""Drift records: changes of a view by other clients, with the value found and the value expected.

Each target has a ring buffer of records: only the newest remain. Pure.
"""

import json
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from midonet.events.commit import canonical

MAX_RECORDS = 200
"""Maximum number of records per target."""

_MAX_TEXT = 1_000
_MAX_BYTES = 256 * 1024

Kind = Literal["missing", "extra", "different"]


class DriftRecord(Struct, frozen=True, kw_only=True):
    """One value that another client removed, added or changed, and its repair."""

    time: str
    """Time of the repair, RFC 3339 UTC."""
    projection: str
    target: str
    key: str
    kind: Kind
    found: str | None
    """The value found, as far as it differs; None: no value."""
    expected: str | None
    """The value expected, as far as it differs; None: no value."""
    position: int
    """The commit that last changed the expected value."""


class RecentDrift:
    """The newest repairs of one target, and the number of all repairs by kind. Written by one thread, read by any."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._records: deque[DriftRecord] = deque(maxlen=MAX_RECORDS)
        self._total = 0

    def __len__(self) -> int:
        """Return the number of all repairs, including those without a record."""
        return self._total

    def add(self, repairs: Sequence[DriftRecord]) -> None:
        """Add records."""
        self.counts.update(repair.kind for repair in repairs)
        self._records.extend(repairs)
        self._total += len(repairs)

    def newest(self, count: int) -> list[DriftRecord]:
        """Return the newest records, the oldest of them first."""
        return list(self._records)[-count:]

    def since(self, seen: int) -> list[DriftRecord]:
        """Return the available records after the first `seen`, the oldest first."""
        ring, total = list(self._records), self._total
        return ring[max(0, len(ring) - max(0, total - seen)) :] if total > seen else []


def drift_kind(found: Any, expected: Any) -> Kind:
    """Return the kind of a difference."""
    if found is None:
        return "missing"
    return "extra" if expected is None else "different"


def describe_difference(found: Any, expected: Any) -> tuple[str | None, str | None]:
    """Return both values of a difference as text, without equal parts, truncated."""
    one, other = _difference(_value(found), _value(expected))
    return _text(one), _text(other)


def _value(value: Any) -> Any:
    if not isinstance(value, bytes):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value.decode("utf-8", "backslashreplace")


def _difference(one: Any, other: Any) -> tuple[Any, Any]:
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return one, other
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    pairs = {key: _difference(one.get(key), other.get(key)) for key in keys}
    return (
        {key: pair[0] for key, pair in pairs.items() if key in one},
        {key: pair[1] for key, pair in pairs.items() if key in other},
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str, sort_keys=True)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


class _Document(Struct):
    repairs: list[DriftRecord]


def encode_records(repairs: Iterable[DriftRecord]) -> bytes:
    """Return the newest records as one document of bounded size."""
    kept = list(repairs)[-MAX_RECORDS:]
    while len(raw := canonical({"repairs": kept})) > _MAX_BYTES:
        kept = kept[len(kept) // 2 :]
    return raw


def decode_records(raw: bytes) -> list[DriftRecord]:
    """Return the records of a document; none if it cannot be read."""
    try:
        return msgspec.json.decode(raw, type=_Document).repairs
    except msgspec.DecodeError:
        return []
