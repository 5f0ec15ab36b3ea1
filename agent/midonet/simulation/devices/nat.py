"""Translation of addresses by rules: to one address without state, else by a record that is kept with the connection.

A record has two keys: that of the connection as it comes, and that of its answers. The `rev-` actions undo a
translation by the second one, also inside ICMP errors (RFC 5508).
"""

import zlib
from typing import Any

from midonet.simulation.devices.run import Branch, Run, backwards
from midonet.simulation.facts import Connection, StateKey, Translation
from midonet.simulation.header import ABSENT, ICMP, ICMP6, SCTP, TCP, UDP, Header
from midonet.simulation.match.terms import port_range
from midonet.simulation.packet.addresses import ip_to_int
from midonet.simulation.packet.fields import (
    DATA_DST,
    DATA_PROTO,
    DATA_SRC,
    DATA_TP_DST,
    DATA_TP_SRC,
    ICMP_ID,
    IPV6,
    NW_DST,
    NW_FRAG,
    NW_PROTO,
    NW_SRC,
    TP_DST,
    TP_SRC,
)

ACTIONS = frozenset(("snat", "dnat", "rev-snat", "rev-dnat"))
_DYNAMIC = frozenset((TCP, UDP, SCTP, ICMP, ICMP6))
_ECHO = {ICMP: (8, 0), ICMP6: (128, 129)}
_PORTS = (1024, 65535)
"""Ports that a source is translated to where a target names none."""


def translate(run: Run, branch: Branch, rule: Any) -> bool:
    """Translate a packet by a rule; return whether it was."""
    if rule.action in ("rev-snat", "rev-dnat"):
        return _undo(run, branch, rule.action)
    kind = rule.action
    header = branch.header
    done = _statically(header, kind, rule.nat_targets) or _dynamically(run, branch, kind, rule.nat_targets)
    branch.rewritten |= done and kind == "dnat"
    return done


def _statically(header: Header, kind: str, targets: Any) -> bool:
    """Translate to the only address, if ports stay as they are."""
    first = targets[0]
    if len(targets) > 1 or first.ports or first.address_to not in (None, first.address_from):
        return False
    field = NW_SRC if kind == "snat" else NW_DST
    address = ip_to_int(first.address_from)
    if not _same_version(header.read(field), address):
        return False
    header.set(field, address)
    if header.read(DATA_SRC) != ABSENT:
        header.set(DATA_DST if kind == "snat" else DATA_SRC, address)
    return True


def _same_version(one: int, other: int) -> bool:
    return one >= 0 and (one >= IPV6) == (other >= IPV6)


def connection_of(header: Header) -> Connection | None:
    """Return the connection that a packet can open or belong to; None for others, such as later fragments."""
    header.read(NW_FRAG)
    proto = header.read(NW_PROTO)
    if proto not in _DYNAMIC or header.values[TP_SRC] == ABSENT:
        return None
    if proto in _ECHO and header.read(TP_SRC) not in _ECHO[proto]:
        return None
    return header.read_connection()


def _dynamically(run: Run, branch: Branch, kind: str, targets: Any) -> bool:
    connection = connection_of(branch.header)
    usable = [t for t in targets if _same_version(branch.header.values[NW_SRC], ip_to_int(t.address_from))]
    if connection is None or not usable:
        return False
    key = StateKey(kind, branch.device, connection)
    found = run.state.translation(key) or _allocate(run, key, usable)
    keep(run, key, found)
    set_address(branch.header, "src" if kind == "snat" else "dst", found)
    return True


def _allocate(run: Run, key: StateKey, targets: Any) -> Translation:
    """Select target, address and port by the hash of the connection."""
    seed = connection_hash(key.connection)
    target = targets[seed % len(targets)]
    first = ip_to_int(target.address_from)
    last = ip_to_int(target.address_to or target.address_from)
    address = first + (seed >> 8) % (last - first + 1)
    if key.kind == "dnat":
        named = target.ports and key.connection[0] not in _ECHO
        ports = port_range(target.ports) if named else (key.connection[4], key.connection[4])
        return Translation(address, ports[0] + (seed >> 16) % (ports[1] - ports[0] + 1))
    return run.state.allocate(key, address, port_range(target.ports) if target.ports else _PORTS, seed >> 8)


def connection_hash(connection: Connection) -> int:
    """Return a number of 32 bits that is the same for all packets of a connection, on every machine."""
    return zlib.crc32(b"".join(part.to_bytes(17, "big") for part in connection))


def keep(run: Run, key: StateKey, to: Translation) -> None:
    """Keep a translation, with the key of the answers."""
    proto, src, src_port, dst, dst_port = key.connection
    source = key.kind == "snat"
    if proto in _ECHO:
        src_port = dst_port = to.port
    after = (proto, *to, dst, dst_port) if source else (proto, src, src_port, *to)
    before = Translation(src, key.connection[2]) if source else Translation(dst, key.connection[4])
    run.kept[key] = to
    run.kept[StateKey(f"rev-{key.kind}", key.device, backwards(after))] = before


def set_address(header: Header, side: str, to: Translation) -> None:
    """Rewrite the source or destination of a packet that has a connection."""
    header.set(NW_SRC if side == "src" else NW_DST, to.address)
    if header.values[NW_PROTO] in _ECHO:
        header.set(ICMP_ID, to.port)
    else:
        header.set(TP_SRC if side == "src" else TP_DST, to.port)


def _undo(run: Run, branch: Branch, kind: str) -> bool:
    """Translate an answer back; True if its connection is known."""
    header = branch.header
    inner = quoted(header)
    connection = connection_of(header) if inner is None else backwards(inner)
    if connection is None:
        return False
    known = run.state.translation(StateKey(kind, branch.device, connection))
    if known is None:
        return False
    if inner is not None:
        _undo_quoted(header, kind, known)
    else:
        set_address(header, "dst" if kind == "rev-snat" else "src", known)
    branch.rewritten |= kind == "rev-snat"
    return True


def quoted(header: Header) -> Connection | None:
    """Return the connection of the packet that an ICMP error quotes."""
    if header.read(DATA_SRC) == ABSENT:
        return None
    return (
        header.read(DATA_PROTO),
        header.read(DATA_SRC),
        header.read(DATA_TP_SRC),
        header.read(DATA_DST),
        header.read(DATA_TP_DST),
    )


def _undo_quoted(header: Header, kind: str, known: Translation) -> None:
    """Translate an ICMP error and the packet that it quotes."""
    if kind == "rev-snat":
        header.set(NW_DST, known.address)
        header.set(DATA_SRC, known.address)
        header.set(DATA_TP_SRC, known.port)
        return
    if header.read(NW_SRC) == header.values[DATA_DST]:
        header.set(NW_SRC, known.address)
    header.set(DATA_DST, known.address)
    header.set(DATA_TP_DST, known.port)
