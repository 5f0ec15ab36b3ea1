"""Check a command against the reported state: refuse what contradicts it, if ZooKeeper is given.

Decisions depend on the log alone, since reported state changes at any time. So this check is made once, before the
command, and state that cannot be read refuses nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from midonet.cli.session.reported_state import reader
from midonet.cli.session.session import Session
from midonet.events.commands.command import Command, Create, Delete, Op, Put, Revert, Update
from midonet.events.commands.decide import decide
from midonet.events.commit import Event
from midonet.events.errors import Conflict, MidonetError, Unavailable
from midonet.events.topology.topology import Topology

if TYPE_CHECKING:
    from midonet.projections.facts import HostState


def check(session: Session, command: Command, topology: Topology) -> None:
    """Raise `Conflict` if a command deletes a host that is alive, or gives a VTEP an address of a host.

    `--zookeeper` must be given.
    """
    if not any(map(_concerns_facts, command.ops)):
        return
    events = [event for event in _events(command, topology) if event.key.startswith(("host/", "vtep/"))]
    if not events:
        return
    from midonet.projections.facts import HostState

    try:
        with reader(session) as facts:
            alive = facts.all(HostState)
    except Unavailable as error:
        session.output.note(f"the state of hosts was not checked: {error.message}")
        return
    _refuse_live_hosts(events, alive)
    _refuse_addresses(events, alive, topology)


def _concerns_facts(op: Op) -> bool:
    if isinstance(op, (Create, Update, Delete)):
        return op.kind == ("host" if isinstance(op, Delete) else "vtep")
    return isinstance(op, (Put, Revert))


def _events(command: Command, topology: Topology) -> Sequence[Event]:
    try:
        return decide(topology, command, "preflight").events
    except MidonetError:
        return ()  # the command itself reports it


def _refuse_live_hosts(events: Sequence[Event], alive: Mapping[str, "HostState"]) -> None:
    for event in events:
        host = event.key.partition("/")[2]
        if event.type == "host.deleted" and host in alive:
            name = event.data["name"] or host
            raise Conflict(
                f"the agent of host {name} is alive, on {alive[host].hostname}: stop it first",
                id=host,
                reason="host-alive",
            )


def _refuse_addresses(events: Sequence[Event], alive: Mapping[str, "HostState"], topology: Topology) -> None:
    from midonet.projections.facts.address_owners import owners

    owned = owners(alive)
    for field, address in (pair for event in events for pair in _vtep_addresses(event)):
        if address in owned:
            host = topology.get("host", owned[address])
            name = (host.name if host is not None else None) or owned[address]
            raise Conflict(
                f"{address} is an address of host {name}; a VTEP needs its own addresses",
                field=field,
                host=owned[address],
                reason="vtep-has-host-ip",
            )


def _vtep_addresses(event: Event) -> Iterator[tuple[str, str]]:
    """Yield the addresses that an event gives to a VTEP, each with its field."""
    values: Mapping[str, Any] = event.data
    if not event.type.startswith("vtep.") or event.type == "vtep.deleted":
        return
    if "changed" in values:
        values = {field: new for field, (_, new) in values["changed"].items()}
    if values.get("management_ip"):
        yield "management_ip", values["management_ip"]
    yield from (("tunnel_ips", address) for address in values.get("tunnel_ips") or ())
