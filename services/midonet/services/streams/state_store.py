"""Checkpoint, state and output of a stream processor: nodes below one path in ZooKeeper.

A batch is one transaction with the lease's guard, so the batch of a stale owner is rejected as a whole.
"""

from typing import Any, Generic, TypeVar

import msgspec
from kazoo.exceptions import KazooException, RolledBackError, RuntimeInconsistency
from msgspec import Struct

from midonet.events.commit import GENESIS, Head, canonical
from midonet.projections.base import Fenced
from midonet.projections.zookeeper import Client
from midonet.services.cluster.coordination import Lease
from midonet.services.streams.processor import Batch, Processor

S = TypeVar("S")


class _Stored(Struct):
    position: int
    hash: str
    time: str
    state: Any


class StateStore(Generic[S]):
    """The nodes of one processor below `base`, written by `node`. Methods raise `Unavailable` without ZooKeeper."""

    def __init__(self, client: Client, base: str, processor: Processor[S], node: str) -> None:
        self._client = client
        self._node = node
        self._base = base
        self._processor = processor
        self._version = 0

    def load(self) -> Batch[S]:
        """Return checkpoint and state; the initial state if there is none or it cannot be decoded."""
        client, processor = self._client, self._processor
        with client.failures():
            client.ensure_path(self._base)
            data, stat = client.get(self._base)
        self._version = stat.version
        try:
            stored = msgspec.json.decode(data, type=_Stored)
            return Batch(
                msgspec.convert(stored.state, processor.state), Head(stored.position, stored.hash, stored.time)
            )
        except msgspec.DecodeError:
            return Batch(processor.start(), GENESIS)

    def save(self, lease: Lease, batch: Batch[S]) -> None:
        """Write a batch in one transaction. Raises `Fenced` if another node has taken over."""
        transaction = self._client.transaction()
        lease.guard(transaction)
        with self._client.failures():
            for key, value in batch.writes.items():
                self._write(transaction, f"{self._base}/{key}", value)
            stored = {
                **msgspec.to_builtins(batch.head),
                "state": msgspec.to_builtins(batch.state),
                "epoch": lease.epoch,
                "node": self._node,
            }
            transaction.set_data(self._base, canonical(stored), self._version)
            results = transaction.commit()
        if any(isinstance(result, KazooException) for result in results):
            raise Fenced(_reason(results))
        self._version = results[-1].version

    def _write(self, transaction: Any, path: str, value: Any) -> None:
        exists = self._client.exists(path) is not None
        if value is None:
            if exists:
                transaction.delete(path)
        elif exists:
            transaction.set_data(path, canonical(value))
        else:
            transaction.create(path, canonical(value))


def _reason(results: list[Any]) -> str:
    failures = (each for each in results if isinstance(each, KazooException))
    first = next((each for each in failures if not isinstance(each, RolledBackError | RuntimeInconsistency)), None)
    return f"another node has taken over ({type(first).__name__})"
