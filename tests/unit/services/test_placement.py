"""Placement of service containers: policies, limits, groups and dead hosts."""

from collections import Counter
from typing import Any

import pytest
from world import World

from midonet.events.model.service_container import container_interface
from midonet.services.containers.placement import Placement, place

HOSTS = ("hv1", "hv2", "hv3")


def site(count: int = 1, hosts: dict[str, dict[str, Any]] | None = None, **group: Any) -> World:
    """Three hosts in a zone and a number of containers of one group."""
    world = World()
    world.apply(
        *({"kind": "host", "name": name, **(hosts or {}).get(name, {})} for name in HOSTS),
        {
            "kind": "tunnel-zone",
            "name": "underlay",
            "members": [{"host": name, "address": f"172.16.0.{number}"} for number, name in enumerate(HOSTS, 1)],
        },
        {"kind": "host-group", "name": "rack", "hosts": ["hv2"]},
        {"kind": "router", "name": "edge", "ports": [{"name": f"p{number}"} for number in range(count)]},
        {"kind": "bridge", "name": "web", "ports": [{"name": "vm", "host": "hv3", "interface": "tap0"}]},
        {"kind": "port-group", "name": "near", "ports": ["vm"]},
        {
            "kind": "service-container-group",
            "name": "vpns",
            **group,
            "containers": [
                {"name": f"c{number}", "service_type": "ipsec", "port": f"edge/p{number}"} for number in range(count)
            ],
        },
    )
    return world


def ids(world: World, *names: str) -> set[str]:
    return {world.get("host", name).id for name in names}


def carry_out(world: World, placements: list[Placement]) -> None:
    for placement in placements:
        world.run(*placement.command.ops)


def where(world: World) -> list[str | None]:
    """Return the hosts of the containers, by name, in the order of the containers."""
    found = []
    for container in sorted(world.topology.all("service-container").values(), key=lambda one: int(one.name[1:])):
        host = world.topology.find(world.topology.get("port", container.port).host or "")
        found.append(host.name if host is not None else None)
    return found


def settle(world: World, *alive: str, away: tuple[str, ...] = ()) -> Counter[str | None]:
    carry_out(world, place(world.topology, ids(world, *alive), ids(world, *away)))
    assert place(world.topology, ids(world, *alive), ids(world, *away)) == [], "what is placed stays"
    return Counter(where(world))


def test_container_is_bound_to_a_live_host() -> None:
    world = site()
    assert settle(world) == {None: 1}
    assert settle(world, "hv2") == {"hv2": 1}
    port = world.get("port", "p0")
    assert port.interface == container_interface(port.id)
    assert len(port.interface) == 15


def test_least_policy_balances_evenly() -> None:
    world = site(30, policy="least")
    assert settle(world, *HOSTS) == {"hv1": 10, "hv2": 10, "hv3": 10}
    assert settle(world, "hv1", "hv2") == {"hv1": 15, "hv2": 15}


def test_weighted_policy_follows_the_weights() -> None:
    world = site(300, {"hv1": {"container_weight": 3}, "hv2": {"container_weight": 0}})
    found = settle(world, *HOSTS)
    assert found["hv2"] == 0
    assert found["hv1"] == pytest.approx(225, abs=30)


def test_only_containers_of_a_dead_host_move() -> None:
    world = site(60)
    settle(world, *HOSTS)
    before = where(world)
    settle(world, "hv1", "hv2")
    assert all(host in ("hv3", now) for host, now in zip(before, where(world), strict=True))
    after = where(world)
    assert "hv3" not in after
    settle(world, *HOSTS)
    assert where(world) == after, "no container moves back"


def test_host_within_grace_time_keeps_containers_and_gets_none() -> None:
    world = site(2)
    carry_out(world, place(world.topology, ids(world, "hv1"))[:1])
    assert settle(world, "hv2", away=("hv1",)) == {"hv1": 1, "hv2": 1}
    assert settle(world, "hv2") == {"hv2": 2}


@pytest.mark.parametrize(
    ("group", "alive", "found"),
    [
        ({"host_group": "rack"}, HOSTS, {"hv2": 4}),
        ({"host_group": "rack"}, ("hv1", "hv3"), {None: 4}),
        ({"port_group": "near"}, HOSTS, {"hv3": 4}),
    ],
)
def test_group_restricts_the_hosts(group: dict[str, Any], alive: tuple[str, ...], found: dict[str | None, int]) -> None:
    assert settle(site(4, **group), *alive) == found


@pytest.mark.parametrize(("enforced", "found"), [(True, {"hv1": 2, None: 2}), (False, {"hv1": 4})])
def test_limit_holds_if_enforced_or_others_have_room(*, enforced: bool, found: dict[str | None, int]) -> None:
    limits = {name: {"container_limit": 2, "enforce_container_limit": enforced} for name in HOSTS}
    world = site(4, limits)
    assert settle(world, "hv1") == found
    assert settle(site(4, limits), "hv1", "hv2") == {"hv1": 2, "hv2": 2}


def test_changed_group_or_weight_moves_the_container() -> None:
    world = site(1)
    settle(world, "hv1")
    world.set("service-container-group", "vpns", host_group="rack")
    assert settle(world, *HOSTS) == {"hv2": 1}
    world.set("service-container-group", "vpns", host_group=None)
    world.set("host", "hv2", container_weight=0)
    assert settle(world, "hv1", "hv2") == {"hv1": 1}
    world.set("host", "hv1", container_weight=0)
    assert settle(world, "hv1") == {"hv1": 1}, "where nothing better is known it stays"


def test_host_without_zone_and_linked_port_are_skipped() -> None:
    world = site(2)
    world.create("port", "up", bridge="web")
    world.set("port", "edge/p0", peer="web/up")
    world.delete("tunnel-zone", "underlay")
    assert settle(world, *HOSTS) == {None: 2}


def test_binding_is_removed_with_the_container() -> None:
    world = site(2)
    settle(world, "hv1")
    world.delete("service-container", "c0")
    world.set("service-container", "c1", port=None)
    assert [world.get("port", name).host for name in ("p0", "p1")] == [None, None]
    assert world.get("port", "p0").previous_host == world.get("host", "hv1").id


def test_binding_of_an_operator_is_kept() -> None:
    world = site()
    world.set("port", "edge/p0", host="hv1", interface="eth7")
    assert settle(world, "hv1") == {"hv1": 1}
    world.delete("service-container", "c0")
    assert world.get("port", "p0").interface == "eth7"


def test_concurrent_decisions_are_committed_once() -> None:
    world = site()
    (first,) = place(world.topology, ids(world, "hv1"))
    (second,) = place(world.topology, ids(world, "hv2"))
    assert first.command_id == second.command_id
    assert first.command != second.command
    carry_out(world, [first])
    (third,) = place(world.topology, ids(world, "hv2"))
    assert third.command_id != first.command_id
    assert third.before == first.host
