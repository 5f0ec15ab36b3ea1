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
    "tenant": ("midoctl tenant create acme --description 'Acme Corporation'",),
    "bgp-network": ("midoctl bgp-network create --router edge --subnet 203.0.113.0/24",),
    "bgp-peer": ("midoctl bgp-peer create --router edge --asn 64513 --address 192.0.2.2 --password-ref isp",),
    "dhcp-subnet": (
        "midoctl dhcp-subnet create --bridge web --subnet 10.0.0.0/24 --gateway 10.0.0.1 --dns-servers 10.0.0.2",
    ),
    "dhcpv6-subnet": ("midoctl dhcpv6-subnet create --bridge web --subnet 2001:db8::/64",),
    "port-group": ("midoctl port-group create uplinks --stateful --ports edge/up",),
    "ip-addr-group": ("midoctl ip-addr-group create trusted --addresses 10.0.0.5,10.0.0.6",),
    "qos-policy": ("midoctl qos-policy create gold --description 'for the paying ones'",),
    "qos-bandwidth-rule": ("midoctl qos-bandwidth-rule create --policy gold --max-kbps 100000 --max-burst-kb 10000",),
    "qos-dscp-rule": ("midoctl qos-dscp-rule create --policy gold --dscp-mark 46",),
    "mirror": ("midoctl mirror create tap --to-port web/p1 --conditions nw_proto=tcp,tp_dst=443",),
    "trace-request": ("midoctl trace-request create why --port web/p1 --condition nw_proto=icmp --limit 10 --enabled",),
    "logging-resource": ("midoctl logging-resource create file",),
    "rule-logger": ("midoctl rule-logger create --chain web-in --logging-resource file --event drop",),
    "load-balancer": ("midoctl load-balancer create lb",),
    "health-monitor": ("midoctl health-monitor create probe --delay 5 --timeout 3 --max-retries 2",),
    "pool": ("midoctl pool create servers --load-balancer lb --health-monitor probe",),
    "pool-member": ("midoctl pool-member create --pool servers --address 10.0.0.5 --protocol-port 8080",),
    "vip": ("midoctl vip create --pool servers --address 192.0.2.80 --protocol-port 80",),
    "l2-insertion": ("midoctl l2-insertion create --port web/p1 --srv-port web/p2 --mac 02:00:00:00:00:01",),
    "host-group": ("midoctl host-group create rack1 --hosts hv1,hv2",),
    "service-container-group": ("midoctl service-container-group create vpns --policy least",),
    "service-container": ("midoctl service-container create --service-group vpns --service-type ipsec --port edge/up",),
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
    "tenant": ("acme", "--enabled false"),
    "bgp-network": ("NETWORK", "--subnet 203.0.112.0/23"),
    "bgp-peer": ("PEER", "--hold-time 30"),
    "dhcp-subnet": ("SUBNET", "--interface-mtu 1450"),
    "dhcpv6-subnet": ("SUBNET", "--name clients"),
    "port-group": ("uplinks", "--stateful false"),
    "ip-addr-group": ("trusted", "--name friends"),
    "qos-policy": ("gold", "--shared"),
    "qos-bandwidth-rule": ("RULE", "--max-kbps 50000"),
    "qos-dscp-rule": ("RULE", "--dscp-mark 26"),
    "mirror": ("tap", "--to-port web/p2"),
    "trace-request": ("why", "--enabled false"),
    "logging-resource": ("file", "--enabled false"),
    "rule-logger": ("LOGGER", "--event all"),
    "load-balancer": ("lb", "--admin-state-up false"),
    "health-monitor": ("probe", "--delay 10"),
    "pool": ("servers", "--session-persistence source-ip"),
    "pool-member": ("MEMBER", "--weight 3"),
    "vip": ("VIP", "--gateway-port edge/up"),
    "l2-insertion": ("INSERTION", "--fail-open"),
    "host-group": ("rack1", "--name row1"),
    "service-container-group": ("vpns", "--host-group rack1"),
    "service-container": ("CONTAINER", "--name vpn1"),
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
