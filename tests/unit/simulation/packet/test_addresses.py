"""Addresses are numbers with one bit that tells the IP version."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midonet.events.errors import InvalidValue
from midonet.simulation.packet.addresses import int_to_ip, int_to_mac, ip_to_int, mac_to_int
from midonet.simulation.packet.fields import IPV6


@given(st.ip_addresses())
def test_ip_addresses_come_back(address: object) -> None:
    number = ip_to_int(str(address))
    assert int_to_ip(number) == str(address)
    assert bool(number & IPV6) is (ip_address(str(address)).version == 6)


@given(st.integers(0, (1 << 48) - 1))
def test_mac_addresses_come_back(number: int) -> None:
    assert mac_to_int(int_to_mac(number)) == number
    assert mac_to_int(int_to_mac(number).upper()) == number


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.256", "fe80::1%1", "x"])
def test_what_is_no_ip_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="not an IP address"):
        ip_to_int(text)


@pytest.mark.parametrize("text", ["", "02:00:00:00:00", "02:00:00:00:00:001", "0g:00:00:00:00:01"])
def test_what_is_no_mac_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="not a MAC address"):
        mac_to_int(text)
