"""Routers: own addresses, route look-up, time to live, next hops, and the packets that routers answer with."""

from typing import Any

from midonet.simulation.devices import answers, balancer, mirror
from midonet.simulation.devices.answers import error
from midonet.simulation.devices.nat import connection_hash, connection_of
from midonet.simulation.devices.neighbours import dhcp_client, resolve
from midonet.simulation.devices.port import filtered
from midonet.simulation.devices.run import Branch, Run
from midonet.simulation.header import ARP, ICMP, ICMP6, IP4, IP6
from midonet.simulation.match.routes import RouteTable
from midonet.simulation.network import Port, Router
from midonet.simulation.packet import build
from midonet.simulation.packet.addresses import ip_to_int
from midonet.simulation.packet.fields import (
    ARP_SHA,
    DL_DST,
    DL_SRC,
    DL_TYPE,
    IPV6,
    ND_LINK,
    ND_TARGET,
    NW_DST,
    NW_PROTO,
    NW_SRC,
    TP_SRC,
)
from midonet.simulation.result import CONSUME, DROP, ERROR, REJECT, WAIT, LearnedNeighbour, Wait

_MULTICAST = 1 << 40
_REQUEST = 1
_ECHO = {ICMP: 8, ICMP6: 128}
_SOLICITATION, _ADVERTISEMENT = 135, 136
_LIMITED_BROADCAST = (1 << 32) - 1
_NO_VNI = "router ports with a VNI are not simulated yet"
_MULTICAST_4, _MULTICAST_6 = 0xE, 0x1FF
"""The high bits of multicast addresses: 4 of 32, and 8 of 128 with the bit that marks IPv6."""


def route(run: Run, branch: Branch, router: Router) -> None:
    """Route a packet that entered at a port of the router."""
    port, header = branch.in_port, branch.header
    assert port is not None  # noqa: S101 - set by port.entered
    run.step(branch, router.entity, "is at router")
    mirror.copies(run, branch, router.entity.inbound_mirrors)
    kind = header.read(DL_TYPE)
    if port.entity.vni:
        run.end(ERROR, _NO_VNI)
    elif header.read_tag() or kind not in (IP4, IP6, ARP):
        run.end(DROP, "routers forward IP without VLAN tags only")
    elif not router.entity.admin_state_up:
        error(run, branch, port, answers.PROHIBITED)
        run.end(REJECT, "router disabled")
    elif kind == ARP:
        _arp(run, branch, router, port)
    elif kind == IP6 and _is_discovery(branch):
        _discovery(run, branch, router, port)
    elif header.read(DL_DST) != port.mac:
        run.end(DROP, f"the frame is not for the MAC address of port {port.id}")
    else:
        _routed(run, branch, router, port)


def _arp(run: Run, branch: Branch, router: Router, port: Port) -> None:
    """Answer requests for the port's own address by senders of its subnet; learn from all senders there."""
    header = branch.header
    operation, sender, target = header.read(NW_PROTO), header.read(NW_SRC), header.read(NW_DST)
    if not port.reaches(sender):
        run.end(DROP, "the sender of the ARP packet is not in a subnet of the port")
        return
    if not port.has(target):
        run.end(DROP, "the ARP packet is not for an address of the port")
        return
    run.learned.append(LearnedNeighbour(router.id, sender, header.read(ARP_SHA)))
    if operation == _REQUEST:
        run.generate(port.id, build.arp_reply(run.current(branch), port.mac))
        run.step(branch, port.entity, "answers the ARP request")
    run.end(CONSUME, "ARP for the router")


def _is_discovery(branch: Branch) -> bool:
    header = branch.header
    return header.read(NW_PROTO) == ICMP6 and header.read(TP_SRC) in (_SOLICITATION, _ADVERTISEMENT)


def _discovery(run: Run, branch: Branch, router: Router, port: Port) -> None:
    """Answer solicitations for the port's own address (RFC 4861); learn from both kinds of messages."""
    header = branch.header
    kind, target, link = header.read(TP_SRC), header.read(ND_TARGET), header.read(ND_LINK)
    sender = header.read(NW_SRC)
    if kind == _ADVERTISEMENT:
        if link and port.reaches(target):
            run.learned.append(LearnedNeighbour(router.id, target, link))
        run.end(CONSUME, "neighbour discovery for the router")
        return
    if not port.has(target):
        run.end(DROP, "the solicitation is not for an address of the port")
        return
    if link and port.reaches(sender):
        run.learned.append(LearnedNeighbour(router.id, sender, link))
    run.generate(port.id, build.neighbour_advertisement(run.current(branch), port.mac))
    run.step(branch, port.entity, "answers the neighbour solicitation")
    run.end(CONSUME, "neighbour discovery for the router")


