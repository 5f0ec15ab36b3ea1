"""Record a golden file for every event type that has none yet; a file that exists is never touched.

Run as `python tests/golden/record.py` (with the paths of `make test`) after adding a kind, a domain word or a version.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
from world import World

from midonet.events.commands.command import (
    AddItem,
    Command,
    Create,
    Delete,
    DropTag,
    DropUser,
    Enable,
    Op,
    Pause,
    RemoveItem,
    Retry,
    SetTag,
    SetUser,
    Skip,
    Update,
)
from midonet.events.commands.decide import decide
from midonet.events.commit import Head
from midonet.events.model import plain
from midonet.events.topology.evolve import evolve

__all__ = ["FOLDER", "SCENARIO", "record"]

FOLDER = Path(__file__).parent / "events"

SCENARIO: list[Op] = [
    Create("chain", {"name": "fw", "tenant": "acme"}),
    Create("bridge", {"name": "web", "inbound_filter": "fw"}),
    Create("router", {"name": "edge", "asn": 64512}),
    Create("host", {"name": "hv1"}),
    Create("tunnel-zone", {"name": "tz", "type": "vtep"}),
    AddItem("tunnel-zone", "tz", "members", {"host": "hv1", "address": "172.16.0.1"}),
    Create("port", {"name": "up", "bridge": "web"}),
    Create("port", {"name": "gw", "router": "edge", "addresses": ["10.0.0.1/24"]}),
    Update("port", "gw", {"peer": "up"}),
    Create("port", {"name": "vm", "bridge": "web"}),
    Update("port", "vm", {"host": "hv1", "interface": "tap0"}),
    Create("route", {"name": "r", "router": "edge", "dst": "10.0.0.0/24", "port": "gw"}),
    Create("rule", {"name": "snat", "chain": "fw", "action": "snat", "nat_targets": ["192.0.2.1:1024-2048"]}),
    Create("rule", {"name": "web", "chain": "fw", "action": "accept", "nw_proto": "tcp", "tp_dst": 80, "index": 1}),
    Create("vtep", {"name": "tor", "management_ip": "127.0.0.1", "tunnel_zone": "tz"}),
    Create("tenant", {"name": "beta"}),
    Create("bgp-network", {"name": "announced", "router": "edge", "subnet": "203.0.113.0/24"}),
    Create("bgp-peer", {"name": "isp", "router": "edge", "asn": 64513, "address": "10.0.0.2", "password_ref": "isp"}),
    Create(
        "dhcp-subnet",
        {
            "name": "clients",
            "bridge": "web",
            "subnet": "10.0.0.0/24",
            "gateway": "10.0.0.1",
            "routes": [{"destination": "10.1.0.0/16", "gateway": "10.0.0.2"}],
            "hosts": [
                {
                    "mac": "02:00:00:00:00:01",
                    "address": "10.0.0.5",
                    "options": [{"name": "tftp-server", "value": "10.0.0.3"}],
                }
            ],
        },
    ),
    Create("dhcpv6-subnet", {"name": "clients6", "bridge": "web", "subnet": "2001:db8::/64"}),
    Create("port-group", {"name": "uplinks", "stateful": True}),
    AddItem("port-group", "uplinks", "ports", "gw"),
    Create("ip-addr-group", {"name": "trusted"}),
    AddItem("ip-addr-group", "trusted", "addresses", {"address": "10.0.0.5", "ports": ["vm"]}),
    Create("rule", {"name": "group", "chain": "fw", "action": "drop", "ip_addr_group_src": "trusted"}),
    Create("qos-policy", {"name": "gold"}),
    Create("qos-bandwidth-rule", {"name": "limit", "policy": "gold", "max_kbps": 1000, "max_burst_kb": 100}),
    Create("qos-dscp-rule", {"name": "mark", "policy": "gold", "dscp_mark": 46}),
    Create("mirror", {"name": "tap", "to_port": "vm", "conditions": [{"nw_proto": "tcp", "in_ports": ["up"]}]}),
    Update("bridge", "web", {"qos_policy": "gold", "inbound_mirrors": ["tap"]}),
    Create("trace-request", {"name": "why", "bridge": "web", "condition": {"dl_type": "arp"}, "limit": 10}),
    Create("logging-resource", {"name": "file"}),
    Create("rule-logger", {"name": "log", "chain": "fw", "logging_resource": "file", "event": "drop"}),
    Create("load-balancer", {"name": "lb"}),
    Update("router", "edge", {"load_balancer": "lb"}),
    Create("health-monitor", {"name": "probe", "delay": 5, "timeout": 3, "max_retries": 2}),
    Create("pool", {"name": "servers", "load_balancer": "lb", "health_monitor": "probe"}),
    Create("pool-member", {"name": "s1", "pool": "servers", "address": "10.0.0.5", "protocol_port": 8080}),
    Create("vip", {"name": "front", "pool": "servers", "address": "192.0.2.80", "protocol_port": 80}),
    Create("l2-insertion", {"name": "ids", "port": "vm", "srv_port": "up", "mac": "02:00:00:00:00:01"}),
    Create("host-group", {"name": "rack"}),
    AddItem("host-group", "rack", "hosts", "hv1"),
    Create("service-container-group", {"name": "vpns", "host_group": "rack", "policy": "least"}),
    Create("service-container", {"name": "vpn", "service_group": "vpns", "service_type": "ipsec", "port": "gw"}),
    Create("vtep-binding", {"name": "b", "vtep": "tor", "physical_port": "s1", "vlan": 10, "bridge": "web"}),
    Create("mac-entry", {"name": "m", "bridge": "web", "mac": "02:00:00:00:00:01", "port": "vm"}),
    Create("arp-entry", {"name": "a", "bridge": "web", "ip": "10.0.0.5", "mac": "02:00:00:00:00:01"}),
    *(
        Update(kind, ref, {"name": f"{ref}-renamed"})
        for kind, ref in [
            ("chain", "fw"),
            ("router", "edge"),
            ("host", "hv1"),
            ("tunnel-zone", "tz"),
            ("port", "vm"),
            ("route", "r"),
            ("vtep", "tor"),
            ("vtep-binding", "b"),
            ("mac-entry", "m"),
            ("arp-entry", "a"),
            ("tenant", "beta"),
            ("bgp-network", "announced"),
            ("bgp-peer", "isp"),
            ("dhcp-subnet", "clients"),
            ("dhcpv6-subnet", "clients6"),
            ("port-group", "uplinks"),
            ("ip-addr-group", "trusted"),
            ("qos-policy", "gold"),
            ("qos-bandwidth-rule", "limit"),
            ("qos-dscp-rule", "mark"),
            ("mirror", "tap"),
            ("trace-request", "why"),
            ("logging-resource", "file"),
            ("rule-logger", "log"),
            ("load-balancer", "lb"),
            ("health-monitor", "probe"),
            ("pool", "servers"),
            ("pool-member", "s1"),
            ("vip", "front"),
            ("l2-insertion", "ids"),
            ("host-group", "rack"),
            ("service-container-group", "vpns"),
            ("service-container", "vpn"),
        ]
    ),
    RemoveItem("port-group", "uplinks-renamed", "ports", "gw"),
    RemoveItem("ip-addr-group", "trusted-renamed", "addresses", {"address": "10.0.0.5"}),
    RemoveItem("host-group", "rack-renamed", "hosts", "hv1-renamed"),
    Delete("service-container-group", "vpns-renamed"),
    Delete("host-group", "rack-renamed"),
    Delete("logging-resource", "file-renamed"),
    Delete("mirror", "tap-renamed"),
    Delete("qos-policy", "gold-renamed", cascade=True),
    Delete("port-group", "uplinks-renamed"),
    Delete("ip-addr-group", "trusted-renamed", cascade=True),
    Delete("load-balancer", "lb-renamed"),
    Delete("health-monitor", "probe-renamed"),
    Delete("tenant", "beta-renamed"),
    Update("port", "gw", {"peer": None}),
    Update("port", "vm-renamed", {"host": None, "interface": None}),
    RemoveItem("tunnel-zone", "tz-renamed", "members", {"host": "hv1-renamed"}),
    Delete("vtep", "tor-renamed", cascade=True),
    Delete("tunnel-zone", "tz-renamed"),
    Delete("host", "hv1-renamed"),
    Delete("chain", "fw-renamed", cascade=True),
    Delete("router", "edge-renamed"),
    Delete("bridge", "web"),
    SetTag("before-upgrade", 3, "a" * 64, "2026-01-31T12:00:00.000000Z"),
    SetTag("before-upgrade", 5, "b" * 64, "2026-01-31T13:00:00.000000Z", move=True),
    DropTag("before-upgrade"),
    Pause("nsdb"),
    Skip("nsdb", "models/bridge/3d8b3b0e-6ec9-4d3b-a8a0-6cde8d4a0c11"),
    Retry("nsdb"),
    Pause("vtep"),
    Pause("vtep", paused=False),
    Enable("vtep", enabled=False),
    Enable("vtep", "node1"),
    Enable("vtep"),
    Enable("vtep", "node1", enabled=False),
    Enable("vtep", "node1"),
    SetUser("alice", ("reader@acme",), new=True),
    SetUser("alice", ("tenant-admin@acme",), disabled=True),
    DropUser("alice"),
]
"""Commands whose events are of every type that this release writes."""


def record() -> list[str]:
    """Run the scenario; write the golden files that are missing; return every event type with its version."""
    world, seen = World(), {}
    world.topology.head = Head(100)
    for number, op in enumerate(SCENARIO, 1):
        for event in decide(world.topology, Command("golden", [op]), f"golden-{number}").events:
            event = msgspec.json.decode(msgspec.json.encode(event), type=type(event))  # noqa: PLW2901 - as read
            change = evolve(world.topology, event, number)
            seen[f"{event.type}.v{event.v}"] = {
                "event": msgspec.to_builtins(event),
                "position": number,
                "before": _shown(change.old),
                "after": _shown(change.new),
            }
    for name, golden in seen.items():
        path = FOLDER / f"{name}.json"
        if not path.exists():
            path.write_text(json.dumps(golden, indent=2, sort_keys=True) + "\n")
    return sorted(seen)


def _shown(entity: Any) -> dict[str, Any] | None:
    return None if entity is None else plain(entity)


if __name__ == "__main__":
    record()
