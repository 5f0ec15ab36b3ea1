"""Prometheus metrics of the switches."""

from collections.abc import Callable, Collection, Mapping

from midonet.projections.facts.vtep_state import VtepState
from midonet.services.runtime.service_metrics import ServiceMetrics

_LABELS = ("vtep", "target")

_Count = Callable[[VtepState], float | None]


def _faults(state: VtepState) -> float:
    return len([*(state.faults or ()), *(fault for port in state.ports for fault in port.faults or ())])


_GAUGES: Mapping[str, tuple[str, _Count]] = {
    "connected": ("Whether the switch is connected.", lambda state: float(state.connection == "connected")),
    "local_macs": ("MACs that the switch learned on its ports.", lambda state: state.local_macs),
    "faults": ("Faults reported by the switch and its ports.", _faults),
    "tunnels": ("Tunnels of the switch.", lambda state: len(state.bfd)),
    "tunnels_up": ("Tunnels whose BFD session is up.", lambda state: sum(each.state == "up" for each in state.bfd)),
}
"""Name -> help text and value; None means unknown."""


class VtepMetrics:
    """The gauges `midonet_vtep_…`; a switch that is not connected has only the gauge `connected`."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        self._gauges = {name: metrics.gauge(name, text, _LABELS) for name, (text, _) in _GAUGES.items()}
        self._retired = metrics.gauge("retired", "Deleted VTEPs that are not cleared yet.")
        self._published: set[tuple[str, str, str]] = set()

    def update(self, states: Collection[VtepState], retired: int) -> None:
        """Set all gauges from the current states."""
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
