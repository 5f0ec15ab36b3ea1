"""Bridges: forwarding by MAC address, flooding, VLANs, and answers to requests for known neighbours."""

from midonet.simulation.devices import dhcp, mirror
from midonet.simulation.devices.neighbours import on_bridge
from midonet.simulation.devices.port import filtered
from midonet.simulation.devices.run import Branch, Run
from midonet.simulation.header import ARP, ICMP6, IP4, IP6
from midonet.simulation.network import Bridge, Port
from midonet.simulation.packet import build
from midonet.simulation.packet.fields import (
    DL_DST,
    DL_SRC,
    DL_TYPE,
    ND_TARGET,
    NW_DST,
    NW_PROTO,
    NW_SRC,
    NW_TOS,
    TP_SRC,
    VLAN_PRESENT,
)
from midonet.simulation.result import CONSUME, DROP, ERROR, LearnedMac

MULTICAST = 1 << 40
BROADCAST = (1 << 48) - 1
_VID = 0xFFF
_DSCP = 0xFC
_REQUEST = 1
_SOLICITATION = 135


def forward(run: Run, branch: Branch, bridge: Bridge) -> None:
    """Forward a packet that entered at a port of the bridge."""
    port, header = branch.in_port, branch.header
    assert port is not None  # noqa: S101 - set by port.entered
    run.step(branch, bridge.entity, "is on bridge")
    mirror.copies(run, branch, bridge.entity.inbound_mirrors)
    if not bridge.entity.admin_state_up:
        run.end(DROP, "bridge disabled")
        return
    header.record(DL_SRC, MULTICAST)
    if header.values[DL_SRC] & MULTICAST:
        run.end(DROP, "the source MAC address is a multicast address")
        return
    vlan = _vlan_of(branch, bridge, port)
    if vlan is None:
        run.end(DROP, f"the frame is tagged and port {port.id} is in a VLAN")
        return
    if not vlan and not filtered(run, branch, bridge.entity.inbound_filter, port):
        return
    _mark(run, branch, bridge, port)
    if port.entity.vtep is None:
        run.learned.append(LearnedMac(bridge.id, vlan, header.read(DL_SRC), port.id))
    if dhcp.answer(run, branch, bridge, port) or (not vlan and _answer(run, branch, bridge, port)):
        return
    _switch(run, branch, bridge, vlan)


def _vlan_of(branch: Branch, bridge: Bridge, port: Port) -> int | None:
    """Return the VLAN of a frame, 0 if none; a port in a VLAN takes frames without a tag only."""
    tag = branch.header.read_tag()
    own = bridge.vlan_ports.get(port.id, 0)
    if own:
        return None if tag else own
    return tag & _VID


def _mark(run: Run, branch: Branch, bridge: Bridge, port: Port) -> None:
    """Set the DSCP of the policy of the port, else of the bridge."""
    mark = run.network.dscp(port.entity.qos_policy or bridge.entity.qos_policy)
    header = branch.header
    if mark is not None and header.read(DL_TYPE) in (IP4, IP6):
        header.set(NW_TOS, mark << 2, _DSCP)


def _answer(run: Run, branch: Branch, bridge: Bridge, port: Port) -> bool:
    """Answer a request for a neighbour that the bridge knows, or send it to the router port that has the address."""
    target = _requested(branch)
    if target is None:
        return False
    known = bridge.neighbours.get(target) or run.tables.neighbour(bridge.id, target)
    if known is not None:
        packet = run.current(branch)
        answer = build.arp_reply if packet.values[DL_TYPE] == ARP else build.neighbour_advertisement
        run.generate(port.id, answer(packet, known))
        run.step(branch, bridge.entity, "answers the request for a neighbour from its table")
        run.end(CONSUME, "answered by the bridge")
        return True
    mac = on_bridge(run, bridge.id, target)
    to = bridge.macs.get((0, mac)) if mac is not None else None
    if to is not None and to != port.id:
        _send(run, branch, bridge, to, 0)
        return True
    return False


def _requested(branch: Branch) -> int | None:
    """Return the address that a broadcast request asks for; None for others and for gratuitous ones."""
    header = branch.header
    kind = header.read(DL_TYPE)
    header.record(DL_DST, MULTICAST)
    if kind not in (ARP, IP6) or not header.values[DL_DST] & MULTICAST:
        return None
    if kind == ARP:
        target = header.read(NW_DST)
        return target if header.read(NW_PROTO) == _REQUEST and header.read(NW_SRC) != target else None
    if header.read(NW_PROTO) != ICMP6 or header.read(TP_SRC) != _SOLICITATION:
        return None
    return header.read(ND_TARGET)


def _switch(run: Run, branch: Branch, bridge: Bridge, vlan: int) -> None:
    """Send a frame to the port behind which its destination is, else to all."""
    destination = branch.header.read(DL_DST)
    if destination & MULTICAST:
        _flood(run, branch, bridge, vlan)
        return
    to = run.tables.mac(bridge.id, vlan, destination) or bridge.macs.get((vlan, destination))
    if to is None:
        _flood(run, branch, bridge, vlan)
    elif branch.in_port is not None and to == branch.in_port.id:
        run.end(ERROR, "the destination is behind the port where the frame entered")
    else:
        _send(run, branch, bridge, to, vlan)


def _send(run: Run, branch: Branch, bridge: Bridge, to: str, vlan: int) -> None:
    """Send a frame to one port, which the bridge's outbound filter sees."""
    branch.out_port = run.network.port(to)
    if filtered(run, branch, bridge.entity.outbound_filter, branch.in_port):
        mirror.copies(run, branch, bridge.entity.outbound_mirrors)
        _tag(branch, bridge, to, vlan)
        run.leave(branch, to)


def _flood(run: Run, branch: Branch, bridge: Bridge, vlan: int) -> None:
    """Send a frame to every port of its VLAN but its own, in the order of ids."""
    run.step(branch, bridge.entity, "floods")
    if not filtered(run, branch, bridge.entity.outbound_filter, branch.in_port):
        return
    mirror.copies(run, branch, bridge.entity.outbound_mirrors)
    ports = [port for port in bridge.ports if _takes(run, branch, bridge, port, vlan)]
    if not ports:
        run.end(DROP, "there is no other port to flood to")
    for port in reversed(ports):
        copy = branch.fork()
        _tag(copy, bridge, port, vlan)
        run.leave(copy, port)


def _takes(run: Run, branch: Branch, bridge: Bridge, port_id: str, vlan: int) -> bool:
    """Return whether a flooded frame goes to a port: linked, bound and up, or a VTEP; of its VLAN."""
    if branch.in_port is not None and port_id == branch.in_port.id:
        return False
    port = run.network.port(port_id)
    if port is None or port.is_service or not port.entity.admin_state_up:
        return False
    own = bridge.vlan_ports.get(port_id, 0)
    entity = port.entity
    there = entity.peer is not None or entity.vtep is not None or (port.is_exterior and run.alive.port(port_id))
    return there and own in (0, vlan)


def _tag(branch: Branch, bridge: Bridge, to: str, vlan: int) -> None:
    """Add or remove the VLAN tag where a frame changes between a port in a VLAN and a trunk."""
    header = branch.header
    own = bridge.vlan_ports.get(to, 0)
    came_untagged = branch.in_port is not None and branch.in_port.id in bridge.vlan_ports
    if own and not came_untagged:
        header.pop_vlan()
    elif vlan and came_untagged and not own:
        header.push_vlan(vlan | VLAN_PRESENT)
