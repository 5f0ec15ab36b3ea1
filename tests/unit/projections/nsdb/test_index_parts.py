"""An index that one node of ZooKeeper cannot hold is cut into parts that can be held, and changes part by part."""

from uuid import UUID

import msgspec
from world import World

from midonet.events.topology.evolve import Change
from midonet.projections.nsdb import NsdbProjection
from midonet.projections.nsdb.index_parts import MAX_BYTES, share
from midonet.projections.zookeeper.layout import is_document

BASE = "/midonet/nsdb/1"
INDEX = f"hosts/{UUID(int=1)}"


def paths(number: int) -> list[str]:
    return [f"{BASE}/models/bridge/{UUID(int=each)}" for each in range(number)]


def test_an_index_is_one_node_up_to_the_limit_and_in_parts_that_fit_beyond() -> None:
    """Some 12,000 devices are what one node holds."""
    most = MAX_BYTES // (len(paths(1)[0]) + 3)
    assert share(INDEX, BASE, paths(most), MAX_BYTES) == paths(most)
    assert share(f"{INDEX}-0", BASE, paths(most), MAX_BYTES) is None
    for number in (most + 1, 50_000):
        named = share(INDEX, BASE, paths(number), MAX_BYTES) or []
        keys = [path.removeprefix(f"{BASE}/") for path in named]
        found = [share(key, BASE, paths(number), MAX_BYTES) or [] for key in keys]
        assert all(map(is_document, keys))
        assert sorted(path for part in found for path in part) == paths(number)
        assert max(len(msgspec.json.encode(part)) for part in found) < MAX_BYTES


def test_a_device_more_rewrites_one_part_and_what_is_no_longer_needed_goes() -> None:
    world = World()
    router = world.create("router", "r")
    host = world.create("host", "h1")
    world.create("tunnel-zone", "z", members=[{"host": host, "address": "172.16.0.1"}])

    def link(number: int) -> None:
        bridge = world.create("bridge", f"b{number}")
        uplink, downlink = world.create("port", f"up{number}", bridge=bridge), world.create("port", router=router)
        world.set("port", uplink, peer=downlink)

    link(0)
    world.set("port", world.create("port", "vm", bridge="b0"), host=host, interface="tap0")
    projection = NsdbProjection(BASE, index_bytes=4_000)
    projection.attach(world.topology)

    def view() -> dict[str, list[str]]:
        projection.attach(world.topology)
        keys = [key for key in projection.keys() if key.startswith("hosts/")]  # noqa: SIM118 - no mapping
        return {
            key: msgspec.json.decode(value)["documents"]
            for key in keys
            if (value := projection.render(key)) is not None
        }

    assert list(view()) == [f"hosts/{host}"]
    for number in range(1, 60):
        link(number)
    before = view()
    assert before[f"hosts/{host}"] == [f"{BASE}/{key}" for key in before if "-" in key.removeprefix(f"hosts/{host}")]
    assert len(before) > 4
    link(60)
    after = view()
    assert 0 < sum(before[key] != after[key] for key in before) <= 3
    kept = {key for key in projection.keys() if key.startswith("hosts/")}  # noqa: SIM118 - no mapping
    for number in range(1, 61):
        ends = [up := world.get("port", f"up{number}"), world.topology.find(up.peer)]
        world.set("port", up.id, peer=None)
        changes = [Change("port", end.id, end, world.topology.find(end.id)) for end in ends]
        assert kept <= projection.apply(changes)
    assert {key for key in kept if projection.render(key) is not None} == {f"hosts/{host}"}
