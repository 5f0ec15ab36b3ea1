"""Rules, routes and addresses in the words of the command line."""

from functools import lru_cache
from typing import Any

_TERMS = (
    "match_forward_flow", "match_return_flow", "in_ports", "out_ports", "port_group", "in_port_group", "out_port_group",
    "ip_addr_group_src", "ip_addr_group_dst", "traversed_device", "dl_type", "dl_src", "dl_dst", "no_vlan", "vlan",
    "nw_tos", "nw_proto", "nw_src", "nw_dst", "match_nw_dst_rewritten", "tp_src", "tp_dst", "icmp_data_src",
    "icmp_data_dst", "fragment_policy",
)  # fmt: skip
_ETHERTYPES = {0x0800: "ipv4", 0x0806: "arp", 0x86DD: "ipv6"}
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}


def describe(rule: Any) -> str:
    """Return a rule in words: `drop nw_proto tcp, tp_dst 22`."""
    return _describe(rule)


@lru_cache(maxsize=65536)
def _describe(rule: Any) -> str:
    terms = ", ".join(_terms(rule))
    return f"{_action(rule)} {terms}".strip() if terms else f"{_action(rule)} everything"


def _action(rule: Any) -> str:
    if rule.nat_targets:
        return f"{rule.action} to {', '.join(map(_target, rule.nat_targets))}:"
    target = rule.jump_chain or rule.target_port
    return f"{rule.action} to {target}:" if target else str(rule.action)


def _target(target: Any) -> str:
    text = target.address_from if not target.address_to else f"{target.address_from}-{target.address_to}"
    return f"{text}:{target.ports}" if target.ports else str(text)


def _terms(rule: Any) -> list[str]:
    found = []
    for name in _TERMS:
        value = getattr(rule, name)
        if value in (None, (), False):
            continue
        word = "not " if getattr(rule, f"inv_{name}", False) else ""
        found.append(f"{word}{name}" if value is True else f"{word}{name} {_value(name, value)}")
    return [f"not ({', '.join(found)})"] if rule.conjunction_inv and found else found


def _value(name: str, value: Any) -> str:
    if name == "dl_type":
        return _ETHERTYPES.get(value, f"{value:#06x}")
    if name == "nw_proto":
        return _PROTOCOLS.get(value, str(value))
    return " or ".join(value) if isinstance(value, tuple) else str(value)
