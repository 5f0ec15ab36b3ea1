"""Mirrors: a copy of what passes goes to a port; the packet itself is not changed."""

from collections.abc import Sequence

from midonet.simulation.devices.run import MAX_DEVICES, Asked, Branch, Run


def copies(run: Run, branch: Branch, mirrors: Sequence[str]) -> None:
    """Send copies of a packet to the ports of the mirrors that match it."""
    for mirror_id in mirrors:
        run.tags.add(mirror_id)
        found = run.network.mirror(mirror_id)
        if found is None or len(branch.traversed) >= MAX_DEVICES:
            continue
        mirror, conditions = found
        if conditions.first(branch.header, Asked(run, branch)) is not None:
            run.step(branch, mirror, "copies to port {}", mirror.to_port)
            copy = branch.fork()
            copy.traversed = (*copy.traversed, mirror.id)
            run.leave(copy, mirror.to_port)
