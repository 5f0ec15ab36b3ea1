"""With ZooKeeper, reported state is shown beside desired state, and commands that contradict it are refused."""

import re
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from agents import ViewWriter, running
from api_node import ApiNode
from waiting import eventually

from midonet.agent.agent import Agent
from midonet.events.model import KINDS
from midonet.events.model.port import Port
from midonet.projections.facts import (
    ContainerStatus,
    LastSeen,
    LearnedRoute,
    LearnedRoutes,
    MemberStatus,
    PoolStatus,
    node_of,
)
from midonet.projections.facts import reader as facts_reader
from midonet.projections.facts.address_owners import owners
from midonet.projections.facts.reader import FactsReader
from midonet.testbed import ZooKeeper

Midoctl = Any
"""The fixture of `conftest.py`, which cannot be imported."""

HOST, OTHER, PORT, UPLINK, UNKNOWN = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abcde")

SITE = f"""
- {{kind: host, id: {HOST}, name: hv1}}
- {{kind: host, id: {OTHER}, name: hv2}}
- {{kind: tunnel-zone, name: underlay, members: [{{host: hv1, address: 172.16.0.1}}]}}
- kind: bridge
  name: web
  ports: [{{id: {PORT}, name: vm, host: hv1, interface: lo}}, {{name: idle}}]
- kind: router
  name: edge
  ports: [{{id: {UPLINK}, name: up, addresses: [192.0.2.2/30]}}]
- kind: load-balancer
  name: lb
  pools: [{{name: servers, members: [{{name: s1, address: 10.0.0.5, protocol_port: 80}}]}}]
- {{kind: service-container-group, name: vpns, containers: [{{name: vpn, service_type: ipsec}}]}}
"""


ONLY = b"[{kind: bridge, name: web}]"


@pytest.fixture
def site(midoctl: Midoctl) -> Midoctl:
    """Midoctl on a log with two hosts; no agent reports."""
    midoctl.ok("apply", "-f", "-", stdin=SITE.encode())
    return midoctl


@pytest.fixture
def agent(site: Midoctl, zookeeper: ZooKeeper, zk_root: str) -> Iterator[Agent]:
    """The agent of hv1, which has its port; midoctl knows where ZooKeeper is."""
    site.environ |= {"MIDOCTL_ZOOKEEPER": zookeeper.hosts, "MIDOCTL_ROOT": zk_root}
    writer = ViewWriter(zookeeper.hosts, zk_root)
    port = Port(id=PORT, name="vm", bridge="b1", host=HOST, interface="lo")
    writer.commit(1, {"port/x": [port]}, {HOST: ["port/x"]})
    writer.switch()
    try:
        with running(zookeeper.hosts, zk_root, HOST) as agent:
            eventually(lambda: agent.status.active == {PORT})
            yield agent
    finally:
        writer.close()


