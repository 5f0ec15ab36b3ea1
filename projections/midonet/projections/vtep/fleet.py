"""The VTEPs of the topology: which to start, move or stop when they are created, changed and deleted. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from midonet.events.commit import Event
from midonet.events.model.vtep import Vtep
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology

Action = Literal["stop", "restart", "start"]


class FleetStep(Struct, frozen=True):
    """A step for the projection of one VTEP.

    `start`: maintain the database at `host`:`port`. `restart`: it is there now; do not change the old address, which
    may be the same switch. `stop`: the VTEP was deleted: close, and call `VtepTarget.clear` at the old address as soon
    as it is reachable. Stopping a service is not a step: it removes nothing.
    """

    action: Action
    vtep: str
    host: str
    port: int


class Fleet:
    """The VTEPs that should be running. Carry out the returned steps in order, one after the other."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[str, int]] = {}

    def attach(self, topology: Topology) -> list[FleetStep]:
        """Start again from a whole topology; return the steps from the running VTEPs to the desired ones."""
        wanted = topology.all("vtep")
        return self._steps({vtep: wanted.get(vtep) for vtep in self._running.keys() | wanted.keys()})

    def apply(self, changes: Sequence[Change]) -> list[FleetStep]:
        """Return the steps for the changes of one commit."""
        return self._steps({change.id: change.new for change in changes if change.kind == "vtep"})

    def _steps(self, wanted: Mapping[str, Vtep | None]) -> list[FleetStep]:
        """Return the steps with stops first: another VTEP may get the address."""
        steps = sorted(self._differences(wanted), key=lambda step: (step.action != "stop", step.vtep))
        for step in steps:
            if step.action == "stop":
                del self._running[step.vtep]
            else:
                self._running[step.vtep] = step.host, step.port
        return steps

    def _differences(self, wanted: Mapping[str, Vtep | None]) -> Iterator[FleetStep]:
        for vtep, new in wanted.items():
            old = self._running.get(vtep)
            address = (new.management_ip, new.management_port) if new is not None else None
            if old is not None and address is None:
                yield FleetStep("stop", vtep, *old)
            elif address is not None and address != old:
                yield FleetStep("start" if old is None else "restart", vtep, *address)


class Retired:
    """Addresses of deleted VTEPs, from their events: their rows may still be in the switch.

    Only these events record a switch that was deleted while it, or the cluster, was unreachable.
    """

    def __init__(self) -> None:
        self._deleted: set[tuple[str, int]] = set()

    def apply_events(self, events: Iterable[Event]) -> None:
        """Record the events of one commit."""
        for event in events:
            if event.type == "vtep.deleted":
                self._deleted.add(_address_in(event.data))

    def addresses(self, topology: Topology) -> set[tuple[str, int]]:
        """Return the addresses that no VTEP of the topology has now."""
        present = {(vtep.management_ip, vtep.management_port) for vtep in topology.all("vtep").values()}
        return self._deleted - present


def _address_in(data: Mapping[str, object]) -> tuple[str, int]:
    return str(data["management_ip"]), int(str(data["management_port"]))
