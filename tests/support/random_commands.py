"""Random commands, made from the model's declarations: mostly sensible, sometimes wrong on purpose.

Drive it with any `random.Random`: a seeded one for load, hypothesis' shrinkable one for properties.
"""

from random import Random
from typing import Any

from midonet.events.command import AddItem, Command, Create, Delete, Op, Put, RemoveItem, Update
from midonet.events.model import KINDS, FieldSpec, Kind
from midonet.events.topology import Topology

__all__ = ["random_command"]

_SKIPPED = {"name", "id"}
_FAULT = 0.03
_WEIGHTS = {"port": 6, "rule": 4, "mac-entry": 3, "vtep-binding": 3, "route": 2}


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
    if kind.name == "rule" and fields.get("action") in ("snat", "dnat"):
        fields.setdefault("nat_targets", ["192.0.2.1-192.0.2.9:1024-2048"])
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
        return {part.name: _one(rng, topology, part) for part in spec.parts if part.required}
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
        "ip": f"10.0.0.{small}",
        "cidr": f"10.{small}.0.0/16",
        "address/prefix": f"10.0.0.{small}/24",
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
        if rng.random() < 0.2:
            fields[name] = None
    return Update(kind.name, _existing(rng, topology, kind.name) or "nothing", fields)


def _delete(rng: Random, topology: Topology) -> Op:
    kind = _kind(rng)
    ref = _existing(rng, topology, kind.name) or "nothing"
    return Delete(kind.name, ref, cascade=rng.random() < 0.6)


def _member(rng: Random, topology: Topology) -> Op:
    zone = _existing(rng, topology, "tunnel-zone") or "nothing"
    host = _existing(rng, topology, "host") or "nothing"
    if rng.random() < 0.7:
        return AddItem("tunnel-zone", zone, "members", {"host": host, "address": f"172.16.0.{rng.randrange(250)}"})
    return RemoveItem("tunnel-zone", zone, "members", {"host": host})


def _link(rng: Random, topology: Topology) -> Op:
    port = _existing(rng, topology, "port") or "nothing"
    if rng.random() < 0.5:
        return Update("port", port, {"peer": _existing(rng, topology, "port")}, ("peer",))
    return Update("port", port, {"host": _existing(rng, topology, "host"), "interface": f"tap{rng.randrange(50)}"})


def _documents(rng: Random, topology: Topology) -> Op:
    ports = [{"name": f"port-{number}"} for number in range(rng.randrange(4))]
    bridge = {"kind": "bridge", "name": f"bridge-{rng.randrange(5)}", "ports": ports}
    rules = [{"action": rng.choice(["accept", "drop"])} for _ in range(rng.randrange(4))]
    chain = {"kind": "chain", "name": f"chain-{rng.randrange(5)}", "rules": rules}
    del topology
    return Put([bridge, chain])
