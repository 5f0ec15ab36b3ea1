"""Random commands, made from the model's declarations: mostly sensible, sometimes wrong on purpose.

Drive it with any `random.Random`: a seeded one for load, hypothesis' shrinkable one for properties.
"""

from random import Random
from typing import Any

from midonet.events.commands.command import AddItem, Command, Create, Delete, Op, Put, RemoveItem, Update
from midonet.events.model import KINDS, FieldSpec, Kind
from midonet.events.topology.topology import Topology

__all__ = ["random_command"]

_SKIPPED = {"name", "id"}
_FAULT = 0.03
_WEIGHTS = {"port": 12, "rule": 8, "bridge": 4, "router": 4, "host": 4, "mac-entry": 3, "vtep-binding": 6, "route": 3}
_WEIGHTS |= {"l2-insertion": 5, "service-container": 3, "service-container-group": 2}
_ROUTER_PORT = ("mac", "addresses", "vni", "tunnel_ip", "off_ramp_vxlan", "remote_peers")
_RULE_DATA = {
    "jump": "jump_chain",
    "snat": "nat_targets",
    "dnat": "nat_targets",
    "trace": "trace_request",
    "redirect": "target_port",
}
_FOR_SOME_ACTIONS = {
    *_RULE_DATA.values(),
    *("nat_action", "trace_limit", "transform_action", "pop_vlan", "push_vlan", "ingress", "fail_open"),
}


def random_command(rng: Random, topology: Topology) -> Command:
    """Return a command that makes some sense on the topology."""
    makers = (_create, _create, _create, _update, _update, _delete, _member, _link, _documents)
    op = rng.choice(makers)(rng, topology)
    return Command("random", [op])


def _kind(rng: Random) -> Kind:
    return KINDS[rng.choices(list(KINDS), [_WEIGHTS.get(name, 1) for name in KINDS])[0]]


def _existing(rng: Random, topology: Topology, kind: str) -> str | None:
    ids = sorted(object_id for one in kind.split("|") for object_id in topology.all(one))
    return rng.choice(ids) if ids else None


def _create(rng: Random, topology: Topology) -> Op:
    kind = _kind(rng)
    return Create(kind.name, _fields(rng, topology, kind))


def _fields(rng: Random, topology: Topology, kind: Kind, share: float = 0.2) -> dict[str, Any]:
    fields: dict[str, Any] = {"name": f"{kind.name}-{rng.randrange(1000)}"} if kind.cls.IDENTITY == ("name",) else {}
    if len(kind.cls.OWNER) > 1:
        owner = rng.choice(kind.cls.OWNER)
        fields[owner] = _existing(rng, topology, kind.ref_of[owner].kind)
    for name, spec in kind.writable.items():
        wanted = spec.required or (rng.random() < share and name not in kind.cls.OWNER)
        if name not in _SKIPPED and name not in fields and wanted:
            fields[name] = _value(rng, topology, spec)
    if rng.random() < _FAULT:
        return fields
    fit = _FITTING.get(kind.name)
    return _sensible(fit(rng, topology, fields) if fit else fields)