def by_name(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {row["name"]: row for row in rows}


def test_without_zookeeper_only_desired_state_is_shown(site: Midoctl) -> None:
    assert all("facts" not in row for row in site.ok("host", "list"))
    run = site("host", "list")
    assert "ALIVE" not in run.out
    assert run.err == "give --zookeeper, or --server of a cluster, to see the state of hosts\n"
    assert site("port", "show", "vm").err == ""
    assert site.refused(2, "host", "interfaces", "hv1")["details"] == {"option": "zookeeper"}


def test_hosts_show_reported_state(agent: Agent, site: Midoctl) -> None:
    del agent
    rows = by_name(site.ok("host", "list"))
    assert rows["hv1"]["alive"] is True
    assert rows["hv1"]["facts"]["hostname"] == "test"
    assert (rows["hv2"]["alive"], rows["hv2"]["facts"]) == (False, {})
    assert "lo" in {interface["name"] for interface in rows["hv1"]["facts"]["interfaces"]}
    shown = site("host", "show", "hv1").out
    assert "\nalive" in shown
    assert "\nreported hostname" in shown
    assert "interfaces" not in shown
    header, first, second = site("host", "list").out.splitlines()
    assert header.split()[-4:] == ["ALIVE", "LAST", "SEEN", "ADDRESSES"]
    assert " yes " in first
    assert second.endswith(" no")
    assert "facts" not in site.ok("host", "show", "hv1", "--at", "1"), "a fact is of this moment"
    assert site("host", "list", "-o", "name").out == "hv1\nhv2\n"


def test_api_alone_shows_reported_state(agent: Agent, site: Midoctl, zookeeper: ZooKeeper, zk_root: str) -> None:
    del agent
    del site.environ["MIDOCTL_ZOOKEEPER"], site.environ["MIDOCTL_ROOT"]
    log = f"sqlite:///{site.environ['XDG_DATA_HOME']}/midoctl/topology.db"
    with ApiNode(log, zookeeper=zookeeper.hosts, root=zk_root) as node:
        site.environ["MIDOCTL_SERVER"] = node.url
        rows = by_name(site.ok("host", "list"))
        assert (rows["hv1"]["alive"], rows["hv2"]["alive"]) == (True, False)
        assert by_name(site.ok("port", "list"))["vm"]["active"] is True
        assert "lo" in {interface["name"] for interface in site.ok("host", "interfaces", "hv1")}
        assert site.ok("health") == {"cut_off": [], "ways": []}
        assert site.ok("wait", "--for", "agents")["views"] == {"agents": 1}
        assert "writes the generation" in site.refused(2, "projection", "rebuild", "nsdb")["message"]


def test_unregistered_live_hosts_are_named(agent: Agent, site: Midoctl, zookeeper: ZooKeeper, zk_root: str) -> None:
    del agent
    with running(zookeeper.hosts, zk_root, UNKNOWN):
        eventually(lambda: UNKNOWN in site("host", "list").err)
    assert site("host", "list").err == ""


def test_interfaces_of_a_host(agent: Agent, site: Midoctl) -> None:
    del agent
    names = {interface["name"] for interface in site.ok("host", "interfaces", "hv1")}
    assert names == set(psutil.net_if_addrs())
    assert site.ok("host", "interfaces", HOST)
    assert site("host", "interfaces", "hv1").out.startswith("NAME")
    assert site.refused(4, "host", "interfaces", "hv2")["details"] == {"host": OTHER}
    assert site.refused(4, "host", "interfaces", "no-such-host")["code"] == "not-found"


def test_a_dead_host_shows_its_last_report(agent: Agent, site: Midoctl, zookeeper: ZooKeeper, zk_root: str) -> None:
    del agent
    writer = ViewWriter(zookeeper.hosts, zk_root, "2")
    time = "2026-01-01T00:00:00.000Z"
    writer.client.create(node_of(zk_root, LastSeen, OTHER), f'{{"time":"{time}"}}'.encode(), makepath=True)
    writer.close()
    shown = site.ok("host", "show", "hv2")
    assert (shown["alive"], shown["facts"]) == (False, {"last_seen": time, "hostname": None})
    assert time in site("host", "list").out


def test_ports_show_whether_they_are_active(agent: Agent, site: Midoctl) -> None:
    del agent
    shown = site.ok("port", "show", "vm")
    assert (shown["active"], shown["facts"]) == (True, {"host": HOST, "interface": "lo"})
    assert by_name(site.ok("port", "list"))["idle"]["active"] is False
    assert re.search(rf"^active +yes\nreported host +hv1 \({HOST}\)$", site("port", "show", "vm").out, re.MULTILINE)
    assert "ACTIVE" in site("port", "list").out


def test_learned_routes_are_listed_and_marked(agent: Agent, site: Midoctl) -> None:
    fact = LearnedRoutes(host=HOST, routes=(LearnedRoute(dst="198.51.100.0/24", gateway="192.0.2.1", weight=20),))
    agent.report(LearnedRoutes, UPLINK, fact)
    eventually(lambda: len(site.ok("route", "list")) == 2)
    local, learned = sorted(site.ok("route", "list"), key=lambda row: "facts" in row)
    assert "facts" not in local
    assert (learned["learned"], learned["facts"]) == (True, {"host": HOST})
    assert (learned["dst"], learned["gateway"], learned["port"]) == ("198.51.100.0/24", "192.0.2.1", UPLINK)
    assert learned["weight"] == 20
    assert site.ok("route", "show", learned["id"]) == learned
    assert len(site.ok("route", "list", "--filter", "dst=198.51.100.0/24")) == 1
    assert "LEARNED" in site("route", "list").out
    assert len(site.ok("route", "list", "--at", "1")) == 1
    assert "198.51" not in site("export").out
    shell = site("shell", stdin=b"route list\nbridge create more\nroute list\nexport\n")
    assert (shell.status, shell.out.count("198.51")) == (0, 2), "learned routes are never a part of the topology"


def test_status_of_pools_members_and_containers(agent: Agent, site: Midoctl) -> None:
    ids = {kind: site.ok(kind, "list")[0]["id"] for kind in ("pool", "pool-member", "service-container")}
    agent.report(PoolStatus, ids["pool"], PoolStatus(host=HOST, mapping_status="pending-create"))
    agent.report(MemberStatus, ids["pool-member"], MemberStatus(host=HOST, status="active"))
    agent.report(
        ContainerStatus, ids["service-container"], ContainerStatus(host=HOST, status="error", message="no image")
    )
    eventually(lambda: "facts" in site.ok("service-container", "show", "vpn"))
    assert site.ok("pool", "show", "servers")["facts"]["mapping_status"] == "pending-create"
    assert site.ok("pool-member", "show", "s1")["facts"]["status"] == "active"
    assert "no image" in site("service-container", "show", "vpn").out


def test_a_live_host_is_not_deleted(agent: Agent, site: Midoctl) -> None:
    site.ok("port", "unbind", "vm")
    before = site.ok("head")
    for words in (("host", "delete", "hv1"), ("host", "delete", "hv1", "--dry-run"), ("revert", "1")):
        error = site.refused(3, *words)
        assert error["details"]["reason"] in ("host-alive", "cannot-revert")
    assert site.refused(3, "apply", "-f", "-", "--prune", stdin=ONLY)["details"]["reason"] == "host-alive"
    assert site.ok("head") == before
    site.ok("host", "delete", "hv2")
    agent.stop()
    eventually(lambda: site.ok("host", "show", "hv1")["alive"] is False)
    site.ok("host", "delete", "hv1")


def test_a_vtep_has_no_address_of_a_host(agent: Agent, site: Midoctl, zookeeper: ZooKeeper, zk_root: str) -> None:
    del agent
    with FactsReader(zookeeper.hosts, zk_root) as facts:
        from midonet.projections.facts import HostState

        addresses = list(owners(facts.all(HostState)))
    if not addresses:
        pytest.skip("this machine has loopback addresses only")
    error = site.refused(3, "vtep", "create", "tor", "--management-ip", addresses[0])
    assert (error["details"]["reason"], error["details"]["field"]) == ("vtep-has-host-ip", "management_ip")
    site.ok("vtep", "create", "tor", "--management-ip", "203.0.113.1")
    error = site.refused(3, "vtep", "set", "tor", "--tunnel-ips", f"203.0.113.2,{addresses[0]}")
    assert error["details"]["field"] == "tunnel_ips"
    site.ok("vtep", "set", "tor", "--tunnel-ips", "203.0.113.2")


def test_unreachable_zookeeper_blocks_no_command(site: Midoctl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts_reader, "_CONNECT_SECONDS", 0.5)
    site.environ["MIDOCTL_ZOOKEEPER"] = "127.0.0.1:1"
    run = site("host", "list")
    assert run.status == 0
    assert "hv1" in run.out
    assert run.err.startswith("the state of hosts cannot be read: ZooKeeper at 127.0.0.1:1")
    assert site.refused(5, "host", "interfaces", "hv1")["code"] == "unavailable"
    site.ok("host", "delete", "hv2")


def test_no_field_has_the_name_of_a_reported_key() -> None:
    for kind in KINDS.values():
        assert {"alive", "active", "learned", "facts"}.isdisjoint(kind.fields)
