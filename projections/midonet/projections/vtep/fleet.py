"""Which VTEPs there are: what to start, move or stop as they come, change their address and go. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from midonet.events.evolve import Change
from midonet.events.model.underlay import Vtep
from midonet.events.topology import Topology

__all__ = ["Fleet", "Step"]

Action = Literal["stop", "restart", "start"]


class Step(Struct, frozen=True):
    """One thing to do about the projection of one VTEP.

    `start`: begin to keep the database at `host`:`port`. `restart`: it is now there; leave the old place alone, it may
    be the same switch. `stop`: the VTEP was deleted: `VtepTarget.clear` what is at the old place if it can be
    reached, and close. Stopping a service is not a step: it removes nothing.
    """

    action: Action
    vtep: str
    host: str
    port: int


class Fleet:
    """The VTEPs that should be running. Carry out the steps that it returns in order, each before the next."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[str, int]] = {}

    def attach(self, topology: Topology) -> list[Step]:
        """Start over from a whole topology; return the steps from what is running to what should be."""
        wanted = topology.all("vtep")
        return self._steps({vtep: wanted.get(vtep) for vtep in self._running.keys() | wanted.keys()})

    def apply(self, changes: Sequence[Change]) -> list[Step]:
        """Return the steps that the changes of one commit ask for."""
        return self._steps({change.id: change.new for change in changes if change.kind == "vtep"})

    def _steps(self, wanted: Mapping[str, Vtep | None]) -> list[Step]:
        """Stops come first: another VTEP may take over the address."""
        steps = sorted(self._differences(wanted), key=lambda step: (step.action != "stop", step.vtep))
        for step in steps:
            if step.action == "stop":
                del self._running[step.vtep]
            else:
                self._running[step.vtep] = step.host, step.port
        return steps

    def _differences(self, wanted: Mapping[str, Vtep | None]) -> Iterator[Step]:
        for vtep, new in wanted.items():
            old = self._running.get(vtep)
            address = (new.management_ip, new.management_port) if new is not None else None
            if old is not None and address is None:
                yield Step("stop", vtep, *old)
            elif address is not None and address != old:
                yield Step("start" if old is None else "restart", vtep, *address)
