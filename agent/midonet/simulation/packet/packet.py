"""A packet: one Ethernet frame and what was decoded of it."""

from typing import NamedTuple

from midonet.simulation.packet.fields import DL_TYPE
from midonet.simulation.packet.format import format_values

_IP4, _IP6 = 0x0800, 0x86DD


class Packet(NamedTuple):
    """An Ethernet frame without its checksum, as `midonet.simulation.packet.codec.decode` understands it.

    Equal frames are equal packets.
    """

    frame: bytes
    values: tuple[int, ...]
    """Values of the fields, by the indexes of `midonet.simulation.packet.fields`; 0 for a field that is absent."""
    l3: int
    """Offset of the network header, after all tags; -1 for an IP header that is truncated or malformed."""
    l4: int
    """Offset of the transport header; -1 for a later fragment, an unknown protocol, or a truncated header."""
    payload: int
    """Offset of what follows the last header that was understood."""

    @property
    def end(self) -> int:
        """Offset of the end of the IP packet, or of the frame: what follows is padding."""
        frame, l3 = self.frame, self.l3
        kind = self.values[DL_TYPE]
        if l3 < 0 or kind not in (_IP4, _IP6):
            return len(frame)
        if kind == _IP4:
            return min(l3 + int.from_bytes(frame[l3 + 2 : l3 + 4], "big"), len(frame))
        return min(l3 + 40 + int.from_bytes(frame[l3 + 4 : l3 + 6], "big"), len(frame))

    @property
    def payload_bytes(self) -> bytes:
        """What follows the last header that was understood, without padding."""
        return self.frame[self.payload : self.end]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Packet) and self.frame == other.frame

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.frame)

    def __repr__(self) -> str:
        return format_values(self.values)
