"""Indexes follow the objects whenever they are asked, however many changes came in between."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from midonet.events.model.bridge import Bridge, MacEntry
from midonet.events.model.port import Port
from midonet.events.topology.topology import Topology

IDS = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(6)]
HOST = "00000000-0000-4000-8000-0000000000ff"

ids = st.sampled_from(IDS)
names = st.sampled_from([None, "a", "b"])
objects = (
    st.builds(Bridge, id=ids, name=names, tunnel_key=st.none() | st.integers(1, 3))
    | st.builds(Port, id=ids, name=names, bridge=ids, host=st.sampled_from([None, HOST]), interface=names)
    | st.builds(MacEntry, id=ids, bridge=ids, port=ids, mac=st.sampled_from(["02:00:00:00:00:01", "02:00:00:00:00:02"]))
)
steps = st.lists(st.tuples(objects, st.booleans(), st.booleans()))


def asked(topology: Topology) -> Any:
    """Return all that indexes say of a few objects, in whatever order they say it."""
    return (
        [sorted((entity.id, field) for entity, field in topology.referring(one)) for one in IDS],
        [sorted(entity.id for entity in topology.named(kind, name)) for kind in ("bridge", "port") for name in "ab"],
        [sorted(topology.sharing(entity)) for entity in sorted(topology, key=lambda entity: entity.id)],
        [topology.is_taken("tunnel-key", number) for number in range(5)],
    )


@given(steps)
def test_render_equals_that_of_a_new_topology(steps: list[tuple[Any, bool, bool]]) -> None:
    topology = Topology()
    asked(topology)  # from now on there are indexes
    for entity, goes, asks in steps:
        if not isinstance(topology.find(entity.id), type(entity)):  # an id that another kind had is free before
            topology.swap(entity.id, None)
        topology.swap(entity.id, None if goes else entity)
        if asks:
            asked(topology)
    anew = Topology()
    for entity in topology:
        anew.fill(entity.KIND, [entity])
    assert asked(topology) == asked(anew)


def test_removed_object_leaves_no_index_entry() -> None:
    topology = Topology()
    bridge = Bridge(id=IDS[0], name="a")
    assert topology.named("bridge", "a") == []
    topology.swap(bridge.id, bridge)
    assert topology.named("bridge", "a") == [bridge]
    topology.swap(bridge.id, None)
    topology.swap(bridge.id, bridge)
    topology.swap(bridge.id, None)
    assert topology.named("bridge", "a") == []
