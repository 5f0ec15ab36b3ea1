"""Verbs make operations that the core accepts, from arguments with help texts."""

from collections.abc import Mapping
from typing import Any

import pytest
from world import World

from midonet.events.commands.command import Delete
from midonet.events.commands.verbs import VERBS
from midonet.events.model import KINDS

NETWORK: list[dict[str, Any]] = [
    {"kind": "host", "name": "hv1"},
    {"kind": "bridge", "name": "web", "ports": [{"name": "p1"}, {"name": "up"}]},
    {"kind": "router", "name": "edge", "ports": [{"name": "gw", "addresses": ["10.0.0.1/24"]}]},
    {"kind": "chain", "name": "in"},
    {"kind": "tunnel-zone", "name": "tz", "type": "vtep"},
    {"kind": "vtep", "name": "tor", "management_ip": "192.0.2.1", "tunnel_zone": "tz"},
    {"kind": "port-group", "name": "ports"},
    {"kind": "ip-addr-group", "name": "ips"},
    {"kind": "host-group", "name": "rack"},
    {"kind": "load-balancer", "name": "lb"},
    {"kind": "pool", "name": "servers", "load_balancer": "lb"},
    {"kind": "dhcp-subnet", "name": "v4", "bridge": "web", "subnet": "10.0.0.0/24"},
    {"kind": "dhcpv6-subnet", "name": "v6", "bridge": "web", "subnet": "2001:db8::/64"},
]
MAC = "02:00:00:00:00:07"
SERVER = {"address": "10.0.0.5", "protocol_port": 80}
CALLS: list[tuple[str, str, str, Mapping[str, Any]]] = [
    ("tunnel-zone", "add-member", "tz", {"host": "hv1", "address": "172.16.0.1"}),
    ("port", "link", "up", {"peer": "gw"}),
    ("port", "unlink", "up", {}),
    ("port", "bind", "p1", {"host": "hv1", "interface": "tap0"}),
    ("port", "unbind", "p1", {}),
    ("tunnel-zone", "remove-member", "tz", {"host": "hv1"}),
    ("vtep", "bind", "tor", {"physical_port": "eth1", "bridge": "web"}),
    ("vtep", "unbind", "tor", {"physical_port": "eth1"}),
    ("bridge", "add-mac", "web", {"mac": MAC, "port": "p1"}),
    ("bridge", "remove-mac", "web", {"mac": MAC}),
    ("bridge", "add-arp", "web", {"ip": "10.0.0.7", "mac": MAC}),
    ("bridge", "remove-arp", "web", {"ip": "10.0.0.7"}),
    ("chain", "add-rule", "in", {"action": "drop"}),
    ("chain", "remove-rule", "in", {"index": 1}),
    ("port-group", "add-port", "ports", {"port": "p1"}),
    ("port-group", "remove-port", "ports", {"port": "p1"}),
    ("ip-addr-group", "add-address", "ips", {"address": "10.0.0.5", "ports": ["p1"]}),
    ("ip-addr-group", "remove-address", "ips", {"address": "10.0.0.5"}),
    ("host-group", "add-host", "rack", {"host": "hv1"}),
    ("host-group", "remove-host", "rack", {"host": "hv1"}),
    ("pool", "add-member", "servers", {**SERVER, "weight": 2}),
    ("pool", "remove-member", "servers", SERVER),
    ("dhcp-subnet", "add-host", "v4", {"mac": MAC, "address": "10.0.0.7", "name": "vm7"}),
    ("dhcp-subnet", "remove-host", "v4", {"mac": MAC}),
    ("dhcp-subnet", "add-route", "v4", {"destination": "172.16.0.0/12", "gateway": "10.0.0.254"}),
    ("dhcp-subnet", "remove-route", "v4", {"destination": "172.16.0.0/12"}),
    ("dhcpv6-subnet", "add-host", "v6", {"client_id": "00:03:00:01", "address": "2001:db8::7"}),
    ("dhcpv6-subnet", "remove-host", "v6", {"client_id": "00:03:00:01"}),
]


def test_every_verb_changes_its_object() -> None:
    world = World()
    world.apply(*NETWORK)
    for kind, name, ref, values in CALLS:
        verb = VERBS[kind][name]
        assert set(values) <= set(verb.arguments)
        assert {arg for arg, one in verb.arguments.items() if one.required} <= set(values)
        assert world.run(verb.make(ref, values)).events, (kind, name)
    assert {(kind, name) for kind, verbs in VERBS.items() for name in verbs} == {call[:2] for call in CALLS}


def test_every_argument_has_a_help_text() -> None:
    for kind, verbs in VERBS.items():
        assert kind in KINDS
        for name, verb in verbs.items():
            assert verb.help.endswith(".")
            for argument in verb.arguments.values():
                assert argument.spec.help or argument.spec.name in ("id", "name"), (kind, name, argument.spec.name)


@pytest.mark.parametrize(
    ("index", "made"),
    [
        (2, Delete("rule", where={"chain": "in", "index": 2})),
        ("2", Delete("rule", where={"chain": "in", "index": 2})),
        ("last", Delete("rule", "last")),
    ],
)
def test_rule_is_removed_by_index_or_name(index: int | str, made: Delete) -> None:
    assert VERBS["chain"]["remove-rule"].make("in", {"index": index}) == made
