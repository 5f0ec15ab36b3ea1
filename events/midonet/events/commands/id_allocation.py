"""Ranges of tunnel keys and VNIs, allocated inside the commit that needs them.

The next number follows the one allocated last, so that a freed number is reused as late as possible: a switch that is
slow to update must not deliver packets of one tenant to another. No number leaks: a number that no object holds is
free. The ranges do not overlap, since both kinds travel as 24-bit VXLAN network ids (RFC 7348).
"""

from dataclasses import dataclass

from midonet.events.errors import Conflict
from midonet.events.topology.topology import Topology


@dataclass(frozen=True, slots=True)
class IdRange:
    """A range of numbers, both ends included; `at_creation`: a new object gets one at once."""

    first: int
    last: int
    at_creation: bool


ID_RANGES = {
    "vni": IdRange(10_001, 0xFFFFF, at_creation=False),
    "tunnel-key": IdRange(0x100000, 0xFFFFFF, at_creation=True),
}


def allocate(topology: Topology, name: str) -> int:
    """Return a number that no object holds; `Conflict` if the range is exhausted."""
    pool = ID_RANGES[name]
    size = pool.last - pool.first + 1
    start = topology.last_allocated.get(name, pool.first - 1) + 1 - pool.first
    for offset in range(size):
        number = pool.first + (start + offset) % size
        if not topology.is_taken(name, number):
            return number
    raise Conflict(f"all {size} numbers of the pool {name} are taken", pool=name, reason="pool-exhausted")