def _routed(run: Run, branch: Branch, router: Router, port: Port) -> None:
    header = branch.header
    balancer.to_member(run, branch, router)
    if router.vips and balancer.has_no_member(run, router, branch):
        return
    if not filtered(run, branch, router.entity.inbound_filter, port):
        return
    destination = header.values[NW_DST]
    if _is_multicast(destination):
        header.read(NW_DST)
        run.end(DROP, "routers do not forward multicast or broadcast")
        return
    chosen = _choose(run, branch, router)
    if chosen is None:
        error(run, branch, port, answers.UNREACHABLE_NETWORK)
        run.end(REJECT, "no route to the destination")
        return
    run.step(branch, chosen, "route {} {}", chosen.dst, _hop(chosen))
    if chosen.next_hop == "local":
        _local(run, branch, router, port)
    elif chosen.next_hop == "blackhole":
        run.end(DROP, f"route to {chosen.dst} is a black hole")
    elif chosen.next_hop == "reject":
        error(run, branch, port, answers.PROHIBITED)
        run.end(REJECT, f"route to {chosen.dst} rejects")
    elif header.expires():
        error(run, branch, port, answers.EXPIRED)
        run.end(REJECT, "time to live exceeded")
    else:
        _forward(run, branch, router, chosen)


def _is_multicast(address: int) -> bool:
    if address >= IPV6:
        return address >> 120 == _MULTICAST_6
    return address >> 28 == _MULTICAST_4 or address == _LIMITED_BROADCAST


def _hop(chosen: Any) -> str:
    if chosen.next_hop != "port":
        return str(chosen.next_hop)
    return f"via {chosen.gateway} at port {chosen.port}" if chosen.gateway else f"at port {chosen.port}"


def _choose(run: Run, branch: Branch, router: Router) -> Any:
    """Return the route of longest prefix and least weight that is usable; of several the connection selects one."""
    header = branch.header
    learned = run.tables.routes(router.id)
    table = RouteTable([*run.network.view.referrers(router.id, "route", "router"), *learned]) if learned else None
    for group in (table or router.routes).lookup(header):
        usable = [one for one in group if _usable(run, one)]
        if len(usable) == 1:
            return usable[0]
        if usable:
            connection = connection_of(header) or (0, header.read(NW_SRC), 0, header.read(NW_DST), 0)
            return sorted(usable, key=lambda one: one.id)[connection_hash(connection) % len(usable)]
    return None


def _usable(run: Run, chosen: Any) -> bool:
    """Return whether the port of a route is up: routes through others are out of the table."""
    if chosen.next_hop != "port":
        return True
    run.tags.add(chosen.port)
    port = run.network.port(chosen.port)
    if port is None or not port.entity.admin_state_up:
        return False
    return port.entity.peer is not None or (port.is_exterior and run.alive.port(port.id))


def _local(run: Run, branch: Branch, router: Router, port: Port) -> None:
    """Take a packet to one of the router's own addresses: answer echo requests, redirect or consume the rest."""
    header = branch.header
    if not filtered(run, branch, router.entity.local_redirect_chain, port):
        return
    proto = header.read(NW_PROTO)
    if proto in _ECHO and header.read(TP_SRC) == _ECHO[proto]:
        run.generate(port.id, build.echo_reply(run.current(branch)))
        run.step(branch, router.entity, "answers the echo request")
    run.end(CONSUME, "for the router itself")


def _forward(run: Run, branch: Branch, router: Router, chosen: Any) -> None:
    """Send a packet to the next hop."""
    header = branch.header
    out = run.network.port(chosen.port)
    into = branch.in_port
    if out is None or into is None:
        run.end(DROP, f"route {chosen.id} has no port")
        return
    if out.entity.vni:
        run.end(ERROR, _NO_VNI)
        return
    branch.out_port = out
    header.decrement_ttl()
    if not filtered(run, branch, router.entity.forward_chain, into):
        return
    if router.vips:
        balancer.from_member(run, branch)
    if not filtered(run, branch, router.entity.outbound_filter, into):
        return
    mirror.copies(run, branch, router.entity.outbound_mirrors)
    next_hop = ip_to_int(chosen.gateway) if chosen.gateway else header.read(NW_DST)
    mac = _neighbour(run, branch, router, out, next_hop)
    if mac is None:
        return
    header.set(DL_SRC, out.mac)
    header.set(DL_DST, mac)
    run.leave(branch, out.id)


def _neighbour(run: Run, branch: Branch, router: Router, out: Port, address: int) -> int | None:
    """Return the MAC address of the next hop; None if the packet has to wait for it."""
    mac = resolve(run, router.id, out, address)
    if mac is not None:
        return mac
    run.waits.append(Wait(router.id, out.id, address))
    assumed = dhcp_client(run, out, address)
    source = answers.address_of(out, answers.version_of(address))
    if source is not None:
        ask = build.neighbour_solicitation if address >= IPV6 else build.arp_request
        run.generate(out.id, ask(out.mac, source, address))
    if run.strict:
        run.end(WAIT, "the next hop's MAC address is not known yet")
        return None
    run.step(branch, out.entity, "would have to ask for the MAC address of the next hop")
    return assumed or _LOCAL_MAC | address & 0xFFFFFFFF


_LOCAL_MAC = 0x02_00_00_00_00_00
"""Locally administered address that stands for a station whose own one is not known."""
