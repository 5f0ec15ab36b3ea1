"""`midoctl host interfaces`: the network interfaces that an agent reports."""

from typing import TYPE_CHECKING

import msgspec

from midonet.cli.commands.objects import ref_argument
from midonet.cli.framework.command import command
from midonet.cli.output import output
from midonet.cli.session.facts_source import facts_of
from midonet.cli.session.session import Session
from midonet.events.errors import NotFound
from midonet.events.model.fields import canonical_id
from midonet.events.topology import references

if TYPE_CHECKING:
    from midonet.projections.facts import Interface


_HEADERS = ("name", "type", "state", "mac", "mtu", "addresses")


@command("interfaces", ref_argument("host"), examples="  midoctl host interfaces hv1 --zookeeper zk1:2181")
def interfaces(session: Session, ref: str) -> None:
    """List the network interfaces of a host, as its agent reports them."""
    from midonet.projections.facts import HostState

    host = _host(session, ref)
    with facts_of(session) as facts:
        state = facts.get_many(HostState, [host]).get(host)
    if state is None:
        raise NotFound(f"host {ref} reports no interfaces: its agent is not alive", host=host)
    session.output.print(
        msgspec.to_builtins(state.interfaces),
        names=lambda: (interface.name for interface in state.interfaces),
        text=lambda: output.table(_HEADERS, [_cells(interface) for interface in state.interfaces]),
    )


def _host(session: Session, ref: str) -> str:
    """Return the id of a host; an id need not belong to an object yet."""
    try:
        return canonical_id(ref)
    except ValueError:
        return references.find_id(session.state.topology(), "host", ref)


def _cells(interface: "Interface") -> list[str]:
    state = "up" if interface.up and interface.link else "no link" if interface.up else "down"
    addresses = ", ".join(interface.addresses)
    return [interface.name, interface.type, state, interface.mac or "", str(interface.mtu or ""), addresses]
