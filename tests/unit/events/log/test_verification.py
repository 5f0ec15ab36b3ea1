"""Auditing: what folding takes on trust."""

from typing import Any

import pytest

from midonet.events.commit import CommandRef, Commit, Event, Record
from midonet.events.errors import VerificationFailed
from midonet.events.log.verification import audit
from midonet.events.topology.topology import Topology

ID = "6f3f3e0a-7b55-4c7e-9d7b-0a9b7f0d1a01"


def record(position: int, verb: str, data: dict[str, Any], kind: str = "bridge") -> Record:
    event = Event(f"{kind}.{verb}", 1, f"{kind}/{ID}", data)
    commit = Commit(
        position=position,
        prev="0" * 64,
        id=str(position),
        command=CommandRef("test", "0" * 64),
        time="2026-01-01T00:00:00.000000Z",
        actor="a",
        channel="test",
        events=[event],
    )
    return Record(commit, b"", "1" * 64)


CREATED = record(1, "created", {"id": ID, "name": "web", "tunnel_key": 7})


def test_valid_events_are_folded() -> None:
    topology = Topology()
    audit(topology, CREATED)
    audit(topology, record(2, "updated", {"changed": {"name": ["web", "www"], "tenant": [None, "acme"]}}))
    audit(topology, record(3, "deleted", {"id": ID, "name": "www", "tenant": "acme", "tunnel_key": 7}))
    assert len(topology) == 0
    assert topology.head.position == 3


@pytest.mark.parametrize(
    ("verb", "data"),
    [
        ("updated", {"changed": {"name": ["shop", "www"]}}),
        ("updated", {"changed": {"name": [3, "www"]}}),
        ("deleted", {"id": ID, "name": "web", "tunnel_key": 8}),
        ("updated", {"changed": {"nosuch": ["a", "b"]}}),
        ("created", {"id": ID}),
    ],
)
def test_contradicting_history_is_reported(verb: str, data: dict[str, Any]) -> None:
    topology = Topology()
    audit(topology, CREATED)
    with pytest.raises(VerificationFailed, match="commit 2") as caught:
        audit(topology, record(2, verb, data))
    assert caught.value.details["position"] == 2
