"""The extension headers of IPv6 (RFC 8200 §4)."""

from typing import NamedTuple

from midonet.simulation.packet.numbers import (
    AUTHENTICATION,
    FRAGMENT,
    HEADERS6,
    LATER_FRAGMENT,
    NOT_FRAGMENT,
    ROUTING,
)


class Extensions(NamedTuple):
    """What comes after the extension headers, and what they say."""

    proto: int
    """Protocol; number of the header that is truncated; 44 of a later fragment, as for Open vSwitch."""
    at: int
    """Offset of the transport header; -1 if there is none."""
    fragment: int
    payload: int
    """Offset after the last whole header."""
    routed: bool
    """Whether the destination address is only the next stop (RFC 8200 §4.4)."""


def walk(frame: bytes, proto: int, at: int, end: int) -> Extensions:
    """Walk over the extension headers from `at` on, of which `proto` is the first."""
    fragment, routed = NOT_FRAGMENT, False
    while proto in HEADERS6:
        if at + 8 > end:
            return Extensions(proto, -1, fragment, at, routed)
        length = 8
        if proto == FRAGMENT:
            field = int.from_bytes(frame[at + 2 : at + 4], "big")
            if field >> 3:
                return Extensions(FRAGMENT, -1, LATER_FRAGMENT, at + 8, routed)
            fragment |= field & 1
        elif proto == AUTHENTICATION:
            length = (frame[at + 1] + 2) * 4
        else:
            length = (frame[at + 1] + 1) * 8
            routed = routed or (proto == ROUTING and frame[at + 3] > 0)
        if at + length > end:
            return Extensions(proto, -1, fragment, at, routed)
        proto, at = frame[at], at + length
    return Extensions(proto, at, fragment, at, routed)
