"""Changes of the view by other clients are repaired at once, recorded with the value found, and nothing else is."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NotEmptyError
from kazoo.security import CREATOR_ALL_ACL, make_acl
from projected import Keeper, Projected
from waiting import eventually

from midonet.events.commands.command import Delete, Retry, Skip
from midonet.projections.engine.drift import DriftRecord

READ_ONLY = [make_acl("world", "anyone", read=True, admin=True)]
FORGED = {"position": 999_999, "hash": "f" * 64}


def deleted(hands: KazooClient, path: str) -> None:
    hands.delete(path)


def edited(hands: KazooClient, path: str) -> None:
    hands.set(path, b"edited")


def forged(hands: KazooClient, path: str) -> None:
    hands.set(path, json.dumps(FORGED).encode())


def set_back(hands: KazooClient, path: str) -> None:
    hands.set(path, json.dumps({"position": 1, "hash": "1" * 64}).encode())


def elsewhere(hands: KazooClient, path: str) -> None:
    hands.set(path, b'{"generation": "77"}')


def rooted_out(hands: KazooClient, path: str) -> None:
    with suppress(NotEmptyError):  # it may be there again before all of it is gone
        hands.delete(path, recursive=True)


def locked(hands: KazooClient, path: str) -> None:
    hands.set_acls(path, READ_ONLY)
    hands.set(path.rpartition("/")[0], b"")  # nothing tells of it: the next look finds it


def added(hands: KazooClient, path: str) -> None:
    hands.create(path.rpartition("/")[0] + "/00000000-0000-4000-8000-000000000000", b"stale")


def place(projected: Projected, what: str) -> str:
    (bridge,) = projected.store.topology.all("bridge")
    (host,) = projected.store.topology.all("host")
    return {
        "document": f"{projected.base}/models/bridge/{bridge}",
        "index": f"{projected.base}/hosts/{host}",
        "checkpoint": f"{projected.base}/checkpoint",
        "pointer": f"{projected.root}/nsdb",
    }[what]


@pytest.fixture
def kept(projected: Projected) -> Keeper:
    """A view that is kept, of a bridge and a host, among nodes of others."""
    projected.create("bridge", name="web")
    projected.create("host", name="hv1")
    keeper = projected.keep(reconcile_interval=1.0)
    projected.settle()
    return keeper


Case = tuple[str, Callable[[KazooClient, str], None], str, str]
"""What is touched, how, and the key and kind of the record."""

KINDS: list[Case] = [
    ("document", deleted, "models/bridge", "missing"),
    ("document", edited, "models/bridge", "different"),
    ("document", added, "models/bridge", "extra"),
    ("index", edited, "hosts", "different"),
    ("document", locked, "models/bridge", "different"),
    ("checkpoint", deleted, "checkpoint", "missing"),
    ("checkpoint", edited, "checkpoint", "missing"),
    ("checkpoint", forged, "checkpoint", "different"),
    ("checkpoint", set_back, "checkpoint", "different"),
    ("pointer", edited, "nsdb", "different"),
    ("pointer", elsewhere, "nsdb", "different"),
    ("pointer", rooted_out, "models", "missing"),
]


@pytest.mark.parametrize("case", KINDS, ids=[f"{what}-{deed.__name__}" for what, deed, *_ in KINDS])
def test_drift_is_repaired_and_recorded(projected: Projected, kept: Keeper, case: Case) -> None:
    what, deed, key, kind = case
    hands = projected.kazoo()
    if deed is not rooted_out:
        foreign = {f"{projected.base}/models/bridge/notes": b"mine", f"{projected.root}/state/x": b"ours"}
        for path, data in foreign.items():
            hands.create(path, data, makepath=True)
    deed(hands, place(projected, what))
    repairs = kept.runner.drift
    eventually(lambda: any(repair.key.startswith(key) and repair.kind == kind for repair in repairs.since(0)))
    eventually(lambda: not projected.differences())
    head = projected.store.topology.head
    eventually(lambda: projected.reader.checkpoint().position == head.position)
    assert json.loads(hands.get(place(projected, "pointer"))[0]) == {"generation": "1"}
    eventually(lambda: kept.runner.status().state == "live")
    if deed is not rooted_out:
        assert {path: hands.get(path)[0] for path in foreign} == foreign
    projected.create("bridge", name="afterwards")
    projected.settle()
    assert projected.differences() == []


def test_a_node_gets_its_very_bytes_again(projected: Projected, kept: Keeper) -> None:
    hands = projected.kazoo()
    paths = [place(projected, what) for what in ("document", "index", "checkpoint", "pointer")]
    projected.create("bridge", name="later")  # what is made from now on says so
    projected.settle()
    before = {path: hands.get(path)[0] for path in paths}
    for path in paths:
        hands.set(path, b"edited")
    eventually(lambda: {path: hands.get(path)[0] for path in paths} == before)
    eventually(lambda: len(kept.runner.drift) == len(paths))


def only(keeper: Keeper) -> DriftRecord:
    eventually(lambda: len(keeper.runner.drift))
    (found,) = keeper.runner.drift.since(0)
    return found


def test_record_has_the_difference_and_its_commit(projected: Projected, kept: Keeper) -> None:
    hands, path = projected.kazoo(), place(projected, "document")
    document: dict[str, Any] = json.loads(hands.get(path)[0])
    ((bridge, found),) = document["objects"].items()
    found["name"] = "mallory"
    hands.set(path, json.dumps(document).encode())
    repair = only(kept)
    assert (repair.projection, repair.key, repair.kind, repair.position) == ("nsdb", path[-50:], "different", 1)
    assert json.loads(repair.found or "") == {"objects": {bridge: {"name": "mallory"}}}
    assert json.loads(repair.expected or "") == {"objects": {bridge: {"name": "web"}}}


def test_unreadable_node_is_recreated(projected: Projected, kept: Keeper) -> None:
    hands = projected.kazoo()
    hands.add_auth("digest", "mallory:secret")
    hands.set_acls(place(projected, "document"), CREATOR_ALL_ACL)
    hands.set_acls(place(projected, "checkpoint"), CREATOR_ALL_ACL)
    eventually(lambda: len(kept.runner.drift))
    assert projected.differences() == []


def test_foreign_child_node_delays_the_deletion(projected: Projected, kept: Keeper) -> None:
    hands, path = projected.kazoo(), place(projected, "document")
    hands.create(f"{path}/foreign", b"mine")
    projected.run(Delete("bridge", path[-36:]))
    projected.create("bridge", name="other")
    projected.settle()
    eventually(lambda: kept.runner.status().parked)
    assert "foreign child nodes" in next(iter(kept.runner.status().parked.values()))
    hands.delete(f"{path}/foreign")
    eventually(lambda: not kept.runner.status().parked)
    eventually(lambda: not projected.differences())


def test_key_can_be_skipped_temporarily(projected: Projected, kept: Keeper) -> None:
    hands, path = projected.kazoo(), place(projected, "document")
    projected.run(Skip("nsdb", path[-50:]))
    projected.settle()
    hands.set(path, b"for an experiment")
    eventually(lambda: kept.runner.status().parked)
    projected.set("bridge", path[-36:], name="renamed")
    projected.settle()
    assert hands.get(path)[0] == b"for an experiment"
    assert "skipped by an operator" in kept.runner.status().parked[path[-50:]]
    projected.run(Retry("nsdb"))
    eventually(lambda: not projected.differences())
    eventually(lambda: kept.runner.status().parked == {})
