"""The history index against the log itself: whatever was done, it answers what a scan of all commits answers."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from random import Random
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_commands import random_command

from midonet.cli.commands.object_table import object_card
from midonet.cli.session.session import handle
from midonet.events.commands.command import Command
from midonet.events.commands.decide import decide
from midonet.events.commit import CommandRef, Commit, Head, Record, canonical
from midonet.events.errors import MidonetError, NotFound, Rejected
from midonet.events.log.base import Bookmark
from midonet.events.log.hash_chain import extend
from midonet.events.model import KINDS
from midonet.events.queries.describe import describe
from midonet.events.queries.names import Names
from midonet.events.topology.evolve import fold
from midonet.events.topology.references import find
from midonet.events.topology.topology import Topology
from midonet.projections.history_index import rows
from midonet.projections.history_index.index import Index, Query
from midonet.projections.history_index.names import NamesAt
from midonet.projections.history_index.partial_topology import partial_topology
from midonet.projections.history_index.reader import IndexReader
from midonet.projections.history_index.sqlite import SqliteFile
from midonet.projections.history_index.writer import IndexWriter

_ACTORS = ("alice@here", "bob@here", "alice", "alice@there")


def committed(topology: Topology, rng: Random, number: int) -> Record | None:
    """Decide a random command and fold its commit; None if it is refused or changes nothing."""
    command: Command = random_command(rng, topology)
    try:
        decision = decide(topology, command, f"command-{number}")
    except (Rejected, NotFound):
        return None
    if not decision.events:
        return None
    head = topology.head
    commit = Commit(
        position=head.position + 1,
        prev=head.hash,
        id=f"command-{number}",
        command=CommandRef(command.name, command.digest),
        time=f"2026-01-01T00:00:{rng.choice((head.position, max(0, head.position - 9))) // 3:02}.000000Z",
        actor=rng.choice(_ACTORS),
        channel="test",
        events=decision.events,
    )
    record = extend(head, canonical(commit))
    assert isinstance(record, Record)
    fold(topology, record)
    return record


def history(rng: Random, commands: int) -> list[Record]:
    """Return the commits of some random commands."""
    topology = Topology()
    return [record for n in range(commands) if (record := committed(topology, rng, n)) is not None]


class Scan:
    """The answers that need no index: everything is read again."""

    def __init__(self, records: Sequence[Record], upto: int) -> None:
        self.records = records[:upto]
        self.names = Names()
        for record in self.records:
            self.names.add_commit(record.commit)

    def matches(self, ref: str) -> list[str]:
        """Return what a reference may mean."""
        return self.names.matches(ref)

    def touching(self, key: str) -> list[int]:
        """Return where an object was touched."""
        return [r.commit.position for r in self.records if any(e.key == key for e in r.commit.events)]

    def topology(self) -> Topology:
        """Return the fold of everything."""
        topology = Topology()
        for record in self.records:
            fold(topology, record)
        return topology


def indexed(folder: str, records: Sequence[Record], rng: Random) -> IndexReader:
    """Return the past of the records: most of them are in the index, written in some batches; the rest is the tail."""

    def read_at(bookmark: Bookmark) -> Record | None:
        record = records[bookmark.position - 1]
        return record if (record.hash, bookmark.offset_hint) == (bookmark.hash, 7 * bookmark.position) else None

    end, at = rng.randrange(len(records) + 1), 0
    while True:
        with closing(SqliteFile(f"{folder}/index", write=True)) as database:  # each process starts with what is there
            writer = IndexWriter(Index(database), read_at)
            for _ in range(2):
                step = min(end - at, rng.randrange(1, 40))
                if step:
                    writer.write(records[at : at + step], lambda position: 7 * position)
                at += step
        if at == end:
            break
    index = Index(SqliteFile(f"{folder}/index", write=False))
    checkpoint = index.checkpoint()
    assert checkpoint is not None
    return IndexReader(index, checkpoint, records[end:], read_at)


def references(records: Sequence[Record], scan: Scan, rng: Random) -> Iterator[str]:
    """Yield what people may write: ids, names, paths and prefixes of what there was, and nonsense."""
    ids = sorted({event.key.partition("/")[2] for record in records for event in record.commit.events})
    for object_id in rng.sample(ids, min(12, len(ids))):
        short = scan.names.short(object_id)
        yield from (object_id, object_id[:8].upper(), object_id[:13], short, short.rpartition("/")[2])
        yield from (f"{rng.choice(list(KINDS))}/{short}", f"{object_id}/x", short[:7])
    yield from ("nothing", "port/", "/", "a/b/c", "")


def same_answers(past: IndexReader, records: Sequence[Record], rng: Random) -> None:
    upto = rng.randrange(len(records) + 1)
    scan, names = Scan(records, upto), NamesAt(past, upto)
    for ref in references(records, scan, rng):
        assert names.matches(ref) == scan.matches(ref), ref
    topology = scan.topology()
    keys = sorted({event.key for record in records for event in record.commit.events})
    for key in keys:
        kind, _, object_id = key.partition("/")
        assert past.touching(key, upto) == scan.touching(key)
        assert names.label(object_id) == scan.names.label(object_id)
        assert_state(past, topology, kind, object_id, upto)
    for record in records[max(0, upto - 3) : upto]:
        then, there = NamesAt(past, record.commit.position), Scan(records, record.commit.position).names
        assert [describe(e, then) for e in record.commit.events] == [describe(e, there) for e in record.commit.events]
    assert past.head_at(upto) == (records[upto - 1].head if upto else Head())


def assert_state(past: IndexReader, topology: Topology, kind: str, object_id: str, upto: int) -> None:
    """An object alone is what it is in the fold of everything."""
    found = past.state(f"{kind}/{object_id}", upto)
    there = topology.get(kind, object_id)
    assert (there is None) == (found is None or found[0].gone)
    if there is not None and found is not None:
        assert msgspec.convert({**found[0].data, "position": found[1]}, KINDS[kind].cls) == there


def same_choice(past: IndexReader, records: Sequence[Record], rng: Random) -> None:
    low = rng.randrange(1, len(records) + 1)
    high = rng.randrange(low, len(records) + 1)
    keys = sorted({event.key for record in records for event in record.commit.events})
    key = rng.choice([None, rng.choice(keys), "port/none"])
    kind = rng.choice([None, *sorted({key.partition("/")[0] for key in keys}), "tenant"])
    actor = rng.choice([None, *_ACTORS, "unknown"])

    def wanted(records: Iterable[Record]) -> list[int]:
        return [record.commit.position for record in records if passes(record.commit, key, kind, actor)]

    query = Query(low, high, key, kind, actor)
    found = past.select(query)
    assert wanted(found) == wanted(records[low - 1 : high])
    found = past.select(query, newest_first=True)
    assert wanted(found) == wanted(reversed(records[low - 1 : high]))


def passes(commit: Commit, key: str | None, kind: str | None, actor: str | None) -> bool:
    return actor in (None, commit.actor, commit.actor.partition("@")[0]) and any(
        key in (None, event.key) and (kind is None or event.key.startswith(f"{kind}/")) for event in commit.events
    )


def same_moments(past: IndexReader, records: Sequence[Record]) -> None:
    """Times may run backwards in a log that others wrote: what counts is the first that is later."""
    for second in range(0, 40, 3):
        time = f"2026-01-01T00:00:{second:02}.000000Z"
        later = (record.commit.position - 1 for record in records if record.commit.time > time)
        assert past.position_at(time) == next(later, len(records))
        since = (record.commit.position - 1 for record in records if record.commit.time >= time)
        assert past.position_at(time, before=True) == next(since, len(records))
        until = (record.commit.position for record in reversed(records) if record.commit.time <= time)
        assert past.last_until(time) == next(until, 0)


def same_excerpts(past: IndexReader, records: Sequence[Record], rng: Random) -> None:
    """A part of the topology is enough to find an object and to show it, wherever the whole one finds one."""
    upto = rng.randrange(len(records) + 1)
    scan = Scan(records, upto)
    whole = scan.topology()
    for ref in [*references(records, scan, rng), *(e.name for e in whole if e.name)][:80]:
        for kind in ("port", "bridge", "rule", "vtep-binding", rng.choice(list(KINDS))):
            part = partial_topology(past, upto, kind, ref)
            try:
                there = find(whole, kind, ref)
            except MidonetError:
                assert part is None
                continue
            assert part is not None
            assert find(part, kind, ref) == there
            assert part.head == whole.head
            assert handle(part, kind, there.id, there.name) == handle(whole, kind, there.id, there.name)
            assert object_card(part, KINDS[kind], there) == object_card(whole, KINDS[kind], there)


@given(st.integers(min_value=0, max_value=2**64))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_index_answers_as_a_scan_of_the_log(seed: int) -> None:
    rng = Random(seed)  # noqa: S311 - a seed, not a secret
    spacing = rows._SPACING  # noqa: SLF001 - to have several versions of an object in a short log
    rows._SPACING = rng.choice((1, 2, 4, 64))  # noqa: SLF001 - as above
    try:
        records = history(rng, 90)
        with TemporaryDirectory() as folder:
            past = indexed(folder, records, rng)
            same_answers(past, records, rng)
            for _ in range(4):
                same_choice(past, records, rng)
            same_moments(past, records)
            same_excerpts(past, records, rng)
    finally:
        rows._SPACING = spacing  # noqa: SLF001 - as above


def test_schema_digest_matches_the_model() -> None:
    from midonet.projections.history_index.schema import SCHEMA

    assert SCHEMA.partition("-")[2] == rows.labels_digest(), "set the second part of schema.SCHEMA"
