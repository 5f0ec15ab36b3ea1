"""A hundred clients on one log, each waiting for an answer before its next command.

The peer is an OVSDB cluster of three servers, the northbound database of those who want one that survives a machine:
as many clients, one insert after the other. What it does not do is decide anything.
"""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

from figures import Goal, Row, Work, alternate, rate
from load import CONTEXT, create, created, directory, opened, sqlite_url

from midonet.events.log import open_log
from midonet.events.log.group_commit import GroupCommitWriter
from midonet.events.log.store import Store
from midonet.testbed import Kafka, OvsdbCluster

__all__ = ["commanders", "commanding"]

_COMMANDERS = 100
_EACH = 20


def commanders(*, quick: bool) -> Iterator[Row]:
    """Commands that share a commit's cost, against inserts into a cluster, and against one after the other."""
    pairs = 3 if quick else 7
    with (
        directory() as place,
        OvsdbCluster() as cluster,
        commanding(sqlite_url(place / "log.db")) as ours,
        _inserting(cluster) as peer,
    ):
        found = alternate(pairs, ours, peer)
    yield Row(
        name=f"durable commands of {_COMMANDERS} commanders, vs an OVSDB cluster of three",
        ours=rate(found.ours),
        peer=rate(found.peer),
        ratios=found.faster(),
        goal=Goal("≥", 8),
        note=f"the peer has {_COMMANDERS} clients, in a process of their own, each with one insert after the other",
    )
    with Kafka() as kafka:
        yield from _on_kafka(f"kafka://{kafka.bootstrap}/commanders", pairs)


def _on_kafka(url: str, pairs: int) -> Iterator[Row]:
    with commanding(url) as ours, opened(f"{url}-single") as store:
        found = alternate(pairs, ours, _one_by_one(store, created(store, "bridge", name="bridge")))
    yield Row(
        name=f"commands of {_COMMANDERS} commanders on Kafka, vs one after the other",
        ours=rate(found.ours),
        peer=rate(found.peer),
        ratios=found.faster(),
    )


@contextmanager
def commanding(url: str) -> Iterator[Work]:
    """Let commanders work, who are threads that share one writer."""
    with GroupCommitWriter(lambda: Store.open(open_log(url))) as writer, ThreadPoolExecutor(_COMMANDERS) as pool:
        bridge = writer.execute(create("bridge", name="bridge"), CONTEXT).object
        assert bridge is not None
        names = (f"port-{number}" for number in count())

        def command(_: int) -> int:
            for _ in range(_EACH):
                writer.execute(create("port", bridge=bridge["id"], name=next(names)), CONTEXT)
            return _EACH

        yield lambda: sum(pool.map(command, range(_COMMANDERS)))


def _one_by_one(store: Store, bridge: str) -> Work:
    names = (f"port-{number}" for number in count())

    def work() -> int:
        for _ in range(_COMMANDERS):
            store.execute(create("port", bridge=bridge, name=next(names)), CONTEXT)
        return _COMMANDERS

    return work


@contextmanager
def _inserting(cluster: OvsdbCluster) -> Iterator[Work]:
    """Let clients of the leader work."""
    host, port = cluster.leader().tcp
    script = str(Path(__file__).with_name("ovsdb_clients.py"))
    command = [sys.executable, script, host, str(port), str(_COMMANDERS), str(_EACH)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as clients:
        start, done = clients.stdin, clients.stdout
        assert start is not None
        assert done is not None

        def work() -> int:
            start.write("go\n")
            start.flush()
            return int(done.readline())

        with closing(start):
            yield work
