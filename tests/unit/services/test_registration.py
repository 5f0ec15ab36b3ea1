"""Hosts that live agents lack, their names, and VTEPs that have an address of a host."""

import pytest
from world import World

from midonet.projections.facts import HostState, Interface
from midonet.services.hosts.registration import address_conflicts, registrations

A, B, C = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc")


@pytest.mark.parametrize(
    ("present", "living", "found"),
    [
        ({}, {}, {}),
        ({}, {A: "hv1"}, {A: "hv1"}),
        ({A: "renamed"}, {A: "hv1"}, {}),
        ({B: "hv1"}, {A: "hv1"}, {A: "hv1-aaaaaaaa"}),
        ({}, {B: "hv1", A: "hv1"}, {A: "hv1", B: "hv1-bbbbbbbb"}),
        ({C: "hv1", B: "hv1-aaaaaaaa"}, {A: "hv1"}, {A: A}),
        ({}, {A: None}, {A: A}),
        ({}, {A: "a\nb", B: "x" * 300}, {A: A, B: B}),
        ({}, {"not-a-uuid": "hv1", A.upper(): "hv2"}, {}),
    ],
)
def test_registrations(present: dict[str, str], living: dict[str, str | None], found: dict[str, str]) -> None:
    world = World()
    world.apply(*({"kind": "host", "id": host, "name": name} for host, name in present.items()))
    states = {host: HostState(hostname=hostname) for host, hostname in living.items()}
    wanted = registrations(world.topology, states)
    assert {each.host: each.name for each in wanted} == found
    for each in wanted:
        world.run(*each.command.ops)
    assert registrations(world.topology, states) == []


def test_vtep_with_address_of_a_host_is_found() -> None:
    world = World()
    world.apply(
        {"kind": "vtep", "name": "good", "management_ip": "192.0.2.1"},
        {"kind": "vtep", "name": "bad", "management_ip": "192.0.2.2", "tunnel_ips": ["172.16.0.7"]},
        {"kind": "vtep", "name": "emulated", "management_ip": "127.0.0.1"},
    )
    nics = (
        Interface(name="lo", addresses=("127.0.0.1",)),
        Interface(name="eth0", addresses=("172.16.0.7", "fe80::1")),
    )
    (clash,) = address_conflicts(world.topology, {A: HostState(interfaces=nics)})
    assert clash == (world.get("vtep", "bad").id, A, "172.16.0.7")
