"""What can be counted of the switches, for Prometheus."""

from collections.abc import Callable, Collection, Mapping

from midonet.projections.facts.vtep_state import VtepState
from midonet.services.runtime.service_metrics import ServiceMetrics

_LABELS = ("vtep", "target")

_Count = Callable[[VtepState], float | None]


def _faults(state: VtepState) -> float:
    return len([*(state.faults or ()), *(fault for port in state.ports for fault in port.faults or ())])


_GAUGES: Mapping[str, tuple[str, _Count]] = {
    "connected": ("Whether the switch is connected.", lambda state: float(state.connection == "connected")),
    "local_macs": ("Stations that the switch learned behind its ports.", lambda state: state.local_macs),
    "faults": ("Faults that the switch and its ports tell.", _faults),
    "tunnels": ("Tunnels of the switch.", lambda state: len(state.bfd)),
    "tunnels_up": ("Tunnels that BFD finds up.", lambda state: sum(each.state == "up" for each in state.bfd)),
}
"""Name → what it is, and its value; None is unknown."""


class VtepMetrics:
    """The gauges `midonet_vtep_…`; of a switch that is not connected only that is known."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._gauges = {name: metrics.gauge(name, text, _LABELS) for name, (text, _) in _GAUGES.items()}
        self._retired = metrics.gauge("retired", "Deleted VTEPs that may keep their rows.")
        self._published: set[tuple[str, str, str]] = set()

    def update(self, states: Collection[VtepState], retired: int) -> None:
        """Show how it is now."""
        self._retired.set(retired)
        values = {(name, state.id, state.address): self._value(name, state) for state in states for name in _GAUGES}
        known = {key: value for key, value in values.items() if value is not None}
        for name, *labels in self._published - known.keys():
            self._gauges[name].remove(*labels)
        for (name, *labels), value in known.items():
            self._gauges[name].labels(*labels).set(value)
        self._published = set(known)

    def _value(self, name: str, state: VtepState) -> float | None:
        known = state.connection == "connected" or name == "connected"
        return _GAUGES[name][1](state) if known else None
