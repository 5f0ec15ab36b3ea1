"""Packets that routers, bridges and servers of the virtual network send themselves."""

from midonet.simulation.packet.build.arp import arp_reply, arp_request
from midonet.simulation.packet.build.dhcp import DhcpMessage, dhcp_reply, parse_dhcp
from midonet.simulation.packet.build.dhcpv6 import Dhcpv6Message, dhcpv6_reply, parse_dhcpv6
from midonet.simulation.packet.build.icmp import echo_reply, icmp_error, may_answer_with_error
from midonet.simulation.packet.build.neighbour import neighbour_advertisement, neighbour_solicitation
from midonet.simulation.packet.build.tcp import may_answer_with_reset, tcp_reset

__all__ = [
    "DhcpMessage",
    "Dhcpv6Message",
    "arp_reply",
    "arp_request",
    "dhcp_reply",
    "dhcpv6_reply",
    "echo_reply",
    "icmp_error",
    "may_answer_with_error",
    "may_answer_with_reset",
    "neighbour_advertisement",
    "neighbour_solicitation",
    "parse_dhcp",
    "parse_dhcpv6",
    "tcp_reset",
]