def _port(rng: Random, topology: Topology, fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is for ports of the other kind of device, and half a binding."""
    host = fields.pop("host", None)
    fields.pop("interface", None)
    unfit = _ROUTER_PORT if "bridge" in fields else ("vlan",)
    fields = {name: value for name, value in fields.items() if name not in unfit}
    zones = [member.host for zone in topology.all("tunnel-zone").values() for member in zone.members]
    if host is None or not zones or "peer" in fields:
        return fields
    return {**fields, "host": rng.choice(zones), "interface": f"eth{rng.randrange(50)}"}


def _route(rng: Random, topology: Topology, fields: dict[str, Any]) -> dict[str, Any]:
    """Give a route through a port one of its router, and one that leads nowhere none."""
    for name in ("port", "gateway"):
        fields.pop(name, None)
    if fields.get("next_hop") in ("blackhole", "reject"):
        return fields
    return {**fields, **_port_of(rng, topology, fields, "router")}


def _mac_entry(rng: Random, topology: Topology, fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, **_port_of(rng, topology, fields, "bridge")}


def _port_of(rng: Random, topology: Topology, fields: dict[str, Any], owner: str) -> dict[str, str]:
    ports = sorted(port.id for port in topology.referrers(fields.get(owner) or "", "port", owner))
    return {"port": rng.choice(ports)} if ports else {}


def _rule(rng: Random, topology: Topology, fields: dict[str, Any]) -> dict[str, Any]:
    """Give a rule the data of its action and no other."""
    fields = {name: value for name, value in fields.items() if name not in _FOR_SOME_ACTIONS}
    needed = _RULE_DATA.get(str(fields.get("action")))
    if needed == "nat_targets":
        return {**fields, needed: ["192.0.2.1-192.0.2.9:1024-2048"], "fragment_policy": None}
    return {**fields, needed: _value(rng, topology, KINDS["rule"].fields[needed])} if needed else fields


def _insertion(rng: Random, topology: Topology, fields: dict[str, Any]) -> dict[str, Any]:
    """Let half of the ports serve and the others be protected."""
    ports = sorted(port.id for port in topology.all("port").values() if port.bridge)
    if len(ports) < 2 or not {"port", "srv_port"} & fields.keys():
        return fields
    half = len(ports) // 2
    return {**fields, "port": rng.choice(ports[:half]), "srv_port": rng.choice(ports[half:])}


def _dhcp_subnet(rng: Random, topology: Topology, fields: dict[str, Any]) -> dict[str, Any]:
    """Give gateway and clients addresses of the subnet."""
    del topology
    prefix = str(fields.get("subnet", "")).partition("::" if "::" in str(fields.get("subnet")) else ".0.0/")[0]
    joint = "::" if ":" in prefix else ".0."
    hosts = [{**host, "address": f"{prefix}{joint}{rng.randrange(1, 200)}"} for host in _dicts(fields.get("hosts"))]
    gateway = {"gateway": f"{prefix}.0.254"} if "gateway" in fields else {}
    return {**fields, **gateway, **({"hosts": hosts} if hosts else {})}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


_FITTING = {
    "dhcp-subnet": _dhcp_subnet,
    "dhcpv6-subnet": _dhcp_subnet,
    "l2-insertion": _insertion,
    "mac-entry": _mac_entry,
    "port": _port,
    "route": _route,
    "rule": _rule,
}


def _sensible(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out what turns nothing round, and half of what excludes each other."""
    fields = {name: value for name, value in fields.items() if not name.startswith("inv_") or fields.get(name[4:])}
    if "tp_src" in fields or "tp_dst" in fields:
        fields.pop("fragment_policy", None)
    if "vlan" in fields:
        fields.pop("no_vlan", None)
    return fields


def _value(rng: Random, topology: Topology, spec: FieldSpec) -> Any:
    if rng.random() < _FAULT:
        return rng.choice([-1, 10**30, "\x00", [], {}, True, "no such thing", 3.5])
    if spec.many:
        return [_one(rng, topology, spec) for _ in range(rng.randrange(3))]
    return _one(rng, topology, spec)


def _one(rng: Random, topology: Topology, spec: FieldSpec) -> Any:
    if spec.ref is not None:
        return _existing(rng, topology, spec.ref.kind)
    if spec.parts:
        chosen = [part for part in spec.parts if part.required or rng.random() < 1 / len(spec.parts)]
        return _sensible({part.name: _value(rng, topology, part) for part in chosen})
    if spec.choices:
        return rng.choice(spec.choices)
    if spec.base is bool:
        return rng.random() < 0.5
    return _formatted(rng, spec.format.name if spec.format else "int")


def _formatted(rng: Random, format_name: str) -> Any:
    small = rng.randrange(1, 200)
    return {
        "int": small,
        "text": f"text-{small}",
        "interface": f"eth{small}",
        "mac": f"02:00:00:00:00:{small:02x}",
        "mac-mask": "ff:ff:ff:00:00:00",
        "id": f"00000000-0000-4000-8000-0000000000{small:02x}",
        "ip": f"10.0.0.{small}",
        "ipv4": f"10.0.0.{small}",
        "ipv6": f"2001:db8::{small}",
        "ipv4-cidr": f"10.{small}.0.0/16",
        "ipv6-cidr": f"2001:db8:{small}::/64",
        "cidr": f"10.{small}.0.0/16",
        "address/prefix": f"10.0.{small}.{rng.randrange(1, 200)}/24",
        "vlan-id": small,
        "port-range": f"{small}-{small + 5}",
        "ip-protocol": small,
        "ethertype": 0x0800,
    }[format_name]


def _update(rng: Random, topology: Topology) -> Op:
    kind = _kind(rng)
    fields = _fields(rng, topology, kind, share=0.1)
    for owner in kind.cls.OWNER:
        fields.pop(owner, None)
    for name in list(fields):
        if rng.random() < (0.05 if kind.fields[name].required else 0.2):
            fields[name] = None
    return Update(kind.name, _existing(rng, topology, kind.name) or "nothing", fields)


def _delete(rng: Random, topology: Topology) -> Op:
    kind = _kind(rng)
    ref = _existing(rng, topology, kind.name) or "nothing"
    return Delete(kind.name, ref, cascade=rng.random() < 0.6)


def _member(rng: Random, topology: Topology) -> Op:
    kind, field = rng.choice(
        [("tunnel-zone", "members")] * 3
        + [("port-group", "ports"), ("ip-addr-group", "addresses"), ("host-group", "hosts"), ("mirror", "conditions")]
    )
    ref = _existing(rng, topology, kind) or "nothing"
    item = _one(rng, topology, KINDS[kind].fields[field])
    if rng.random() < 0.7:
        return AddItem(kind, ref, field, item)
    return RemoveItem(kind, ref, field, {"host": item.get("host")} if field == "members" else item)


def _link(rng: Random, topology: Topology) -> Op:
    port = _existing(rng, topology, "port") or "nothing"
    if rng.random() < 0.1:
        router = _existing(rng, topology, "router") or "nothing"
        return Update("router", router, {"load_balancer": _existing(rng, topology, "load-balancer")})
    if rng.random() < 0.5:
        return Update("port", port, {"peer": _existing(rng, topology, "port")}, ("peer",))
    host = _existing(rng, topology, "host") if rng.random() < 0.7 else None
    return Update("port", port, {"host": host, "interface": host and f"tap{rng.randrange(50)}", "peer": None})


def _documents(rng: Random, topology: Topology) -> Op:
    ports = [{"name": f"port-{number}"} for number in range(rng.randrange(4))]
    bridge = {"kind": "bridge", "name": f"bridge-{rng.randrange(5)}", "ports": ports}
    rules = [{"action": rng.choice(["accept", "drop"])} for _ in range(rng.randrange(4))]
    chain = {"kind": "chain", "name": f"chain-{rng.randrange(5)}", "rules": rules}
    gateways = [{"name": f"gw-{number}", "addresses": [f"10.0.{number}.1/24"]} for number in range(rng.randrange(3))]
    peers = [{"address": "10.0.0.2", "asn": 64513}] if rng.random() < 0.5 else []
    balancer = f"lb-{rng.randrange(5)}"
    router = {"kind": "router", "name": f"router-{rng.randrange(5)}", "ports": gateways, "bgp_peers": peers}
    pool = {"name": "pool", "members": [{"address": "10.0.0.5", "protocol_port": 80}]}
    attached = {**router, "load_balancer": balancer} if rng.random() < 0.3 else router
    del topology
    return Put([bridge, chain, attached, {"kind": "load-balancer", "name": balancer, "pools": [pool]}])
