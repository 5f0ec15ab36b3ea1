"""History in words: labels, changes, differences, and what people mean by a name that was once in use."""

from time import process_time

import pytest
from world import World

from midonet.events.commit import Event
from midonet.events.errors import AmbiguousRef, NotFound
from midonet.events.queries.describe import describe
from midonet.events.queries.diff import difference
from midonet.events.queries.names import Names
from midonet.events.topology.evolve import evolve
from midonet.events.topology.topology import Topology


class Told(World):
    """A world that tells what happens in it."""

    def __init__(self) -> None:
        super().__init__()
        self.names = Names()

    def tell(self, *events: Event) -> list[str]:
        """Return the lines for events, in their order."""
        for event in events:
            self.names.add(event)
        return [describe(event, self.names) for event in events]


@pytest.fixture
def world() -> Told:
    world = Told()
    world.tell(*world.apply({"kind": "host", "name": "hv1"}, {"kind": "host", "name": "hv2"}).events)
    members = [{"host": "hv1", "address": "172.16.0.1"}, {"host": "hv2", "address": "172.16.0.2"}]
    world.tell(*world.apply({"kind": "tunnel-zone", "name": "underlay", "members": members}).events)
    world.tell(*world.apply({"kind": "bridge", "name": "web", "ports": [{"name": "p1"}]}).events)
    return world


def test_change_is_described_as_a_domain_event(world: Told) -> None:
    assert world.tell(*world.set("port", "p1", host="hv1", interface="eth0").events) == [
        "port p1 of bridge web bound: host none → hv1, interface none → eth0"
    ]
    assert world.tell(*world.set("port", "p1", host="hv2").events) == ["port p1 of bridge web bound: host hv1 → hv2"]
    assert world.tell(*world.set("bridge", "web", admin_state_up=False).events) == [
        "bridge web: admin_state_up true → false"
    ]


def test_new_object_is_described_with_its_set_fields(world: Told) -> None:
    world.create("router", "edge")
    decision = world.apply(
        {"kind": "port", "name": "gw", "router": "edge", "addresses": ["10.0.0.1/24", "10.0.1.1/24"]}
    )
    assert world.tell(*decision.events)[0].endswith("addresses 10.0.0.1/24, 10.0.1.1/24")


def test_lists_are_described_by_added_and_removed_items(world: Told) -> None:
    world.tell(
        *world.apply({"kind": "tunnel-zone", "name": "z", "members": [{"host": "hv1", "address": "10.0.0.1"}]}).events
    )
    events = world.set("tunnel-zone", "z", members=[{"host": "hv2", "address": "10.0.0.2"}]).events
    assert world.tell(*events) == ["tunnel-zone z: members + hv2 10.0.0.2 - hv1 10.0.0.1"]


def test_unnamed_objects_are_shown_by_identifying_fields(world: Told) -> None:
    document = {"kind": "bridge", "name": "web", "macs": [{"mac": "02:00:00:00:00:01", "port": "p1", "vlan": 7}]}
    assert world.tell(*world.apply(document).events) == [
        "mac-entry 02:00:00:00:00:01 7 of bridge web created: port web/p1"
    ]
    chain = {"kind": "chain", "name": "c", "rules": [{"action": "accept"}, {"action": "drop"}]}
    assert world.tell(*world.apply(chain).events)[-1] == "rule 2 of chain c created: action drop"


def test_the_deleted_keep_their_names(world: Told) -> None:
    assert world.tell(*world.delete("bridge", "web").events) == ["bridge web deleted", "port p1 of bridge web deleted"]
    assert world.names.find("p1").startswith("port/")
    assert world.names.find("web/p1") == world.names.find("p1") == world.names.find("port/p1")


def test_existing_object_precedes_a_deleted_one(world: Told) -> None:
    world.tell(*world.delete("bridge", "web").events)
    events = world.apply({"kind": "bridge", "name": "web"}).events
    world.tell(*events)
    assert world.names.find("web") == events[0].key


def test_a_name_of_two_kinds_is_ambiguous_until_the_kind_is_said(world: Told) -> None:
    world.tell(*world.apply({"kind": "router", "name": "web"}).events)
    with pytest.raises(AmbiguousRef) as caught:
        world.names.find("web")
    assert {candidate["kind"] for candidate in caught.value.details["candidates"]} == {"bridge", "router"}
    assert world.names.find("router/web").startswith("router/")
    key = world.names.find("bridge/web")
    assert world.names.find(key.partition("/")[2][:8]) == key


def test_unknown_object_is_not_found(world: Told) -> None:
    with pytest.raises(NotFound):
        world.names.find("p77")


