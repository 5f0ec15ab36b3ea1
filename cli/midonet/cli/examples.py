"""Examples of the help texts; a test runs each of them."""

from collections.abc import Mapping

__all__ = ["examples"]

_CREATE: Mapping[str, tuple[str, ...]] = {
    "bridge": ("midoctl bridge create web --tenant acme",),
    "router": ("midoctl router create edge --asn 64512",),
    "port": (
        "midoctl port create p1 --bridge web",
        "midoctl port create up --router edge --addresses 10.0.0.1/24,192.0.2.1/30",
    ),
    "route": ("midoctl route create --router edge --dst 10.1.0.0/16 --port edge/up --gateway 192.0.2.2",),
    "chain": ("midoctl chain create web-in",),
    "rule": ("midoctl rule create --chain web-in --action accept --nw-proto tcp --tp-dst 443",),
    "host": ("midoctl host create hv1",),
    "tunnel-zone": ("midoctl tunnel-zone create underlay --type vtep",),
    "vtep": ("midoctl vtep create tor1 --management-ip 192.0.2.10 --tunnel-ips 198.51.100.10",),
    "vtep-binding": ("midoctl vtep-binding create --vtep tor1 --physical-port eth1 --vlan 100 --bridge web",),
    "mac-entry": ("midoctl mac-entry create --bridge web --mac 02:00:00:00:00:01 --port web/p1",),
    "arp-entry": ("midoctl arp-entry create --bridge web --ip 10.0.0.9 --mac 02:00:00:00:00:01",),
}
_SET: Mapping[str, tuple[str, str]] = {
    "bridge": ("web", "--no-admin-state-up --inbound-filter web-in"),
    "router": ("edge", "--asn 64513"),
    "port": ("web/p1", "--name front --admin-state-up false"),
    "route": ("ROUTE", "--weight 50"),
    "chain": ("web-in", "--tenant acme"),
    "rule": ("RULE", "--tp-dst 8000-8080"),
    "host": ("hv1", "--flooding-proxy-weight 5"),
    "tunnel-zone": ("underlay", "--name fabric"),
    "vtep": ("tor1", "--management-port 6640"),
    "vtep-binding": ("BINDING", "--physical-port eth2"),
    "mac-entry": ("ENTRY", "--vlan 7"),
    "arp-entry": ("ENTRY", "--mac 02:00:00:00:00:02"),
}
_CLEAR: Mapping[str, str] = {
    "bridge": "web inbound-filter tenant",
    "router": "edge asn",
    "port": "web/p1 vlan",
    "rule": "RULE tp-dst",
    "vtep": "tor1 tunnel-zone",
}


def examples(kind: str, verb: str) -> str:
    """Return example lines of a command, indented."""
    ref, change = _SET.get(kind, ("REF", ""))
    field = change.split()[0].removeprefix("--no-").removeprefix("--")
    lines: dict[str, tuple[str, ...]] = {
        "create": _CREATE.get(kind, ()),
        "list": (f"midoctl {kind} list -o json", f"midoctl {kind} list --filter {field}= --at 2026-01-31T12:00:00Z"),
        "show": (f"midoctl {kind} show {ref} --at 12",),
        "set": (f'midoctl {kind} set {ref} {change} -m "ticket 7"',),
        "clear": (f"midoctl {kind} clear {_CLEAR[kind]}",) if kind in _CLEAR else (),
        "delete": (f"midoctl {kind} delete {ref} --dry-run",),
    }
    return "\n".join(f"  {line}" for line in lines[verb])
