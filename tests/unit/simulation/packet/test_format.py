"""Fields are written in the notation of Open vSwitch."""

import pytest

from midonet.simulation.packet import fields as f
from midonet.simulation.packet.addresses import ip_to_int
from midonet.simulation.packet.format import format_field


@pytest.mark.parametrize(
    ("field", "value", "mask", "expected"),
    [
        (f.DL_SRC, 0x020000000001, None, ("dl_src", "02:00:00:00:00:01")),
        (f.DL_DST, 1 << 40, 1 << 40, ("dl_dst", "01:00:00:00:00:00/01:00:00:00:00:00")),
        (f.DL_TYPE, 0x0800, 0xFFFF, ("dl_type", "0x0800")),
        (f.VLAN, 0x1000, 0x1000, ("vlan_tci", "0x1000/0x1000")),
        (f.NW_SRC, 0x0A000000, 0xFFFFFF00, ("nw_src", "10.0.0.0/24")),
        (f.NW_SRC, 0x0A000000, (1 << 129) - 1, ("nw_src", "10.0.0.0")),
        (f.NW_DST, 0x0A000001, 0xFF0000FF, ("nw_dst", "10.0.0.1/255.0.0.255")),
        (f.NW_DST, 0, 0, ("nw_dst", "0.0.0.0/0")),
        (f.NW_DST, ip_to_int("fd00::"), ip_to_int("ffff::"), ("ipv6_dst", "fd00::/16")),
        (f.ND_TARGET, ip_to_int("fd00::1"), None, ("nd_target", "fd00::1")),
        (f.NW_TTL, 64, None, ("nw_ttl", "64")),
        (f.TP_DST, 80, None, ("tp_dst", "80")),
        (f.TP_DST, 0x1F90, 0xFFF0, ("tp_dst", "0x1f90/0xfff0")),
        (f.NW_FRAG, 0, 1, ("nw_frag", "no")),
        (f.NW_FRAG, 1, 1, ("nw_frag", "yes")),
        (f.NW_FRAG, 0, 2, ("nw_frag", "not_later")),
        (f.NW_FRAG, 2, 2, ("nw_frag", "later")),
        (f.NW_FRAG, 3, 3, ("nw_frag", "later")),
        (f.NW_FRAG, 1, None, ("nw_frag", "first")),
        (f.TCP_FLAGS, 2, 0x12, ("tcp_flags", "+syn-ack")),
        (f.TCP_FLAGS, 2, None, ("tcp_flags", "syn")),
        (f.TCP_FLAGS, 0x802, 0xC02, ("tcp_flags", "0x802/0xc02")),
    ],
)
def test_fields_are_written_as_open_vswitch_does(
    field: int, value: int, mask: int | None, expected: tuple[str, str]
) -> None:
    assert format_field(field, value, mask) == expected
