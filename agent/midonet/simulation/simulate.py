"""The simulation: what happens to a packet that enters the virtual network at a port.

A pure function of packet, topology, learned tables, state and liveness. It does no I/O, reads no clock and draws no
chance: where one of several has to be selected, the hash of the connection does it.
"""

from midonet.simulation.devices import bridge, port, router
from midonet.simulation.devices.run import ENTER, LEAVE, MAX_DEVICES, Branch, Facts, Run
from midonet.simulation.facts import AllAlive, KnownState, Liveness, NoTables, State, Tables
from midonet.simulation.header import Header, MinimalHeader, UnrecordedHeader
from midonet.simulation.network import Network, Port
from midonet.simulation.packet.packet import Packet
from midonet.simulation.result import DROP, ERROR, Result

_NO_TABLES, _ALL_ALIVE = NoTables(), AllAlive()


def simulate(  # noqa: PLR0913 - everything that an outcome rests on
    packet: Packet,
    ingress: str,
    network: Network,
    *,
    tables: Tables = _NO_TABLES,
    state: State | None = None,
    alive: Liveness = _ALL_ALIVE,
    strict: bool = False,
    masks: bool = True,
    minimal: bool = False,
) -> Result:
    """Return what happens to a packet that enters at a port.

    `strict`: a packet whose next hop has no known MAC address waits; otherwise it goes on as if that had answered.
    `masks`: whether to find out which bits of the packet the outcome rests on (`Result.reads`); `minimal`: whether to
    find the fewest, which takes longer.
    """
    run = Run(packet, network, Facts(tables, state if state is not None else KnownState(), alive, strict))
    kind = UnrecordedHeader if not masks else MinimalHeader if minimal else Header
    return _run(run, kind(packet), ENTER, ingress)


def leaving(  # noqa: PLR0913 - as `simulate`
    packet: Packet,
    egress: str,
    network: Network,
    *,
    tables: Tables = _NO_TABLES,
    state: State | None = None,
    alive: Liveness = _ALL_ALIVE,
    strict: bool = False,
) -> Result:
    """Return what happens to a packet that a device sends out of one of its ports (`Generated`)."""
    run = Run(packet, network, Facts(tables, state if state is not None else KnownState(), alive, strict))
    return _run(run, Header(packet), LEAVE, egress)


def _run(run: Run, header: Header, move: str, port_id: str) -> Result:
    run.reads = header.reads
    run.work.append((Branch(header), move, port_id))
    while run.work:
        _move(run, *run.work.pop())
    if not run.ends:
        run.end(DROP, "nothing takes the packet")
    return run.result()


def _move(run: Run, branch: Branch, move: str, where: str) -> None:
    at = run.network.port(where)
    run.tags.add(where)
    if at is None:
        run.end(ERROR, f"there is no port {where}")
    elif move != ENTER:
        port.left(run, branch, at)
    elif len(branch.traversed) >= MAX_DEVICES:
        run.end(ERROR, f"the packet traverses more than {MAX_DEVICES} devices")
    elif port.entered(run, branch, at):
        branch.traversed = (*branch.traversed, at.device)
        run.devices.append(at.device)
        _at_device(run, branch, at)


def _at_device(run: Run, branch: Branch, at: Port) -> None:
    if at.entity.bridge is not None:
        here = run.network.bridge(at.device)
        if here is not None:
            bridge.forward(run, branch, here)
        return
    there = run.network.router(at.device)
    if there is not None:
        router.route(run, branch, there)
