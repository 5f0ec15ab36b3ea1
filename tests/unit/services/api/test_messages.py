"""Commits as messages, filtered for watchers."""

import json

from world import World

from midonet.events.commit import GENESIS, CommandRef, Commit, Event, Record, canonical
from midonet.events.log.hash_chain import extend
from midonet.events.topology.evolve import fold
from midonet.events.topology.topology import Topology
from midonet.services.api.watch.messages import EVERYTHING, WatchFilter, message


def record_of(*events: Event) -> Record:
    commit = Commit(
        position=1,
        prev=GENESIS.hash,
        id="c",
        command=CommandRef("test", "0" * 64),
        time="2026-01-01T00:00:00.000000Z",
        actor="a",
        channel="api",
        events=list(events),
    )
    record = extend(GENESIS, canonical(commit))
    assert isinstance(record, Record)
    return record


def test_filter_passes_whole_events_of_own_tenants() -> None:
    events = []
    world = World()
    for tenant in ("acme", "other"):
        world_before = len(world.topology)
        decided = world.apply({"kind": "bridge", "name": tenant, "tenant": tenant, "ports": [{"name": "p"}]})
        assert len(world.topology) == world_before + 2
        events += decided.events
    record, topology = record_of(*events), Topology()
    filtered = message(record, fold(topology, record), topology)
    assert filtered.filtered(EVERYTHING) is record.raw
    mine = json.loads(filtered.filtered(WatchFilter(tenants=frozenset({"acme"}))) or b"")
    assert [event["type"] for event in mine["events"]] == ["bridge.created", "port.created"]
    assert {**mine, "events": []} == {**json.loads(record.raw), "events": []}
    ports = json.loads(filtered.filtered(WatchFilter(kinds=frozenset({"port"}))) or b"")
    assert [event["type"] for event in ports["events"]] == ["port.created", "port.created"]
    assert filtered.filtered(WatchFilter(kinds=frozenset({"port", "bridge"}))) is record.raw
    assert filtered.filtered(WatchFilter(kinds=frozenset({"router"}))) is None
    assert filtered.frame(WatchFilter(kinds=frozenset({"router"}))) == b""
    assert filtered.frame(EVERYTHING) == b"id: 1\nevent: commit\ndata: %b\n\n" % record.raw
