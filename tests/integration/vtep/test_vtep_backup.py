"""A switch whose database was restored from a backup is repaired, and the drift is recorded."""

from vtep_site import Site
from vtep_switch import VtepSwitch, mac
from waiting import eventually

from midonet.events.commands.command import Delete
from midonet.projections.vtep import read_checkpoint


def test_an_older_database_gets_what_it_lacks_and_loses_what_is_over(site: Site, switch: VtepSwitch) -> None:
    site.add_vtep("tor", switch)
    site.keep()
    site.create("mac-entry", bridge="net", mac=mac(1), port="p1")
    site.settle(switch)
    backup, then = (switch.directory / "db").read_bytes(), read_checkpoint(*switch.tcp)
    (old,) = site.store.topology.all("mac-entry")
    site.create("mac-entry", bridge="net", mac=mac(2), port="p1")
    site.run(Delete("mac-entry", old))
    site.settle(switch)
    switch.kill()
    (switch.directory / "db").write_bytes(backup)
    switch.start()
    (runner,) = site.runners.values()
    eventually(lambda: len(runner.drift) == 3)
    site.settle(switch)
    checkpoint, *rows = runner.drift.newest(3)
    assert checkpoint.key == "checkpoint"
    assert f'"position": {then.position}' in str(checkpoint.found)
    assert sorted((row.key[-17:], row.kind) for row in rows) == [(mac(1), "extra"), (mac(2), "missing")]
    assert runner.status().position == site.store.topology.head.position
