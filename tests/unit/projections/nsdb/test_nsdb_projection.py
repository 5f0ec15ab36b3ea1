"""What a change touches in the agents' view, and what an index is compared by."""

from typing import Any

import msgspec
import pytest
from world import World

from midonet.events.model import Entity
from midonet.events.topology.evolve import Change
from midonet.projections.nsdb import NsdbProjection, differences, expected_view, same_document

BASE = "/midonet/nsdb/1"


@pytest.fixture
def world() -> World:
    """Two bridges behind a router, and a third one alone; 100 ports each; two hosts."""
    made = World()
    router = made.create("router", "r")
    for host in ("h1", "h2"):
        made.create("host", host)
        made.create("tunnel-zone", f"of-{host}", members=[{"host": host, "address": "172.16.0.1"}])
    for name in ("b1", "b2", "alone"):
        bridge = made.create("bridge", name)
        for number in range(100):
            made.create("port", f"{name}-{number}", bridge=bridge)
        if name != "alone":
            uplink, downlink = made.create("port", bridge=bridge), made.create("port", router=router)
            made.set("port", uplink, peer=downlink)
    made.set("port", "b1-0", host="h1", interface="tap0")
    return made


class Followed:
    """A projection and its topology."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.projection = NsdbProjection(BASE)
        self.projection.attach(world.topology)

    def touched(self, kind: str, ref: str, /, **fields: Any) -> set[str]:
        """Return the keys that setting fields touches."""
        old = self.world.get(kind, ref)
        self.world.set(kind, ref, **fields)
        return self.projection.apply([Change(kind, old.id, old, self.world.topology.find(old.id))])

    def created(self, kind: str, **fields: Any) -> set[str]:
        """Return the keys that creating an object touches."""
        object_id = self.world.create(kind, **fields)
        return self.projection.apply([Change(kind, object_id, None, self.world.topology.find(object_id))])

    def documents(self, host: str) -> list[str]:
        """Return what the index of a host names."""
        raw = self.projection.render(index(self.world.get("host", host)))
        assert raw is not None
        return [path.removeprefix(f"{BASE}/models/") for path in msgspec.json.decode(raw)["documents"]]


def index(host: Entity) -> str:
    return f"hosts/{host.id}"


def test_an_ordinary_change_touches_one_document_and_no_index(world: World) -> None:
    followed = Followed(world)
    assert len(followed.touched("port", "b1-1", name="renamed")) == 1
    assert len(followed.touched("port", "b1-0", admin_state_up=False)) == 1
    assert len(followed.touched("bridge", "b1", tenant="t")) == 1
    assert len(followed.touched("port", "b1-2", host="h1", interface="tap2")) == 1
    documents = [followed.created("port", bridge=world.get("bridge", "b2").id) for _ in range(20)]
    assert all(len(touched) == 1 for touched in documents)
    followed.touched("bridge", "b1", inbound_filter=world.create("chain", "c"))
    assert len(followed.touched("port", "b1-3", inbound_filter="c")) == 1


def test_changed_dependencies_affect_one_index_only(world: World) -> None:
    followed = Followed(world)
    h1, h2 = (index(world.get("host", name)) for name in ("h1", "h2"))
    assert followed.touched("port", "b2-0", host="h2", interface="tap0") & {h1, h2} == {h2}
    assert followed.touched("port", "alone-0", host="h1", interface="tap9") & {h1, h2} == {h1}
    followed.created("chain", name="c")
    assert followed.touched("bridge", "alone", inbound_filter="c") & {h1, h2} == {h1}
    assert followed.touched("bridge", "b2", inbound_filter="c") & {h1, h2} == {h1, h2}


def test_an_index_names_what_is_behind_links_and_nothing_else(world: World) -> None:
    followed = Followed(world)
    b1, b2, alone, router = (
        world.get(k, n).id for k, n in [*(("bridge", b) for b in ("b1", "b2", "alone")), ("router", "r")]
    )
    near = followed.documents("h1")
    assert {f"bridge/{b1}", f"bridge/{b2}", f"router/{router}", f"port/{router}"} <= set(near)
    assert len([name for name in near if name.startswith(f"port/{b2}-")]) == 2
    assert not [name for name in near if alone in name]
    h2, zone = world.get("host", "h2"), world.get("tunnel-zone", "of-h2")
    assert followed.documents("h2") == [f"host/{h2.id}", f"tunnel-zone/{zone.id}"]


def test_an_index_that_names_the_same_is_the_same_whenever_it_was_written() -> None:
    old, new = b'{"documents":["/a","/b"],"position":3}', b'{"documents":["/a","/b"],"position":7}'
    assert same_document(old, new)
    assert not same_document(new, old)
    assert not same_document(b'{"documents":["/a"],"position":3}', new)
    assert not same_document(b'{"documents":["/a","/b"],"position":"3"}', new)
    assert not same_document(b"", new)
    assert same_document(b'{"documents":[],"position":0}', b'{"documents":[],"position":1}')
    assert not same_document(b'{"objects":{"a":{}}}', b'{"objects":{}}')


def test_differences_name_what_only_one_of_two_views_has(world: World) -> None:
    view = expected_view(world.topology, BASE)
    assert differences(view, view) == []
    gone = next(iter(view))
    assert differences({path: value for path, value in view.items() if path != gone}, view) == [gone]
    assert differences({**view, "/more": b"x"}, view) == ["/more"]
