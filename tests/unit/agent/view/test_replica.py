"""The replica is never torn, however reads, events and transactions interleave, and it never stops short."""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from random import Random
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midonet.agent.view.documents import Node
from midonet.agent.view.replica import Replica

HOST = str(UUID(int=1))
ROOT = "/midonet"
POINTER = f"{ROOT}/nsdb"


class Tree:
    """As much of ZooKeeper as a reader sees: transactions, their numbers, and events in order."""

    def __init__(self) -> None:
        self.zxid = 0
        self.nodes: dict[str, Node] = {}
        self.children_changed: dict[str, int] = {}
        self.events: deque[str] = deque()

    def commit(self, changes: Mapping[str, bytes | None]) -> None:
        """Create, change and remove (None) nodes in one transaction."""
        self.zxid += 1
        for path, data in changes.items():
            if (path in self.nodes) != (data is not None):
                self.children_changed[path.rpartition("/")[0]] = self.zxid
            if data is None:
                self.nodes.pop(path, None)
            else:
                self.nodes[path] = Node(data, self.zxid)
            self.events.append(path)

    def read(self, path: str) -> Node:
        """Return a node, or since when it is absent: the children of its parent changed then."""
        return self.nodes.get(path) or Node(None, self.children_changed.get(path.rpartition("/")[0], 0))

    def take(self, n: int | None = None) -> list[str]:
        """Return the next events."""
        return [self.events.popleft() for _ in range(len(self.events) if n is None else n)]


def encode(value: object) -> bytes:
    return json.dumps(value).encode()


def view(generation: str, objects: dict[str, tuple[str, str, str]], *, known: bool = True) -> dict[str, bytes]:
    """Return the nodes of a view of (kind, document, name) by id."""
    base = f"{POINTER}/{generation}"
    documents: dict[str, dict[str, object]] = {}
    for object_id, (kind, document, name) in objects.items():
        packed = documents.setdefault(f"{base}/models/{kind}/{document}", {})
        packed[object_id] = {"id": object_id, "kind": kind, "name": name}
    nodes = {path: encode({"objects": packed}) for path, packed in documents.items()}
    return nodes | {f"{base}/hosts/{HOST}": encode({"position": 1, "documents": sorted(documents)})} if known else nodes


def checkpoint(generation: str, position: int) -> dict[str, bytes]:
    return {f"{POINTER}/{generation}/checkpoint": encode({"position": position, "hash": f"h{position}"})}


def one_round(replica: Replica, tree: Tree) -> None:
    replica.changed(tree.take())
    for path in replica.wanted():
        replica.store(path, tree.read(path))
    replica.changed(tree.take())
    replica.update_snapshot()


def catch_up(replica: Replica, tree: Tree) -> None:
    for _ in range(6):
        one_round(replica, tree)
    assert not replica.pending


def held(replica: Replica) -> dict[str, str | None]:
    assert replica.snapshot is not None
    return {i: entity.name for objects in replica.snapshot.objects.values() for i, entity in objects.items()}


@pytest.fixture
def tree() -> Tree:
    tree = Tree()
    tree.commit({POINTER: b'{"generation":"1"}', **view("1", {"a": ("bridge", "x", "A")}), **checkpoint("1", 1)})
    return tree


@pytest.fixture
def replica(tree: Tree) -> Replica:
    replica = Replica(ROOT, HOST)
    catch_up(replica, tree)
    return replica


def test_holds_the_view_at_its_checkpoint(replica: Replica) -> None:
    assert held(replica) == {"a": "A"}
    assert replica.snapshot is not None
    assert (replica.snapshot.position, replica.snapshot.hash, replica.snapshot.generation) == (1, "h1", "1")
    assert replica.snapshot.in_topology
    assert replica.waiting is None


def test_without_a_view_there_is_nothing_but_a_reason() -> None:
    replica = Replica(ROOT, HOST)
    catch_up(replica, Tree())
    assert replica.snapshot is None
    assert replica.waiting == f"no view is published at {POINTER}"


