"""Numbers of protocols (IANA) that several modules here need."""

IP4, ARP, IP6 = 0x0800, 0x0806, 0x86DD
TAGS = (0x8100, 0x88A8)
"""Ethertypes of VLAN tags: 802.1Q and 802.1ad."""
LENGTH_FRAME = 0x05FF
"""What `dl_type` is of an IEEE 802.3 frame, whose type is a length."""
ETHERTYPES = 0x0600
"""The first ethertype: numbers below are lengths."""

ICMP, TCP, UDP, ICMP6, SCTP = 1, 6, 17, 58, 132
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS = 0, 43, 44, 51, 60
HEADERS6 = frozenset((HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS))
"""Extension headers of IPv6."""
NO_NEXT_HEADER = 59

NOT_FRAGMENT, FIRST_FRAGMENT, LATER_FRAGMENT = 0, 1, 3

ECHO_REQUEST, ECHO_REPLY = 8, 0
ECHO_REQUEST6, ECHO_REPLY6 = 128, 129
ECHOES = frozenset((ECHO_REQUEST, ECHO_REPLY))
ECHOES6 = frozenset((ECHO_REQUEST6, ECHO_REPLY6))
ERRORS = frozenset((3, 4, 5, 11, 12))
"""Types of ICMP messages that quote the packet that they are about."""
ERRORS6 = frozenset(range(1, 128))
"""As `ERRORS`, of ICMPv6 (RFC 4443 §2.1)."""
SOLICITATION, ADVERTISEMENT = 135, 136
SOURCE_LINK, TARGET_LINK = 1, 2
"""Options of neighbour discovery with a link-layer address."""

BROADCAST = 0xFFFFFFFFFFFF
GROUP_BIT = 1 << 40
"""Bit of a MAC address that tells groups from stations."""
