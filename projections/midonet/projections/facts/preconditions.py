"""What a commit requires of the reported state: a host that it deletes is not alive, a VTEP gets no address of a host.

Decisions depend on the log alone, since reported state changes at any time. So the writer checks this for every commit,
whatever channel its command came through. State that cannot be read refuses nothing, and is reported.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from midonet.events.commit import Event
from midonet.events.errors import Conflict, Unavailable
from midonet.events.topology.topology import Topology
from midonet.projections.facts.address_owners import owners
from midonet.projections.facts.kinds import HostState

_GONE = "host.deleted"


class FactsCheck:
    """The check of `Store.check`: raises `Conflict` if events contradict what hosts report.

    `read` returns the live hosts by id, and is called only if the events concern hosts or addresses; `unread` gets the
    error if it cannot.
    """

    def __init__(self, read: Callable[[], Mapping[str, HostState]], unread: Callable[[Unavailable], None]) -> None:
        self._read = read
        self._unread = unread

    def __call__(self, events: Sequence[Event], topology: Topology) -> None:
        """Check the events of one commit on the topology before it."""
        concerned = [event for event in events if event.type == _GONE or any(_vtep_addresses(event))]
        if not concerned:
            return
        try:
            alive = self._read()
        except Unavailable as error:
            self._unread(error)
            return
        check(concerned, topology, alive)


def check(events: Sequence[Event], topology: Topology, alive: Mapping[str, HostState]) -> None:
    """Raise `Conflict` if events delete a live host, or give a VTEP an address of one. Pure."""
    owned = owners(alive)
    for event in events:
        _refuse_live_host(event, alive)
        for field, address in _vtep_addresses(event):
            if address in owned:
                raise _address_taken(field, address, owned[address], topology)


def _refuse_live_host(event: Event, alive: Mapping[str, HostState]) -> None:
    host = event.key.partition("/")[2]
    if event.type == _GONE and host in alive:
        name = event.data["name"] or host
        raise Conflict(
            f"the agent of host {name} is alive, on {alive[host].hostname}: stop it first",
            id=host,
            reason="host-alive",
        )


def _address_taken(field: str, address: str, host_id: str, topology: Topology) -> Conflict:
    host = topology.get("host", host_id)
    name = (host.name if host is not None else None) or host_id
    return Conflict(
        f"{address} is an address of host {name}; a VTEP needs its own addresses",
        field=field,
        host=host_id,
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
