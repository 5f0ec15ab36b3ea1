"""The part of a runtime that is common to all: resume at the checkpoint, fold records, write the result.

A runtime passes raw records in the order of the log, any number of times. Missing records are read from the log: the
checkpoint is authoritative, the offset of the runtime a hint.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from midonet.events.commit import Head
from midonet.events.log.base import Log
from midonet.services.cluster.coordination import Lease
from midonet.services.streams.processor import Batch, Gap, Processor, fold
from midonet.services.streams.state_store import StateStore

S = TypeVar("S")

BATCH = 100
"""Largest number of commits per batch."""


class _Current(NamedTuple, Generic[S]):
    lease: Lease
    batch: Batch[S]


class Worker(Generic[S]):
    """One processor and its store; used by one thread at a time, under a lease."""

    def __init__(self, processor: Processor[S], store: StateStore[S], open_log: Callable[[], Log]) -> None:
        self.head: Head | None = None
        """The checkpoint as last written or read; None before the first."""
        self._processor = processor
        self._store = store
        self._open_log = open_log
        self._cached: _Current[S] | None = None

    def resume(self, lease: Lease) -> Head:
        """Return the checkpoint, read from the store if the lease is new."""
        return self._current(lease).batch.head

    def take(self, lease: Lease, raws: Sequence[bytes]) -> int:
        """Process records; return the number of new commits. Raises `Fenced` if another node has taken over."""
        try:
            return self._process(lease, raws)
        except Gap:
            return sum(self._process(lease, chunk) for chunk in self._missing(lease))

    def _current(self, lease: Lease) -> _Current[S]:
        if self._cached is None or self._cached.lease != lease:
            self._cached = _Current(lease, self._store.load())
            self.head = self._cached.batch.head
        return self._cached

    def _process(self, lease: Lease, raws: Iterable[bytes]) -> int:
        before = self._current(lease).batch
        after = fold(self._processor, before._replace(writes={}), raws)
        if after.head == before.head:
            return 0
        self._cached = None  # unknown until `save` returns
        self._store.save(lease, after)
        self._cached, self.head = _Current(lease, after), after.head
        return after.head.position - before.head.position

    def _missing(self, lease: Lease) -> Iterator[list[bytes]]:
        with closing(self._open_log()) as log:
            records = log.read(self._current(lease).batch.head)
            while chunk := [record.raw for record in islice(records, BATCH)]:
                yield chunk
