"""What a stream processor is: a pure function from a state and a commit to a new state and to what is to be written.

It reads no clock and does no I/O, so whoever runs it (a Faust agent, a loop on the log) and however often it was
interrupted, the same commits come to the same result. Pure.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from midonet.events.commit import GENESIS, Commit, Head, Record
from midonet.events.log.hash_chain import extend, parse

S = TypeVar("S")


class Write(NamedTuple):
    """A JSON value to be kept under a key; None removes it."""

    key: str
    value: Any


class Processor(NamedTuple, Generic[S]):
    """A processor and the type of its state, which is kept as JSON beside the position: small, and all it remembers."""

    state: type[S]
    start: Callable[[], S]
    step: Callable[[S, Commit], tuple[S, Sequence[Write]]]


class Batch(NamedTuple, Generic[S]):
    """What some commits came to: all of it is written in one transaction, or nothing."""

    state: S
    head: Head = GENESIS
    writes: dict[str, Any] = {}  # noqa: RUF012 - never changed


class Gap(Exception):
    """Commits are missing between the head and a record; they must be read from the log."""


def fold(processor: Processor[S], before: Batch[S], raws: Iterable[bytes]) -> Batch[S]:
    """Return what records come to, by the chain rule: those applied already and those of losers are passed over."""
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
