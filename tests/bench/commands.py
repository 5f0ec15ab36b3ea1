"""Commands per second on SQLite: one durable commit each, and in batches; the peer is `eventsourcing`."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from uuid import UUID, uuid4

from figures import Goal, Row, Work, alternate, rate
from load import CONTEXT, bare_log, create, created, directory, last_commit, opened, run_all, sqlite_url
from peer import Peer

from midonet.events.log.store import Store

__all__ = ["batched", "single"]

_SINGLE = 50
_BATCH = 1_000


def single(*, quick: bool) -> Iterator[Row]:
    """One command at a time: validate, decide, append durably, fold."""
    pairs = 9 if quick else 31
    with directory() as place, opened(sqlite_url(place / "log.db")) as store, Peer(place / "peer.db") as peer:
        ours = _single(store, created(store, "bridge", name="bridge"))
        found = alternate(pairs, ours, _peer_single(peer, peer.create_bridge("bridge")))
        size = len(last_commit(store))
        yield Row(
            name="single durable commands, vs eventsourcing",
            ours=rate(found.ours),
            peer=rate(found.peer),
            ratios=found.faster(),
            cpu_ratios=found.faster_cpu(),
            goal=Goal("≥", 1),
            note=f"a port.create is a commit of {size} bytes, the peer's event {peer.last_size()} bytes",
        )
        with closing(bare_log(place / "bare.db")) as bare:
            found = alternate(pairs, ours, _bare_single(bare, last_commit(store)))
        yield Row(
            name="single durable commands, vs bare SQLite inserts",
            ours=rate(found.ours),
            peer=rate(found.peer),
            ratios=found.faster(),
            cpu_ratios=found.faster_cpu(),
        )


def batched(*, quick: bool) -> Iterator[Row]:
    """Many commands at once, each a commit of its own, against one transaction of as many aggregates."""
    with directory() as place, opened(sqlite_url(place / "log.db")) as store, Peer(place / "peer.db") as peer:
        ours = _batch(store, created(store, "bridge", name="bridge"))
        found = alternate(3 if quick else 7, ours, _peer_batch(peer, peer.create_bridge("bridge")))
        yield Row(
            name=f"durable commands in batches of {_BATCH:,}, vs eventsourcing",
            ours=rate(found.ours),
            peer=rate(found.peer),
            ratios=found.faster(),
            cpu_ratios=found.faster_cpu(),
            note="the peer saves as many aggregates in one transaction",
        )


def _single(store: Store, bridge: str) -> Work:
    names = _names()

    def work() -> int:
        for _ in range(_SINGLE):
            store.execute(create("port", bridge=bridge, name=next(names)), CONTEXT)
        return _SINGLE

    return work


def _peer_single(peer: Peer, bridge: UUID) -> Work:
    names = _names()

    def work() -> int:
        for _ in range(_SINGLE):
            peer.create_ports(bridge, [next(names)])
        return _SINGLE

    return work


def _batch(store: Store, bridge: str) -> Work:
    names = _names()

    def work() -> int:
        return len(run_all(store, [create("port", bridge=bridge, name=next(names)) for _ in range(_BATCH)]))

    return work


def _peer_batch(peer: Peer, bridge: UUID) -> Work:
    names = _names()
    return lambda: len(peer.create_ports(bridge, [next(names) for _ in range(_BATCH)]))


def _names() -> Iterator[str]:
    return (f"port-{number}" for number in count())


def _bare_single(connection: sqlite3.Connection, body: bytes) -> Work:
    def work() -> int:
        for _ in range(_SINGLE):
            connection.execute("INSERT INTO commits (id, body) VALUES (?, ?)", (str(uuid4()), body))
        return _SINGLE

    return work
