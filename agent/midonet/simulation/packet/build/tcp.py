"""Resets of TCP (RFC 9293 §3.5.2)."""

from midonet.simulation.packet.build.answering import answer
from midonet.simulation.packet.compose import TCP_HEADER, tcp
from midonet.simulation.packet.fields import TCP_FLAGS, TP_DST, TP_SRC
from midonet.simulation.packet.numbers import TCP
from midonet.simulation.packet.packet import Packet

FIN, SYN, RST, ACK = 1, 2, 4, 16


def may_answer_with_reset(packet: Packet) -> bool:
    """Return whether a packet is a segment of TCP that is no reset itself."""
    return packet.l4 >= 0 and bool(packet.values[TCP_FLAGS]) and not packet.values[TCP_FLAGS] & RST


def tcp_reset(packet: Packet) -> Packet:
    """Return the segment that refuses a connection, or ends it. Ask `may_answer_with_reset` before."""
    values = packet.values
    flags = values[TCP_FLAGS]
    _, _, sequence, acknowledgement, *_ = TCP_HEADER.unpack_from(packet.frame, packet.l4)
    if flags & ACK:
        body = tcp(values[TP_DST], values[TP_SRC], RST, acknowledgement)
    else:
        length = len(packet.payload_bytes) + bool(flags & SYN) + bool(flags & FIN)
        body = tcp(values[TP_DST], values[TP_SRC], RST | ACK, 0, sequence + length & 0xFFFFFFFF)
    return answer(packet, TCP, body)
