"""Who knows the log alone leaves to others what only reports decide."""

from world import World

from midonet.events.commands.command import Create
from midonet.projections.maintenance.rebuild_vtep import LogOnlyProjection
from midonet.projections.vtep import Key, Value
from midonet.projections.vtep.learned_macs import CurrentRow


def test_rows_from_facts_are_kept_by_a_rebuild() -> None:
    world = World()
    world.run(
        Create("host", {"name": "hv1"}),
        Create("tunnel-zone", {"name": "tz", "type": "vtep", "members": [{"host": "hv1", "address": "172.16.0.1"}]}),
    )
    one, _ = (
        world.create("vtep", name, management_ip=f"192.0.2.{number}", tunnel_zone="tz")
        for number, name in enumerate(("tor1", "tor2"), 1)
    )
    bridge = world.create("bridge", "web")
    for vtep in ("tor1", "tor2"):
        world.create("vtep-binding", vtep=vtep, physical_port="p1", vlan=1, bridge="web")
    switch = f"mn-{bridge}"
    learned: Key = ("ucast", switch, "02:00:00:00:00:09")
    broadcast: Key = ("mcast", switch, "unknown-dst")
    rows: dict[Key, Value] = {learned: ("198.51.100.2", ""), broadcast: ("172.16.0.9",), ("switch", switch): 7}
    projection = LogOnlyProjection(one, lambda key: CurrentRow(rows[key], 0) if key in rows else None)
    projection.attach(world.topology)
    assert projection.render(learned) == ("198.51.100.2", "")
    assert projection.render(broadcast) == ("172.16.0.9",)
    assert projection.render(("switch", switch)) == 10001
    del rows[broadcast]
    assert projection.render(broadcast) == ("172.16.0.1",)
