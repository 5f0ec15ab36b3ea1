"""DHCP (RFC 2131, options of RFC 2132)."""

from collections.abc import Iterable, Iterator, Mapping
from struct import Struct
from typing import NamedTuple

from midonet.events.errors import InvalidValue
from midonet.simulation.packet.build.answering import tags
from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.compose import Ip, Link, ip_frame, udp
from midonet.simulation.packet.fields import DL_SRC, DL_TYPE, NW_FRAG, NW_PROTO, TP_DST, TP_SRC
from midonet.simulation.packet.numbers import BROADCAST, IP4, UDP
from midonet.simulation.packet.packet import Packet

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM = range(1, 9)
SERVER_PORT, CLIENT_PORT = 67, 68
BOOT_REQUEST, BOOT_REPLY = 1, 2

REQUESTED_ADDRESS, OVERLOAD, MESSAGE_TYPE, SERVER_ID, PARAMETERS, CLIENT_ID, RELAY = 50, 52, 53, 54, 55, 61, 82
_PAD, _END = 0, 255

_FIXED = Struct(">BBBBIHHIIII6s10x")
"""Operation, hardware type, length and hops, transaction, seconds, flags, four addresses, MAC address."""
_COOKIE = bytes.fromhex("63825363")
_FILE, _NAME, _OPTIONS = slice(108, 236), slice(44, 108), slice(240, None)
_SHORTEST = 300
"""Bytes of the shortest message (RFC 1542 §2.1)."""
_WANTS_BROADCAST = 0x8000
_EVERYWHERE = 0xFFFFFFFF


class DhcpMessage(NamedTuple):
    """A message of a client or a server."""

    op: int
    xid: int
    flags: int
    ciaddr: int
    """Address that the client has."""
    yiaddr: int
    """Address that the client gets."""
    giaddr: int
    """Address of the relay agent."""
    chaddr: int
    """MAC address of the client."""
    options: Mapping[int, bytes]

    @property
    def type(self) -> int:
        """What the message is, such as `DISCOVER`; 0 in BOOTP."""
        return int.from_bytes(self.options.get(MESSAGE_TYPE, b"")[:1], "big")

    @property
    def requested(self) -> int:
        """Address that the client asks for; 0 if for none."""
        return int.from_bytes(self.options.get(REQUESTED_ADDRESS, b"")[:4], "big")

    @property
    def server(self) -> int:
        """Server that the message is for, or from; 0 if it names none."""
        return int.from_bytes(self.options.get(SERVER_ID, b"")[:4], "big")

    @property
    def parameters(self) -> tuple[int, ...]:
        """Options that the client asks for."""
        return tuple(self.options.get(PARAMETERS, b""))

    @property
    def client_id(self) -> bytes:
        """Identifier of the client, if it is not the MAC address."""
        return self.options.get(CLIENT_ID, b"")


def parse_dhcp(packet: Packet) -> DhcpMessage | None:
    """Return the DHCP message in a packet, for a server or a client; None if there is none."""
    values = packet.values
    ports = (values[TP_SRC], values[TP_DST])
    if (values[DL_TYPE], values[NW_PROTO], values[NW_FRAG]) != (IP4, UDP, 0) or packet.l4 < 0:
        return None
    data = packet.payload_bytes
    if not {SERVER_PORT, CLIENT_PORT}.issuperset(ports) or data[236:240] != _COOKIE:
        return None
    op, hardware, length, _, xid, _, flags, ciaddr, yiaddr, _, giaddr, chaddr = _FIXED.unpack_from(data)
    if (hardware, length) != (1, 6):
        return None
    return DhcpMessage(op, xid, flags, ciaddr, yiaddr, giaddr, int.from_bytes(chaddr, "big"), _options(data))


def _options(data: bytes) -> dict[int, bytes]:
    """Return the options, also those in place of file and server name; repeated ones are joined (RFC 3396)."""
    found = _merged({}, data[_OPTIONS])
    overload = found.get(OVERLOAD, b"\0")[:1]
    if overload in (b"\x01", b"\x03"):
        found = _merged(found, data[_FILE])
    if overload in (b"\x02", b"\x03"):
        found = _merged(found, data[_NAME])
    return found


def _merged(found: dict[int, bytes], data: bytes) -> dict[int, bytes]:
    at = 0
    while at < len(data) and data[at] != _END:
        if data[at] == _PAD:
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 1 : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            break
        found[data[at]] = found.get(data[at], b"") + data[at + 2 : end]
        at = end
    return found


def dhcp_reply(
    request: Packet, kind: int, address: int, server: tuple[int, int], options: Iterable[tuple[int, bytes]] = ()
) -> Packet:
    """Answer a client's message with an `OFFER`, `ACK` or `NAK`.

    `server` is MAC and IPv4 address, `options` are sent in this order after type and server. The client's identifier
    and what a relay agent added come back, as RFC 6842 and RFC 3046 demand.
    """
    asked = parse_dhcp(request)
    if asked is None:
        raise InvalidValue("the request is no DHCP message", field="request", reason="bad-value")
    mine = [(MESSAGE_TYPE, bytes((kind,))), (SERVER_ID, server[1].to_bytes(4, "big")), *options]
    echoed = [(code, asked.options[code]) for code in (CLIENT_ID, RELAY) if code in asked.options]
    ciaddr, yiaddr, siaddr = asked.ciaddr if kind == ACK else 0, address, server[1]
    if kind == NAK:
        ciaddr = yiaddr = siaddr = 0
    fixed = (BOOT_REPLY, 1, 6, 0, asked.xid, 0, asked.flags, ciaddr, yiaddr, siaddr, asked.giaddr)
    message = _FIXED.pack(*fixed, asked.chaddr.to_bytes(6, "big")) + bytes(192) + _COOKIE
    message += b"".join(_encoded([*mine, *echoed])) + bytes((_END,))
    mac, target, port = _destination(asked, kind, yiaddr)
    link = Link(server[0], request.values[DL_SRC] if asked.giaddr else mac, tags(request))
    body = udp(SERVER_PORT, port, message.ljust(_SHORTEST, b"\0"))
    return decode(ip_frame(link, Ip(server[1], target, UDP), body))


def _encoded(options: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    for code, value in options:
        for at in range(0, len(value) or 1, 255):
            part = value[at : at + 255]
            yield bytes((code, len(part))) + part


def _destination(asked: DhcpMessage, kind: int, yiaddr: int) -> tuple[int, int, int]:
    """Return MAC address, address and port that an answer goes to (RFC 2131 §4.1)."""
    if asked.giaddr:
        return asked.chaddr, asked.giaddr, SERVER_PORT
    if kind != NAK and asked.ciaddr:
        return asked.chaddr, asked.ciaddr, CLIENT_PORT
    if kind == NAK or asked.flags & _WANTS_BROADCAST or not yiaddr:
        return BROADCAST, _EVERYWHERE, CLIENT_PORT
    return asked.chaddr, yiaddr, CLIENT_PORT
