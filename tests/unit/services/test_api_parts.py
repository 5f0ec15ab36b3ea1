"""The pure parts of the API: routes, errors over HTTP, lenses of watchers; and what it needs to be there at all."""

import json

import pytest
from world import World

from midonet.events import errors
from midonet.events.commit import GENESIS, CommandRef, Commit, Event, Record, canonical
from midonet.events.errors import MidonetError
from midonet.events.log.hash_chain import extend
from midonet.events.topology.evolve import fold
from midonet.events.topology.topology import Topology
from midonet.services.api import service
from midonet.services.api.app import OPERATIONS
from midonet.services.api.framework.problem_details import STATUSES, encode, status_of
from midonet.services.api.framework.router import Router
from midonet.services.api.watch.messages import EVERYTHING, WatchFilter, message
from midonet.services.settings import Settings


def every_error() -> list[type[MidonetError]]:
    found = [MidonetError]
    for kind in found:
        found += kind.__subclasses__()
    return found


def test_parts_of_a_path_are_decoded_one_by_one() -> None:
    router = Router(OPERATIONS)
    found = router.find("/v1/ports/web%2Fp1")
    assert found is not None
    assert found.values == {"ref": "web/p1"}
    assert set(found.operations) == {"GET", "PATCH", "DELETE"}
    link = router.find("/v1/ports/a%20b/link/")
    assert link is not None
    assert (link.values, set(link.operations)) == ({"ref": "a b"}, {"POST"})
    for nothing in ("/", "/v2", "/v1/ports//link", "/v1/ports/a/b/c", "/v1/ports/a/nope"):
        assert router.find(nothing) is None, nothing


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.code)
def test_every_error_has_a_status_and_a_body(kind: type[MidonetError]) -> None:
    problem = json.loads(encode(kind("at kafka://u:secret@h", url="kafka://u:secret@h", odd=object())))
    assert problem["code"] == kind.code
    assert problem["status"] == status_of(kind) >= 400
    assert "secret" not in json.dumps(problem)
    if issubclass(kind, errors.Rejected):
        assert problem["status"] < 500
    assert set(STATUSES) <= set(every_error())


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


def test_a_lens_lets_through_whole_events_and_nothing_of_others() -> None:
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


def test_without_its_libraries_there_is_no_api_and_all_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(log="sqlite:///x", zookeeper="zk:2181")
    assert service.ApiService.disabled_reason(settings) is None
    monkeypatch.setattr(service, "find_spec", lambda name: None if name == "uvicorn" else object())
    assert service.ApiService.disabled_reason(settings) == "not installed: uvicorn (pip install midonet[cluster])"