def test_unknown_host_has_an_empty_snapshot(tree: Tree) -> None:
    replica = Replica(ROOT, str(UUID(int=2)))
    catch_up(replica, tree)
    assert replica.snapshot is not None
    assert not replica.snapshot.in_topology
    assert replica.snapshot.position == 1
    assert not held(replica)


def test_only_what_changed_is_read_again(replica: Replica, tree: Tree) -> None:
    tree.commit({f"{POINTER}/1/models/bridge/other": b"{}", **checkpoint("1", 2)})
    replica.changed(tree.take())
    assert replica.wanted() == [f"{POINTER}/1/checkpoint"]


def test_a_commit_in_several_transactions_shows_with_the_last(replica: Replica, tree: Tree) -> None:
    tree.commit(view("1", {"a": ("bridge", "x", "B")}))
    catch_up(replica, tree)
    assert held(replica) == {"a": "A"}
    assert replica.waiting == f"{POINTER}/1/hosts/{HOST} is ahead of the checkpoint"
    tree.commit(checkpoint("1", 2))
    catch_up(replica, tree)
    assert held(replica) == {"a": "B"}


def test_a_document_edited_by_hand_is_not_adopted(replica: Replica, tree: Tree) -> None:
    tree.commit({f"{POINTER}/1/models/bridge/x": b'{"objects":{}}'})
    catch_up(replica, tree)
    assert held(replica) == {"a": "A"}


@pytest.mark.parametrize("content", [b"not JSON", b'{"objects":{"a":{"id":7}}}', b"[]", b"\xff", None])
def test_bad_document_keeps_its_last_good_state(replica: Replica, tree: Tree, content: bytes | None) -> None:
    objects = {"a": ("bridge", "x", "A"), "b": ("bridge", "y", "B1")}
    tree.commit({**view("1", objects), **checkpoint("1", 2)})
    catch_up(replica, tree)
    bad = f"{POINTER}/1/models/bridge/x"
    tree.commit({**view("1", objects | {"b": ("bridge", "y", "B2")}), bad: content, **checkpoint("1", 3)})
    catch_up(replica, tree)
    assert held(replica) == {"a": "A", "b": "B2"}
    assert list(replica.problems) == [bad]
    tree.commit({**view("1", {"a": ("bridge", "x", "A2")}), **checkpoint("1", 4)})
    catch_up(replica, tree)
    assert held(replica) == {"a": "A2"}
    assert not replica.problems


def test_moved_object_replaces_the_copy_of_a_bad_document(replica: Replica, tree: Tree) -> None:
    bad = f"{POINTER}/1/models/bridge/x"
    moved = {"a": ("bridge", "y", "moved"), "b": ("bridge", "x", "B")}
    tree.commit({**view("1", moved), bad: b"garbage", **checkpoint("1", 2)})
    catch_up(replica, tree)
    assert held(replica) == {"a": "moved"}
    tree.commit({**view("1", moved), **checkpoint("1", 3)})
    catch_up(replica, tree)
    assert held(replica) == {"a": "moved", "b": "B"}


def test_a_kind_of_a_newer_release_is_passed_over(replica: Replica, tree: Tree) -> None:
    tree.commit({**view("1", {"a": ("bridge", "x", "A"), "b": ("teapot", "y", "B")}), **checkpoint("1", 2)})
    catch_up(replica, tree)
    assert held(replica) == {"a": "A"}
    assert replica.problems == {f"{POINTER}/1/models/teapot/y": "this release does not support the kind 'teapot'"}


