"""The checks of the kill run find every violation that is injected into their input."""

from itertools import islice

import msgspec
import pytest
from killing import verify
from killing.acks import Ack
from killing.load import setup, steps
from killing.watch import Documents, Rows

from midonet.events.commit import Record
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context
from midonet.events.log.store import Store
from midonet.events.topology.evolve import fold
from midonet.events.topology.topology import Topology
from midonet.projections.nsdb import expected_view, view_base

BASE = view_base("/midonet")
COMMANDS = 60


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    """A log with the load of one writer."""
    log = open_log(f"sqlite:///{tmp_path_factory.mktemp('eyes')}/log.db")
    store = Store(log)
    for command in setup("127.0.0.1", 6632):
        store.execute(command, Context(actor="test"))
    for step in islice(steps(1, 0), COMMANDS):
        store.execute(step.command, Context(actor="test", command_id=step.id))
    found = list(log.read())
    log.close()
    return found


def topology(records: list[Record]) -> Topology:
    made = Topology()
    for record in records:
        fold(made, record)
    return made


def documents(records: list[Record]) -> Documents:
    view = expected_view(topology(records), BASE)
    names = frozenset(path.removeprefix(f"{BASE}/") for path in view if path.startswith(f"{BASE}/models/"))
    return Documents(len(records), names, len(records))


def faults(records: list[Record], *samples: Documents | Rows) -> list[str]:
    seen = [sample for sample in samples if isinstance(sample, Documents)]
    held = [sample for sample in samples if isinstance(sample, Rows)]
    return [*verify.documents_seen(records, seen, BASE), *verify.rows_seen(records, held)]


def test_load_of_a_writer_is_deterministic() -> None:
    assert list(islice(steps(1, 2), 200)) == list(islice(steps(1, 2), 200))
    assert list(islice(steps(1, 2), 9)) != list(islice(steps(2, 2), 9))


def test_lost_duplicate_and_misplaced_commands_are_found(records: list[Record]) -> None:
    commits = verify.chain(record.raw for record in records)
    acks = [Ack(commit["id"], commit["position"]) for commit in commits]
    assert list(verify.acknowledged(commits, acks)) == []
    assert len(list(verify.acknowledged(commits, [*acks, Ack("lost", 9)]))) == 1
    assert len(list(verify.acknowledged(commits, [acks[0]._replace(position=7)]))) == 1
    assert len(list(verify.acknowledged([*commits, {**commits[3], "position": len(commits) + 1}], []))) == 1


def test_chain_ends_at_an_altered_record(records: list[Record]) -> None:
    raw = [record.raw for record in records]
    assert len(verify.chain(raw)) == len(raw)
    assert len(verify.chain([*raw[:5], raw[4], *raw[5:]])) == len(raw), "a duplicate is skipped"
    assert len(verify.chain([*raw[:5], raw[5].replace(b"writer", b"wright"), *raw[6:]])) <= len(raw)
    assert len(verify.chain([*raw[:5], raw[5][:-1] + b" }", *raw[6:]])) == 6


@pytest.mark.parametrize("end", [20, 40, COMMANDS + 1])
def test_missing_and_extra_documents_are_found(records: list[Record], end: int) -> None:
    good = documents(records[:end])
    assert faults(records, good) == []
    assert len(faults(records, good._replace(names=good.names - {min(good.names)}))) == 1
    assert len(faults(records, good._replace(names=good.names | {"models/bridge/other"}))) == 1
    assert len(faults(records, good._replace(names=frozenset()))) == 1


@pytest.mark.parametrize("end", [20, 40, COMMANDS + 1])
def test_missing_and_extra_rows_are_found(records: list[Record], end: int) -> None:
    good = verify.as_sample(topology(records[:end]))
    assert good.macs
    assert faults(records, good) == []
    assert len(faults(records, good._replace(macs=good.macs - {min(good.macs)}))) == 1
    assert len(faults(records, good._replace(switches=good.switches | {"mn-other"}))) == 1
    assert len(faults(records, good._replace(bindings=frozenset()))) == 1


def test_view_that_goes_back_is_found(records: list[Record]) -> None:
    early, late = documents(records[:20]), documents(records[:30])
    assert faults(records, early, late, late) == []
    assert faults(records, late, early) == ["the checkpoint in ZooKeeper went back from 30 to 20"]
    rows = [verify.as_sample(topology(records[:end])) for end in (30, 20)]
    assert faults(records, *rows) == ["the checkpoint in OVSDB went back from 30 to 20"]


def test_commits_equal_their_decoded_bytes(records: list[Record]) -> None:
    assert [msgspec.json.decode(record.raw) for record in records] == verify.chain(record.raw for record in records)
