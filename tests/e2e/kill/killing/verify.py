"""Checks after the run: the log, both views, and every sample that was taken during the run.

The chain is checked with nothing but sqlite3 or kafka-python, hashlib and the contract. Every function returns what
it found wrong; nothing is good.
"""

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from killing.acks import Ack
from killing.watch import Documents, Rows
from midonet.events.commit import Record
from midonet.events.errors import TimedOut
from midonet.events.topology.evolve import fold
from midonet.events.topology.topology import Topology
from midonet.projections.nsdb import NsdbProjection, differences, expected_view
from midonet.projections.vtep import VtepProjection, read_checkpoint, read_rows
from midonet.testbed.view_reader import WholeViewReader

_ACTIVITY = "/midonet/state/streams/activity"
_SECONDS = 10.0


def raw_records(url: str) -> list[bytes]:
    """Return the bytes of every record of a log, whether it is a commit or not."""
    scheme, _, rest = url.partition("://")
    return _sqlite(Path(rest[1:])) if scheme == "sqlite" else _kafka(*rest.split("/"))


def _sqlite(path: Path) -> list[bytes]:
    with closing(sqlite3.connect(path)) as database:
        return [bytes(row[0]) for row in database.execute("SELECT body FROM commits ORDER BY position")]


def _kafka(servers: str, topic: str) -> list[bytes]:
    partition = TopicPartition(topic, 0)
    with closing(KafkaConsumer(bootstrap_servers=servers, enable_auto_commit=False)) as consumer:
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        records: list[bytes] = []
        while consumer.position(partition) < end:
            records += [record.value for batch in consumer.poll(1000).values() for record in batch]
        return records


def chain(records: Iterable[bytes]) -> list[dict[str, Any]]:
    """Return the commits of a log, by the chain rule of the contract."""
    head = "0" * 64
    commits: list[dict[str, Any]] = []
    for raw in records:
        commit = json.loads(raw)
        if commit["position"] == len(commits) + 1 and commit["prev"] == head:
            head = hashlib.sha256(raw).hexdigest()
            commits.append(commit)
    return commits


def acknowledged(commits: Sequence[dict[str, Any]], acks: Sequence[Ack]) -> Iterator[str]:
    """Every acknowledged command is in the log, once, where its writer was told."""
    times = Counter(commit["id"] for commit in commits)
    yield from (f"command {each} is in the log {count} times" for each, count in times.items() if count > 1)
    where = {commit["id"]: commit["position"] for commit in commits}
    for ack in acks:
        if where.get(ack.id) != ack.position:
            yield f"command {ack.id} was acknowledged at {ack.position}, and is at {where.get(ack.id)}"


def views(topology: Topology, zookeeper: str, switch: tuple[str, int]) -> Iterator[str]:
    """Check that both views are at the head and equal a rebuild from the log."""
    with WholeViewReader(zookeeper) as reader:
        with suppress(TimedOut):  # the server that is asked may be a moment behind the one that was asked before
            reader.wait(topology.head.position, _SECONDS)
        if reader.checkpoint().position != topology.head.position:
            yield f"ZooKeeper is at {reader.checkpoint().position}, the log at {topology.head.position}"
        violations = differences(reader.documents(), expected_view(topology, reader.base()))
        yield from (f"ZooKeeper differs at {path}" for path in violations)
    if read_checkpoint(*switch).position != topology.head.position:
        yield f"OVSDB is at {read_checkpoint(*switch).position}, the log at {topology.head.position}"
    actual, desired = read_rows(*switch), _rows(_followed(topology))
    yield from (
        f"OVSDB differs at {key}" for key in actual.keys() | desired.keys() if actual.get(key) != desired.get(key)
    )


def _followed(topology: Topology) -> VtepProjection:
    (vtep,) = topology.all("vtep")
    projection = VtepProjection(vtep)
    projection.attach(topology)
    return projection


def _rows(projection: VtepProjection) -> dict[Any, Any]:
    return {key: projection.render(key) for key in projection.keys()}  # noqa: SIM118 - no mapping


def activity(zookeeper: str) -> tuple[int, Counter[str]]:
    """Return the position of the stream processor `activity` and the commands that it counted on all days."""
    client = KazooClient(zookeeper)
    client.start()
    try:
        client.sync(_ACTIVITY)
        position = json.loads(client.get(_ACTIVITY)[0] or b"{}").get("position", 0)
        days = [json.loads(client.get(f"{_ACTIVITY}/{day}")[0]) for day in client.get_children(_ACTIVITY)]
    except NoNodeError:
        return 0, Counter()
    finally:
        client.stop()
        client.close()
    return position, sum((Counter(day["commands"]) for day in days), Counter())


def counted(zookeeper: str, commits: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Check that the stream processor has counted every commit once."""
    _, found = activity(zookeeper)
    expected = Counter(commit["command"]["name"] for commit in commits)
    if found != expected:
        yield f"the stream processor counted {dict(found)} where the log has {dict(expected)}"


def documents_seen(records: Iterable[Record], samples: Sequence[Documents], base: str) -> Iterator[str]:
    """Check that the view in ZooKeeper never went back and equalled the log at every sampled position."""
    yield from _backwards("ZooKeeper", [position for sample in samples for position in (sample.before, sample.after)])
    seen = {sample.before: sample.names for sample in samples if sample.before == sample.after}
    projection, topology = NsdbProjection(base), Topology()
    projection.attach(topology)
    for record in records:
        projection.apply(fold(topology, record))
        names = seen.get(record.commit.position)
        if names is not None and names != frozenset(key for key in projection.keys() if key.startswith("models/")):  # noqa: SIM118
            yield f"ZooKeeper held other documents at {record.commit.position} than the log says"


def rows_seen(records: Iterable[Record], samples: Sequence[Rows]) -> Iterator[str]:
    """Check that the view in OVSDB never went back and equalled the log at every sampled position."""
    yield from _backwards("OVSDB", [sample.position for sample in samples])
    seen = {sample.position: sample for sample in samples}
    topology = Topology()
    for record in records:
        fold(topology, record)
        sample = seen.get(record.commit.position)
        if sample is not None and sample != as_sample(topology):
            yield f"OVSDB held other rows at {record.commit.position} than the log says"


def as_sample(topology: Topology) -> Rows:
    """Return the sample of OVSDB that corresponds to this topology."""
    rows = _rows(_followed(topology)) if topology.all("vtep") else {}
    return Rows(
        position=topology.head.position,
        switches=frozenset(key[1] for key in rows if key[0] == "switch"),
        macs=frozenset((key[1], key[2]) for key in rows if key[0] == "ucast"),
        bindings=frozenset((key[1], key[2], value) for key, value in rows.items() if key[0] == "binding"),
    )


def _backwards(view: str, positions: Sequence[int]) -> Iterator[str]:
    for before, after in pairwise(positions):
        if after < before:
            yield f"the checkpoint in {view} went back from {before} to {after}"
