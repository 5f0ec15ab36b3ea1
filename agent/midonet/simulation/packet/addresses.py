"""MAC and IP addresses as numbers. An IPv6 address has bit 128 set (`midonet.simulation.packet.fields.IPV6`)."""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from midonet.events.errors import InvalidValue
from midonet.simulation.packet.fields import IPV6

_MAC = re.compile(r"[0-9a-f]{1,2}(?::[0-9a-f]{1,2}){5}", re.IGNORECASE | re.ASCII)
_cached = lru_cache(maxsize=1 << 16)


@_cached
def mac_to_int(text: str) -> int:
    """Return a MAC address such as `02:00:00:00:00:01` as a number."""
    if not _MAC.fullmatch(text):
        raise InvalidValue(f"{text[:50]!r} is not a MAC address such as 02:00:00:00:00:01", reason="bad-mac")
    return int("".join(pair.zfill(2) for pair in text.split(":")), 16)


@_cached
def int_to_mac(number: int) -> str:
    """Return a number as a MAC address in lower case."""
    return number.to_bytes(6, "big").hex(":")


@_cached
def ip_to_int(text: str) -> int:
    """Return an IPv4 or IPv6 address as a number."""
    try:
        address = ip_address(text)
    except ValueError:
        address = None
    if address is None or "%" in text:
        raise InvalidValue(f"{text[:50]!r} is not an IP address such as 10.0.0.1 or fd00::1", reason="bad-ip")
    return int(address) | (IPV6 if address.version == 6 else 0)  # noqa: PLR2004 - the version of IP


@_cached
def int_to_ip(number: int) -> str:
    """Return a number as an address in its canonical form."""
    if number & IPV6:
        return str(IPv6Address(number ^ IPV6))
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