@pytest.mark.parametrize("path", [f"{POINTER}/1/checkpoint", f"{POINTER}/1/hosts/{HOST}"], ids=["checkpoint", "index"])
def test_without_checkpoint_or_index_the_last_snapshot_stays(replica: Replica, tree: Tree, path: str) -> None:
    tree.commit({**checkpoint("1", 2), **view("1", {"a": ("bridge", "x", "B")}), path: b"garbage"})
    catch_up(replica, tree)
    assert held(replica) == {"a": "A"}
    assert replica.waiting is not None
    assert replica.waiting.startswith(path)
    tree.commit({**view("1", {"a": ("bridge", "x", "C")}), **checkpoint("1", 3)})
    catch_up(replica, tree)
    assert held(replica) == {"a": "C"}


def test_an_index_that_names_a_foreign_path_is_refused(replica: Replica, tree: Tree) -> None:
    index = encode({"position": 2, "documents": ["/etc/passwd"]})
    tree.commit({f"{POINTER}/1/hosts/{HOST}": index, **checkpoint("1", 2)})
    catch_up(replica, tree)
    assert held(replica) == {"a": "A"}
    assert "not the path of a document" in (replica.waiting or "")


def test_an_index_may_be_in_parts_and_counts_when_all_of_them_were_read(replica: Replica, tree: Tree) -> None:
    index = f"{POINTER}/1/hosts/{HOST}"
    nodes = view("1", {"a": ("bridge", "x", "A"), "b": ("bridge", "y", "B"), "c": ("bridge", "z", "C")}, known=False)
    first, second, third = sorted(nodes)
    nodes[index] = encode({"position": 2, "documents": [f"{index}-0", f"{index}-1"]})
    tree.commit({**nodes, f"{index}-0": encode({"position": 2, "documents": [first]}), **checkpoint("1", 2)})
    catch_up(replica, tree)
    assert held(replica) == {"a": "A"}, "as before"
    assert replica.waiting == f"{index}-1: does not exist"
    tree.commit({f"{index}-1": encode({"position": 3, "documents": [second]}), **checkpoint("1", 3)})
    catch_up(replica, tree)
    assert held(replica) == {"a": "A", "b": "B"}
    tree.commit({f"{index}-1": encode({"position": 4, "documents": [second, third]}), **checkpoint("1", 4)})
    catch_up(replica, tree)
    assert held(replica) == {"a": "A", "b": "B", "c": "C"}
    tree.commit({index: encode({"position": 5, "documents": [second]}), **checkpoint("1", 5)})
    catch_up(replica, tree)
    assert held(replica) == {"b": "B"}


def test_a_new_generation_is_adopted_when_it_is_whole(replica: Replica, tree: Tree) -> None:
    tree.commit({POINTER: b'{"generation":"2"}', **view("2", {"b": ("bridge", "x", "B")})})
    catch_up(replica, tree)
    assert held(replica) == {"a": "A"}
    assert replica.waiting == f"{POINTER}/2/checkpoint: does not exist"
    tree.commit(checkpoint("2", 5))
    catch_up(replica, tree)
    assert held(replica) == {"b": "B"}


@pytest.mark.parametrize("pointer", [b"garbage", b'{"generation":""}', b'{"generation":"a/b"}'])
def test_a_pointer_that_makes_no_sense_changes_nothing(replica: Replica, tree: Tree, pointer: bytes) -> None:
    tree.commit({POINTER: pointer})
    tree.commit({**view("1", {"a": ("bridge", "x", "B")}), **checkpoint("1", 2)})
    catch_up(replica, tree)
    assert held(replica) == {"a": "B"}
    assert list(replica.problems) == [POINTER]


def test_a_view_that_was_removed_is_kept(replica: Replica, tree: Tree) -> None:
    tree.commit(dict.fromkeys(list(tree.nodes)))
    catch_up(replica, tree)
    assert held(replica) == {"a": "A"}
    assert replica.waiting == f"no view is published at {POINTER}"


