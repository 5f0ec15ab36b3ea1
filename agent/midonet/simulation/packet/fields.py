"""The fields of a packet that a decision may rest on: indexes into `Packet.values`, with their names and widths.

Names are Open vSwitch's (ovs-fields(7)). As there, ICMP type and code are in the transport ports, and the operation and
the addresses of ARP in `nw_proto`, `nw_src` and `nw_dst`.
"""

from typing import NamedTuple

DL_SRC = 0
DL_DST = 1
DL_TYPE = 2
"""Ethertype after all VLAN tags; 0x05ff for an IEEE 802.3 frame with a length."""
VLAN = 3
"""Outer tag: tag control information with bit 12 set (OVS `vlan_tci`); 0 without a tag."""
INNER_VLAN = 4
"""Second tag, as `VLAN`."""
NW_PROTO = 5
"""IP protocol, after the extension headers of IPv6; ARP operation."""
NW_TOS = 6
"""Type of service or traffic class: DSCP and ECN, 8 bits."""
NW_TTL = 7
NW_FRAG = 8
"""0: not a fragment, 1: first fragment, 3: later fragment (OVS `nw_frag`)."""
NW_SRC = 9
"""IPv4 address as a number of 32 bits; IPv6 address as one of 128 bits with bit 128 set; else 0."""
NW_DST = 10
TP_SRC = 11
"""Source port of TCP, UDP, SCTP; type of ICMP and ICMPv6; 0 for later fragments."""
TP_DST = 12
"""Destination port of TCP, UDP, SCTP; code of ICMP and ICMPv6."""
TCP_FLAGS = 13
ARP_SHA = 14
ARP_THA = 15
ND_TARGET = 16
"""Target of a neighbour solicitation or advertisement, with bit 128 set; else 0."""
ND_LINK = 17
"""Link-layer address option of a neighbour solicitation (source) or advertisement (target); 0 without."""
ICMP_ID = 18
"""Identifier of ICMP and ICMPv6 echo messages."""
DATA_SRC = 19
"""Source address of the packet that an ICMP or ICMPv6 error quotes; else 0."""
DATA_DST = 20
DATA_PROTO = 21
DATA_TP_SRC = 22
"""Source port (or echo identifier) in the packet that an ICMP error quotes."""
DATA_TP_DST = 23

COUNT = 24

IPV6 = 1 << 128
"""Bit that tells IPv6 addresses from IPv4 addresses."""
VLAN_PRESENT = 0x1000


class Field(NamedTuple):
    """What is known of a field: its name, its width in bits, and whether Open vSwitch can match it."""

    name: str
    bits: int
    in_datapath: bool = True


FIELDS: tuple[Field, ...] = (
    Field("dl_src", 48),
    Field("dl_dst", 48),
    Field("dl_type", 16),
    Field("vlan_tci", 16),
    Field("inner_vlan_tci", 16, in_datapath=False),
    Field("nw_proto", 8),
    Field("nw_tos", 8),
    Field("nw_ttl", 8),
    Field("nw_frag", 2),
    Field("nw_src", 129),
    Field("nw_dst", 129),
    Field("tp_src", 16),
    Field("tp_dst", 16),
    Field("tcp_flags", 12),
    Field("arp_sha", 48),
    Field("arp_tha", 48),
    Field("nd_target", 129),
    Field("nd_link", 48),
    Field("icmp_id", 16, in_datapath=False),
    Field("icmp_data_src", 129, in_datapath=False),
    Field("icmp_data_dst", 129, in_datapath=False),
    Field("icmp_data_proto", 8, in_datapath=False),
    Field("icmp_data_tp_src", 16, in_datapath=False),
    Field("icmp_data_tp_dst", 16, in_datapath=False),
)
"""All fields, by their index."""
