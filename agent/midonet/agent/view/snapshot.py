"""The part of the topology that the agent holds: immutable, and consistent at one position of the log.

A snapshot never mixes two positions. Only `midonet.agent.view.replica` makes one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from midonet.events.model import Entity
from midonet.events.model.port import Port

Objects = Mapping[str, Mapping[str, Entity]]
"""Objects by kind and id."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The part of the topology that one host needs, after the commit at `position`."""

    generation: str
    """Generation of the view that it was read from."""

    position: int
    hash: str

    in_topology: bool
    """Whether the view has an index for the host; without one there are no objects."""

    objects: Objects = field(default_factory=dict)

    def of(self, kind: str) -> Mapping[str, Any]:
        """Return the objects of a kind by id."""
        return self.objects.get(kind, {})

    def counts(self) -> dict[str, int]:
        """Return how many objects there are of each kind."""
        return {kind: len(objects) for kind, objects in sorted(self.objects.items()) if objects}

    def bound_to(self, host: str) -> tuple[Port, ...]:
        """Return the ports that are bound to a host's interfaces."""
        return tuple(port for port in self.of("port").values() if port.host == host)
