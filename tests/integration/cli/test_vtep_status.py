"""`midoctl vtep status`, from a cluster or from ZooKeeper."""

from collections.abc import Callable
from typing import Any

import pytest
from waiting import eventually

from midonet.testbed import OvsdbServer, ZooKeeper
from midonet.testbed.cluster import ClusterDaemon

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""


def test_an_address_of_the_cluster_is_required(midoctl: Midoctl) -> None:
    midoctl.ok("vtep", "create", "tor1", "--management-ip", "192.0.2.1")
    error = midoctl.refused(2, "vtep", "status")
    assert "give --server http://HOST:PORT, --cluster URL or --zookeeper HOST:PORT" in error["message"]
    assert midoctl.refused(4, "vtep", "status", "nosuch")["code"] == "not-found"
    error = midoctl.refused(5, "vtep", "status", "--cluster", "http://127.0.0.1:1")
    assert error["code"] == "unavailable"


@pytest.mark.parametrize("way", ["zookeeper", "cluster"])
def test_status_shows_switches_as_reported(
    way: str, midoctl: Midoctl, zookeeper: ZooKeeper, zk_root: str, ovsdb: Callable[..., OvsdbServer]
) -> None:
    where = ("--zookeeper", zookeeper.hosts, "--root", zk_root)
    switch = ovsdb()
    switch.add_switch("tor1", ["e1"], tunnel_ip="198.51.100.10")
    assert midoctl.ok("vtep", "status", *where) == []
    management = ("--management-ip", switch.host, "--management-port", str(switch.port))
    midoctl.ok("vtep", "create", "tor1", *management)
    midoctl.ok("vtep", "create", "away", "--management-ip", "127.0.0.1", "--management-port", "1")
    assert [row["connection"] for row in midoctl.ok("vtep", "status", *where)] == ["unknown", "unknown"]
    log = f"sqlite:///{midoctl.environ['XDG_DATA_HOME']}/midoctl/topology.db"
    with ClusterDaemon("--log", log, *where) as daemon:
        asked = where if way == "zookeeper" else ("--cluster", daemon.url)

        def told(name: str) -> Any:
            return midoctl.ok("vtep", "status", name, *asked)

        eventually(lambda: told("tor1")["connection"] == "connected")
        eventually(lambda: told("away")["connection"] == "unreachable")
        switch.vtep_ctl("set", "Physical_Port", "e1", "port_fault_status=invalid_vlan_map")
        eventually(lambda: told("tor1")["ports"] == [{"name": "e1", "faults": ["invalid_vlan_map"]}])
        assert told("tor1")["tunnel_ips"] == ["198.51.100.10"]
        midoctl.ok("bridge", "create", "web")
        eventually(lambda: midoctl.ok("vtep", "status", "tor1", *where).get("ports"))
        bound = midoctl("vtep", "bind", "tor1", "--physical-port", "e9", "--bridge", "web", *where)
        assert bound.err == "the switch of VTEP tor1 has no port e9: the binding waits for the port\n"
        assert midoctl("vtep", "bind", "tor1", "--physical-port", "e1", "--bridge", "web", *where).err == ""
        assert told("tor1")["missing_ports"] == ["e9"]
        assert "e9: waits for the port" in midoctl("vtep", "status", "tor1", *asked).out
        away, tor1 = midoctl("vtep", "status", *asked).out.splitlines()[1:]
        assert away.split()[:2] == ["away", "unreachable"]
        assert "Connection refused" in away
        assert "e1: invalid_vlan_map" in tor1
        assert "198.51.100.10" in midoctl("vtep", "status", "tor1", *asked).out
