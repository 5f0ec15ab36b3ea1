"""What happens to a network, as tables: some things that are independent of each other, each a few steps in order.

They are expanded mechanically, as Calico's Felix does with its scenarios: in other orders, in one write or in many,
twice, with a crash before or after each operation on the target, with the wire cut at any byte.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from uuid import NAMESPACE_DNS, uuid5

from midonet.events.commands.command import AddItem, Create, Delete, Op, RemoveItem, Update

__all__ = ["SCENARIOS", "SETTING", "VTEP", "Steps", "orders"]

Steps = Sequence[Op]
"""Each is one commit."""

VTEP = str(uuid5(NAMESPACE_DNS, "tor"))

SETTING: Steps = [
    Create("host", {"name": "hv1"}),
    Create("host", {"name": "hv2"}),
    Create("tunnel-zone", {"name": "fabric", "type": "vtep"}),
    AddItem("tunnel-zone", "fabric", "members", {"host": "hv1", "address": "172.16.0.1"}),
    AddItem("tunnel-zone", "fabric", "members", {"host": "hv2", "address": "172.16.0.2"}),
    Create("vtep", {"id": VTEP, "name": "tor", "management_ip": "192.0.2.1", "tunnel_zone": "fabric"}),
]
"""What is there before every scenario."""


def _bridge(name: str, host: str = "hv1", port: str = "swp1", vlan: int = 1) -> Steps:
    return [
        Create("bridge", {"name": name}),
        Create("port", {"name": f"vm-{name}", "bridge": name, "host": host, "interface": f"tap-{name}"}),
        Create("vtep-binding", {"vtep": "tor", "physical_port": port, "vlan": vlan, "bridge": name}),
    ]


def _mac(bridge: str, number: int) -> Op:
    return Create("mac-entry", {"bridge": bridge, "mac": f"02:00:00:00:00:{number:02x}", "port": f"vm-{bridge}"})


SCENARIOS: Mapping[str, Sequence[Steps]] = {
    "two networks come": [_bridge("red"), _bridge("blue", "hv2", "swp2", 2)],
    "one goes while another comes": [
        [*_bridge("red"), Delete("bridge", "red", cascade=True)],
        [*_bridge("blue", vlan=2), _mac("blue", 1)],
    ],
    "one comes again": [[*_bridge("red"), Delete("bridge", "red", cascade=True), *_bridge("red", vlan=3)]],
    "a port moves": [
        [*_bridge("red"), _mac("red", 1), Update("port", "vm-red", {"host": "hv2", "interface": "tap9"})],
        [*_bridge("blue", vlan=2), Update("bridge", "blue", {"name": "azure"})],
    ],
    "a host leaves": [
        [*_bridge("red", "hv1"), Delete("port", "vm-red")],
        [*_bridge("blue", "hv2", vlan=2), Update("host", "hv2", {"name": "hv2-renamed"})],
    ],
    "many at once": [
        [*_bridge("red"), *(_mac("red", number) for number in range(20))],
        [Create("chain", {"name": f"chain{number}"}) for number in range(20)],
    ],
    "all of it goes": [
        [*_bridge("red"), Delete("vtep", "tor", cascade=True)],
        [Create("bridge", {"name": "blue"}), Delete("bridge", "blue")],
        [RemoveItem("tunnel-zone", "fabric", "members", {"host": "hv2"})],
    ],
}


def orders(groups: Sequence[Steps], count: int) -> Iterator[Steps]:
    """Yield the steps in some orders that keep the order inside of each group: one after the other, and by chance."""
    yield [step for group in groups for step in group]
    for seed in range(count - 1):
        rng = Random(seed)  # noqa: S311 - a seed, not a secret
        left = [list(group) for group in groups]
        order: list[Op] = []
        while any(left):
            order.append(rng.choice([group for group in left if group]).pop(0))
        yield order
