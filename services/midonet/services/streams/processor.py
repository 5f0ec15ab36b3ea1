"""A stream processor: a function from a state and a commit to a new state and writes. Pure.

It reads no clock and does no I/O, so the same commits give the same result in every runtime and after every restart.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from midonet.events.commit import GENESIS, Commit, Head, Record
from midonet.events.log.hash_chain import extend, parse

S = TypeVar("S")


class Write(NamedTuple):
    """A JSON value to be stored under a key; None removes the key."""

    key: str
    value: Any


class Processor(NamedTuple, Generic[S]):
    """A processor and the type of its state, which is stored as JSON with the checkpoint and should be small."""

    state: type[S]
    start: Callable[[], S]
    step: Callable[[S, Commit], tuple[S, Sequence[Write]]]


class Batch(NamedTuple, Generic[S]):
    """The result of several commits, written in one transaction."""

    state: S
    head: Head = GENESIS
    writes: dict[str, Any] = {}  # noqa: RUF012 - never changed


class Gap(Exception):
    """Commits are missing between the head and a record; the caller must read them from the log."""


def fold(processor: Processor[S], before: Batch[S], raws: Iterable[bytes]) -> Batch[S]:
    """Return the result of raw records; skip records that do not extend the chain (applied, or lost conflicts)."""
    state, head, writes = before.state, before.head, dict(before.writes)
    for raw in raws:
        record = extend(head, raw)
        if not isinstance(record, Record):
            _refuse_gap(head, raw)
            continue
        state, made = processor.step(state, record.commit)
        head = record.head
        writes.update(made)
    return Batch(state, head, writes)


def _refuse_gap(head: Head, raw: bytes) -> None:
    commit = parse(raw)
    if commit is not None and commit.position > head.position + 1:
        raise Gap
