"""DHCPv6 (RFC 8415): stateful addresses and further options, from one server."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from midonet.simulation.packet.build.answering import link_back
from midonet.simulation.packet.codec import decode
from midonet.simulation.packet.compose import Ip, address, ip_frame, udp
from midonet.simulation.packet.fields import DL_TYPE, IPV6, NW_FRAG, NW_PROTO, NW_SRC, TP_DST
from midonet.simulation.packet.numbers import IP6, UDP
from midonet.simulation.packet.packet import Packet

SOLICIT, ADVERTISE, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE, DECLINE = range(1, 10)
INFORMATION_REQUEST = 11
SERVER_PORT, CLIENT_PORT = 547, 546

CLIENT_ID, SERVER_ID, IA_NA, IA_ADDRESS, REQUESTED, STATUS, RAPID_COMMIT = 1, 2, 3, 5, 6, 13, 14
SUCCESS, NO_ADDRESS_AVAILABLE, NOT_ON_LINK = 0, 2, 4

_WITH_ADDRESSES = frozenset((SOLICIT, REQUEST, RENEW, REBIND))
_ANSWERED = _WITH_ADDRESSES | {CONFIRM, RELEASE, DECLINE, INFORMATION_REQUEST}
_FOREVER = b"\xff" * 4
"""Lifetimes and times of renewal: addresses are configured, and stay."""

Option = tuple[int, bytes]


class Association(NamedTuple):
    """A set of addresses that a client asks for under one number (IA_NA)."""

    id: int
    addresses: tuple[int, ...]


class Dhcpv6Message(NamedTuple):
    """A message of a client."""

    type: int
    transaction: int
    options: tuple[Option, ...]

    def option(self, code: int) -> bytes | None:
        """Return the first option with that number."""
        return next((value for number, value in self.options if number == code), None)

    @property
    def client_id(self) -> bytes:
        """Unique identifier (DUID) of the client."""
        return self.option(CLIENT_ID) or b""

    @property
    def server_id(self) -> bytes:
        """Unique identifier of the server that the message is for; empty if for any."""
        return self.option(SERVER_ID) or b""

    @property
    def parameters(self) -> tuple[int, ...]:
        """Options that the client asks for."""
        data = self.option(REQUESTED) or b""
        return tuple(data[at] << 8 | data[at + 1] for at in range(0, len(data) - 1, 2))

    @property
    def associations(self) -> tuple[Association, ...]:
        """Sets of addresses that the client asks for."""
        return tuple(
            Association(int.from_bytes(value[:4], "big"), tuple(_addresses(value[12:])))
            for code, value in self.options
            if code == IA_NA and len(value) >= 12  # noqa: PLR2004 - number and two times
        )


def _addresses(data: bytes) -> Iterator[int]:
    for code, value in _options(data):
        if code == IA_ADDRESS and len(value) >= 24:  # noqa: PLR2004 - the address and two times
            yield int.from_bytes(value[:16], "big") | IPV6


def _options(data: bytes) -> Iterator[Option]:
    at = 0
    while at + 4 <= len(data):
        code, end = int.from_bytes(data[at : at + 2], "big"), at + 4 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data):
            return
        yield code, data[at + 4 : end]
        at = end


def parse_dhcpv6(packet: Packet) -> Dhcpv6Message | None:
    """Return the message of a DHCPv6 client in a packet; None if there is none."""
    values = packet.values
    if (values[DL_TYPE], values[NW_PROTO], values[NW_FRAG], values[TP_DST]) != (IP6, UDP, 0, SERVER_PORT):
        return None
    data = packet.payload_bytes
    if packet.l4 < 0 or len(data) < 4 or data[0] not in _ANSWERED:  # noqa: PLR2004 - type and transaction
        return None
    return Dhcpv6Message(data[0], int.from_bytes(data[1:4], "big"), tuple(_options(data[4:])))


def server_duid(mac: int) -> bytes:
    """Return the unique identifier of the server with a MAC address (DUID-LL)."""
    return b"\0\x03\0\x01" + mac.to_bytes(6, "big")


def dhcpv6_reply(
    request: Packet, client_address: int | None, server: tuple[int, int], options: Iterable[Option] = ()
) -> Packet | None:
    """Answer a client's message; None for a message that is for another server.

    The client gets one address; None if there is none for it. `server` is MAC and IPv6 address.
    """
    asked = parse_dhcpv6(request)
    duid = server_duid(server[0])
    if asked is None or asked.server_id not in (b"", duid):
        return None
    rapid = asked.type == SOLICIT and asked.option(RAPID_COMMIT) is not None
    sent = [(SERVER_ID, duid), *_decision(asked, client_address), *options]
    if asked.client_id:
        sent.insert(0, (CLIENT_ID, asked.client_id))
    if rapid:
        sent.append((RAPID_COMMIT, b""))
    kind = ADVERTISE if asked.type == SOLICIT and not rapid else REPLY
    data = bytes((kind,)) + asked.transaction.to_bytes(3, "big") + b"".join(map(_encoded, sent))
    header = Ip(server[1], request.values[NW_SRC], UDP)
    return decode(ip_frame(link_back(request, server[0]), header, udp(SERVER_PORT, CLIENT_PORT, data)))


def _encoded(option: Option) -> bytes:
    code, value = option
    return code.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value


def _decision(asked: Dhcpv6Message, client_address: int | None) -> Iterator[Option]:
    """Yield what is decided of the client's addresses."""
    if asked.type == CONFIRM:
        claimed = {one for association in asked.associations for one in association.addresses}
        yield STATUS, _status(SUCCESS if claimed <= {client_address} else NOT_ON_LINK)
    elif asked.type in (RELEASE, DECLINE):
        yield STATUS, _status(SUCCESS)
    elif asked.type in _WITH_ADDRESSES:
        for place, association in enumerate(asked.associations):
            given = client_address if place == 0 else None
            yield IA_NA, association.id.to_bytes(4, "big") + _FOREVER * 2 + _encoded(_assigned(given))


def _assigned(client_address: int | None) -> Option:
    if client_address is None:
        return STATUS, _status(NO_ADDRESS_AVAILABLE)
    return IA_ADDRESS, address(client_address) + _FOREVER * 2


def _status(code: int) -> bytes:
    return code.to_bytes(2, "big")