def test_after_a_lost_connection_everything_is_read_again(replica: Replica, tree: Tree) -> None:
    tree.commit({**view("1", {"a": ("bridge", "x", "B")}), **checkpoint("1", 2)})
    tree.events.clear()
    catch_up(replica, tree)
    assert held(replica) == {"a": "A"}
    replica.invalidate()
    catch_up(replica, tree)
    assert held(replica) == {"a": "B"}


def test_restored_data_are_distinguished_from_same_version(replica: Replica, tree: Tree) -> None:
    tree.zxid -= 1  # as the server counts on from older data
    tree.commit({**view("1", {"a": ("bridge", "x", "B")}), **checkpoint("1", 1)})
    tree.events.clear()
    replica.invalidate()
    catch_up(replica, tree)
    assert held(replica) == {"a": "B"}


class Writer:
    """Changes a view at random, each commit in one or more transactions, and knows what each position means."""

    def __init__(self, tree: Tree, random: Random) -> None:
        self.tree = tree
        self.random = random
        self.generation = 1
        self.position = 0
        self.objects: dict[str, tuple[str, str, str]] = {}
        self.known = False
        self.nodes: dict[str, bytes] = {}
        self.meaning: dict[int, dict[str, str]] = {}
        self.transactions: deque[dict[str, bytes | None]] = deque([{POINTER: b'{"generation":"1"}'}])

    def step(self) -> None:
        """Do the next transaction."""
        if not self.transactions:
            self.transactions.extend(self._commit())
        self.tree.commit(self.transactions.popleft())

    def finish(self) -> None:
        """Do the rest of the commit that was begun."""
        while self.transactions or not self.position:
            self.step()

    def _commit(self) -> Iterator[dict[str, bytes | None]]:
        self.position += 1
        self._change()
        rebuild = self.random.random() < 0.1
        if rebuild:
            self.generation += 1
            self.nodes = {}
        yield from self._rewrite()
        if rebuild:
            yield {POINTER: encode({"generation": str(self.generation)})}

    def _change(self) -> None:
        pick = self.random
        self.known = pick.random() < 0.9
        for object_id in pick.sample("abcdefgh", pick.randint(1, 4)):
            if pick.random() < 0.3:
                self.objects.pop(object_id, None)
            else:
                kind = "bridge" if object_id < "e" else "router"
                self.objects[object_id] = (kind, pick.choice("xyz"), f"{object_id}{self.position}")
        self.meaning[self.position] = {i: name for i, (_, _, name) in self.objects.items() if self.known}

    def _rewrite(self) -> Iterator[dict[str, bytes | None]]:
        before, self.nodes = self.nodes, view(str(self.generation), self.objects, known=self.known)
        changed = [path for path in sorted(before.keys() | self.nodes) if before.get(path) != self.nodes.get(path)]
        self.random.shuffle(changed)
        cut = self.random.randint(0, len(changed)) if self.random.random() < 0.5 else 0
        if cut:
            yield {path: self.nodes.get(path) for path in changed[:cut]}
        moved = checkpoint(str(self.generation), self.position)
        yield {**{path: self.nodes.get(path) for path in changed[cut:]}, **moved}


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=True), st.floats(0, 0.7))
def test_never_torn_and_never_stuck(random: Random, haste: float) -> None:
    tree = Tree()
    writer = Writer(tree, random)
    replica = Replica(ROOT, HOST)
    for _ in range(25):
        replica.changed(tree.take(random.randint(0, len(tree.events))))
        for path in replica.wanted():
            while random.random() < haste:
                writer.step()
            replica.store(path, tree.read(path))
        if random.random() < haste:
            writer.step()
        replica.changed(tree.take())
        if random.random() < 0.05:
            replica.invalidate()
        replica.update_snapshot()
        if replica.snapshot is not None:
            assert held(replica) == writer.meaning[replica.snapshot.position]
        if not replica.pending:
            writer.step()
    writer.finish()
    catch_up(replica, tree)
    assert replica.snapshot is not None
    assert replica.snapshot.position == writer.position
    assert held(replica) == writer.meaning[writer.position]