def test_event_of_a_later_release_is_named_by_key() -> None:
    names = Names()
    event = Event("gadget.invented", 1, "gadget/7", {})
    names.add(event)
    assert describe(event, names) == "gadget/7 invented"


def test_unknown_reference_is_shown_as_its_id() -> None:
    event = Event("port.bound", 1, "port/p-id", {"changed": {"host": [None, "h-id"]}})
    assert describe(event, Names()) == "p-id bound: host none → h-id"


def test_names_may_come_from_a_topology(world: Told) -> None:
    names = Names(world.topology.find)
    assert names.label(world.get("port", "p1").id) == "port p1 of bridge web"
    assert names.short("no such id") == "no such id"


def test_a_difference_leads_from_one_state_to_the_other(world: Told) -> None:
    topology = Topology()
    start = [*world.apply({"kind": "bridge", "name": "b1"}, {"kind": "bridge", "name": "b2"}).events]
    for event in start:
        evolve(topology, event, 1)
    steps = [
        *world.set("bridge", "b1", tenant="t1").events,
        *world.set("bridge", "b1", tenant="t2").events,
        *world.delete("bridge", "b2").events,
        *world.apply({"kind": "bridge", "name": "b3"}).events,
        *world.delete("bridge", "b3").events,
    ]
    found = difference([evolve(topology, event, 2) for event in steps])
    assert [event.type for event in found] == ["bridge.updated", "bridge.deleted"]
    assert found[0].data == {"changed": {"tenant": [None, "t2"]}}


def test_there_and_back_is_no_difference(world: Told) -> None:
    events = [*world.set("bridge", "web", tenant="t").events, *world.set("bridge", "web", tenant=None).events]
    topology = Topology()
    world.topology.swap(world.get("bridge", "web").id, world.get("bridge", "web"))
    for entity in world.topology:
        topology.swap(entity.id, entity)
    assert difference([evolve(topology, event, 2) for event in events]) == []


def test_structures_are_described_by_declared_names(world: Told) -> None:
    member = {"host": "hv1", "address": "172.16.0.9"}
    events = world.set("tunnel-zone", "underlay", members=[member]).events
    assert [event.type for event in events] == ["tunnel-zone.member-removed"]
    as_read = Event(
        events[0].type, 1, events[0].key, {"changed": {"members": [[], [dict(sorted(member.items()))]]}}
    )  # in the bytes of a commit, keys are sorted
    assert world.tell(as_read) == ["tunnel-zone underlay: members + hv1 172.16.0.9"]
    assert world.tell(*events)[0].startswith("tunnel-zone underlay: members + hv1 172.16.0.9 - hv1 172.16.0.1")
    condition = {"nw_proto": "tcp", "tp_dst": 443, "in_ports": ["p1"]}
    made = world.apply({"kind": "mirror", "name": "tap", "to_port": "p1", "conditions": [condition]}).events
    assert world.tell(*made) == [
        "mirror tap created: to_port web/p1, conditions in_ports web/p1 nw_proto tcp tp_dst 443"
    ]


def test_named_numbers_are_shown_by_name(world: Told) -> None:
    rules = [{"action": "accept", "dl_type": "arp"}, {"action": "drop", "dl_type": 0x88CC, "nw_proto": 254}]
    told = world.tell(*world.apply({"kind": "chain", "name": "c", "rules": rules}).events)
    assert told[1:] == [
        "rule 1 of chain c created: action accept, dl_type arp",
        "rule 2 of chain c created: action drop, dl_type 0x88cc, nw_proto 254",
    ]


def test_removal_of_one_equal_item_is_described(world: Told) -> None:
    assert _told_of_addresses(world, ["10.0.0.1/24", "10.0.0.1/24"], ["10.0.0.1/24"]).endswith("- 10.0.0.1/24")
    assert _told_of_addresses(world, ["a", "b"], ["b", "a"]).endswith("in another order")


def test_long_lists_are_described_in_linear_time(world: Told) -> None:
    many = [{"address": f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", "ports": []} for i in range(100_000)]
    changed = {"addresses": [many, [*many[1:], {"address": "192.0.2.1", "ports": []}]]}
    begun = process_time()
    text = describe(Event("ip-addr-group.updated", 1, "ip-addr-group/x", {"changed": changed}), world.names)
    assert text.endswith("addresses + 192.0.2.1 - 10.0.0.0")
    assert process_time() - begun < 20  # quadratic: an hour


def _told_of_addresses(world: Told, old: list[str], new: list[str]) -> str:
    return describe(Event("port.updated", 1, "port/x", {"changed": {"addresses": [old, new]}}), world.names)
