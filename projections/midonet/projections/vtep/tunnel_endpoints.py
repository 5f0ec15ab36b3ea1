"""The underlay of one VTEP: the tunnel addresses that it may send to, and its flooding proxy. Pure."""

from collections.abc import Mapping
from typing import NamedTuple

from midonet.events.model.vtep import Vtep
from midonet.events.topology.topology import Topology
from midonet.projections.vtep.flooding_proxy import elect
from midonet.projections.vtep.keys import is_locator
from midonet.projections.vtep.learned_macs import LearnedMacs


class Underlay(NamedTuple):
    """The tunnel addresses that one VTEP uses."""

    hosts: Mapping[str, str]
    """Host → its address in the VTEP's tunnel zone; never an address of the VTEP itself."""
    proxy: str | None
    """Address of the elected flooding proxy."""
    flooders: frozenset[str]
    """Addresses of all hosts that may be flooding proxy."""
    local: str | None
    """The VTEP's own tunnel address."""
    source_node: bool
    """Whether the switch itself replicates broadcast."""
    bfd: bool


NOWHERE = Underlay({}, None, frozenset(), None, source_node=False, bfd=False)


def underlay(topology: Topology, learned: LearnedMacs, vtep_id: str) -> Underlay:
    """Return the underlay of a VTEP; an empty one if there is no such VTEP."""
    vtep: Vtep | None = topology.get("vtep", vtep_id)
    if vtep is None:
        return NOWHERE
    own = own_addresses(topology, learned, vtep_id)
    hosts = _hosts(topology, vtep, own)
    weights = {host: topology.get("host", host).flooding_proxy_weight for host in hosts}
    return Underlay(
        hosts=hosts,
        proxy=elect(hosts, weights, learned.dead),
        flooders=frozenset(hosts[host] for host, weight in weights.items() if weight > 0),
        local=own[0] if own else None,
        source_node=vtep.replication == "source-node",
        bfd=vtep.bfd,
    )


def own_addresses(topology: Topology, learned: LearnedMacs, vtep_id: str) -> tuple[str, ...]:
    """Return a VTEP's tunnel addresses, the preferred one first: the configured ones, else the reported ones."""
    vtep: Vtep | None = topology.get("vtep", vtep_id)
    if vtep is None:
        return ()
    return tuple(filter(is_locator, vtep.tunnel_ips or sorted(learned.tunnel_ips(vtep_id))))


def _hosts(topology: Topology, vtep: Vtep, own: tuple[str, ...]) -> dict[str, str]:
    zone = topology.get("tunnel-zone", vtep.tunnel_zone) if vtep.tunnel_zone else None
    members = ((member.host, member.address) for member in zone.members) if zone is not None else ()
    return {host: address for host, address in members if is_locator(address) and address not in own}
