"""Election of the flooding proxy: the host that replicates broadcast for a VTEP without own replication. Pure."""

from collections.abc import Collection, Mapping


def elect(hosts: Mapping[str, str], weights: Mapping[str, int], dead: Collection[str]) -> str | None:
    """Return the address of the host with the greatest weight above 0; of equals, of the one that joined first.

    A host stays elected until it leaves, or until another host gets a greater weight. A host that is known to be dead
    is elected only if all are. None if no host has a weight above 0.
    """
    candidates = [host for host in hosts if weights[host] > 0]
    alive = [host for host in candidates if host not in dead]
    host = max(alive or candidates, key=lambda one: weights[one], default=None)
    return hosts[host] if host is not None else None
