"""VTEPs come, move and go."""

from msgspec.structs import replace

from midonet.events.commit import Event
from midonet.events.model.vtep import Vtep
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.projections.vtep import Fleet, FleetStep, Retired

A = Vtep(id="a", management_ip="192.0.2.1")
B = Vtep(id="b", management_ip="192.0.2.2", management_port=6640)


def created(vtep: Vtep) -> Change:
    return Change("vtep", vtep.id, None, vtep)


def deleted(vtep: Vtep) -> Change:
    return Change("vtep", vtep.id, vtep, None)


def test_every_vtep_is_started_once() -> None:
    topology = Topology()
    topology.swap(A.id, A)
    fleet = Fleet()
    assert fleet.attach(topology) == [FleetStep("start", "a", "192.0.2.1", 6632)]
    assert fleet.apply([created(B)]) == [FleetStep("start", "b", "192.0.2.2", 6640)]
    assert fleet.apply([Change("vtep", "a", A, replace(A, name="renamed"))]) == []


def test_a_vtep_with_another_address_is_restarted() -> None:
    fleet = Fleet()
    fleet.apply([created(A)])
    moved = replace(A, management_ip="192.0.2.9")
    assert fleet.apply([Change("vtep", "a", A, moved)]) == [FleetStep("restart", "a", "192.0.2.9", 6632)]


def test_a_deleted_vtep_is_stopped_where_it_was_before_another_takes_its_address() -> None:
    fleet = Fleet()
    fleet.apply([created(B)])
    heir = replace(B, id="a")
    assert fleet.apply([created(heir), deleted(B)]) == [
        FleetStep("stop", "b", "192.0.2.2", 6640),
        FleetStep("start", "a", "192.0.2.2", 6640),
    ]


def test_a_new_topology_leaves_running_what_is_still_right() -> None:
    fleet = Fleet()
    fleet.apply([created(A), created(B)])
    topology = Topology()
    topology.swap(A.id, A)
    assert fleet.attach(topology) == [FleetStep("stop", "b", "192.0.2.2", 6640)]


def test_a_vtep_that_came_and_went_in_one_commit_was_never_there() -> None:
    assert Fleet().apply([created(A), deleted(A)]) == []


def test_deleted_vteps_are_kept_until_address_reuse() -> None:
    retired = Retired()
    retired.apply_events([event("created", A), event("created", B)])
    assert retired.addresses(Topology()) == set()
    retired.apply_events([event("deleted", A), event("deleted", B)])
    topology = Topology()
    topology.swap("heir", replace(B, id="heir"))
    assert retired.addresses(topology) == {("192.0.2.1", 6632)}


def event(verb: str, vtep: Vtep) -> Event:
    data = {"management_ip": vtep.management_ip, "management_port": vtep.management_port}
    return Event(f"vtep.{verb}", 1, f"vtep/{vtep.id}", data)
