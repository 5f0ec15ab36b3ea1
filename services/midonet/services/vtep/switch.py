"""One VTEP: its projection on its switch, and the state of the switch."""

from collections.abc import Callable
from time import monotonic

from msgspec.structs import replace

from midonet.events.backoff import Backoff
from midonet.events.topology.evolve import Change
from midonet.projections.engine.feed import Feed
from midonet.projections.facts.vtep_state import VtepState
from midonet.projections.vtep import (
    RECHECK,
    FleetStep,
    LearnedMacs,
    SwitchUpdate,
    VtepProjection,
    VtepTarget,
)
from midonet.services.runtime.hosted_projection import HostedProjection
from midonet.services.settings import Settings

_FIRST_RETRY, _LAST_RETRY = 1.0, 60.0


def address(step: FleetStep) -> str:
    """Return the address of a switch as `HOST:PORT`, with brackets around an IPv6 address."""
    return f"[{step.host}]:{step.port}" if ":" in step.host else f"{step.host}:{step.port}"


class ManagedSwitch(HostedProjection):
    """The projection of one VTEP; `on_update` gets its id and each update of its switch, None when it disconnects."""

    essential = False

    def __init__(
        self,
        feed: Feed,
        learned: LearnedMacs,
        step: FleetStep,
        settings: Settings,
        on_update: Callable[[str, SwitchUpdate | None], None],
    ) -> None:
        switch = VtepTarget(step.host, step.port)
        switch.on_report(lambda update: on_update(step.vtep, update), learned.tick)
        projection = VtepProjection(step.vtep, learned, switch.current)
        super().__init__(feed, projection, switch, address(step), settings, first=True)
        self.vtep = step.vtep
        self._switch = switch
        self._backoff = Backoff(_FIRST_RETRY, _LAST_RETRY)
        self._retry_at = 0.0

    def note(self, *changes: Change) -> None:
        """Pass changes that are not commits to the projection and wake its runner."""
        self._runner.apply_facts(*changes)

    def mac_keys(self) -> set[tuple[str, str]]:
        """Return (logical switch, MAC) of all MAC rows that the switch holds."""
        return {(str(switch), str(mac)) for _, switch, mac in self._switch.unicast_keys()}  # type: ignore[misc]

    def retry_refused(self) -> None:
        """Retry, with back-off, rows that could not be written because of foreign rows."""
        refused = self._switch.unwritable
        if not refused:
            self._backoff.reset()
            self._retry_at = 0.0
        elif not self._retry_at:
            self._retry_at = monotonic() + self._backoff.next()
        elif monotonic() >= self._retry_at:
            keys, self._retry_at = refused.copy(), 0.0
            refused.clear()
            self.note(Change(RECHECK, self.vtep, None, keys))

    def state(self) -> VtepState:
        """Return the state of the switch."""
        connection, report = self._switch.connection, self._switch.report()
        state = VtepState(
            id=self.vtep,
            address=self.target,
            connection=connection.state,
            since=connection.since,
            last_error=connection.last_error,
        )
        if report is None:
            return state
        return replace(
            state,
            physical_switch=report.name,
            tunnel_ips=tuple(report.tunnel_ips),
            ports=tuple(report.ports),
            faults=None if report.faults is None else tuple(report.faults),
            bfd=tuple(report.bfd),
            local_macs=report.local_macs,
        )
