"""The text of a packet: `tcp,ip_dst=10.0.0.2,tp_dst=443` (contract §6) to a packet, and back."""

from midonet.simulation.packet.format import format_field
from midonet.simulation.packet.text.parse import format_packet, parse

__all__ = ["format_field", "format_packet", "parse"]
