"""Load balancing: connections to a virtual address go to a member of its pool, and answers come from the address."""

from typing import Any

from midonet.simulation.devices import nat
from midonet.simulation.devices.run import Branch, Run
from midonet.simulation.facts import Connection, StateKey, Translation
from midonet.simulation.header import TCP
from midonet.simulation.network import Pool, Router
from midonet.simulation.packet.addresses import ip_to_int
from midonet.simulation.packet.fields import NW_DST, NW_PROTO, TP_DST
from midonet.simulation.result import DROP

_KEY = "dnat"
"""Balanced connections are destination translations of their own device name."""


def to_member(run: Run, branch: Branch, router: Router) -> None:
    """Translate the destination of a packet to a virtual address; without a member the packet keeps it."""
    if not router.vips:
        return
    header = branch.header
    address, port = header.read(NW_DST), header.read(TP_DST)
    pool = router.vips.get((address, port)) if header.read(NW_PROTO) == TCP else None
    connection = nat.connection_of(header) if pool is not None else None
    if pool is None or connection is None:
        return
    key = StateKey(_KEY, _device(branch), _sticky(pool, connection))
    found = _known(run, pool, key) or _select(run, pool, key.connection)
    if found is None:
        return
    run.step(branch, pool.vip, "balances to port {} of a member", found.port)
    nat.keep(run, StateKey(_KEY, _device(branch), connection), found)
    run.kept[key] = found
    nat.set_address(header, "dst", found)
    branch.rewritten = True


def has_no_member(run: Run, router: Router, branch: Branch) -> bool:
    """Return whether a packet is still for a virtual address after `to_member`: no member can take it."""
    values = branch.header.values
    if values[NW_PROTO] != TCP or (values[NW_DST], values[TP_DST]) not in router.vips:
        return False
    run.end(DROP, "no member of the pool is up")
    return True


def from_member(run: Run, branch: Branch) -> None:
    """Translate the source of an answer back to the virtual address."""
    header = branch.header
    if header.values[NW_PROTO] != TCP:
        return
    connection = nat.connection_of(header)
    known = run.state.translation(StateKey(f"rev-{_KEY}", _device(branch), connection)) if connection else None
    if known is not None:
        nat.set_address(header, "src", known)


def _device(branch: Branch) -> str:
    return f"{branch.device}/balancer"


def _sticky(pool: Pool, connection: Connection) -> Connection:
    """Return what a member is selected by: the connection, or the client alone."""
    if (pool.entity.session_persistence or pool.vip.session_persistence) != "source-ip":
        return connection
    proto, src, _, dst, dst_port = connection
    return proto, src, 0, dst, dst_port


def _known(run: Run, pool: Pool, key: StateKey) -> Translation | None:
    """Return the member of a known connection; a client that stays with a member does so while it is up."""
    known = run.state.translation(key)
    if known is None or not pool.entity.session_persistence:
        return known
    up = {(ip_to_int(member.address), member.protocol_port) for member in _up(run, pool)}
    return known if tuple(known) in up else None


def _up(run: Run, pool: Pool) -> list[Any]:
    run.tags.update((pool.entity.id, *(member.id for member in pool.members)))
    return [member for member in pool.members if run.alive.member(member.id)]


def _select(run: Run, pool: Pool, connection: Connection) -> Translation | None:
    """Select a member by weight with the hash of the connection."""
    members = _up(run, pool)
    if not members:
        return None
    at = nat.connection_hash(connection) % sum(member.weight for member in members)
    for member in members:
        at -= member.weight
        if at < 0:
            break
    return Translation(ip_to_int(member.address), member.protocol_port)
