"""The service `health`: whether the underlay carries, from what the hosts report of each other.

It says in the journal when a way between two hosts goes down or comes back (on one node of the cluster), and shows on
every node how many do. It acts on nothing: tunnels are the agents' business.
"""

import logging
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from midonet.projections.facts import UnderlayHealth
from midonet.projections.facts.reader import FactsReader
from midonet.projections.facts.underlay_links import Link, cut_off, ways
from midonet.services.runtime.context import Context
from midonet.services.runtime.periodic import Periodic

_SHOWN = 20


class Settings(Struct, frozen=True):
    """What may be set below `services.health`."""

    period: Annotated[float, Meta(ge=0.1, le=3600, description="Seconds between two looks at what hosts report.")] = 2.0


class HealthService(Periodic):
    """Looks on every node; speaks on the one that leads."""

    settings = Settings

    def __init__(self, context: Context) -> None:
        super().__init__(context, context.config(Settings).period)
        self._facts = FactsReader(context.settings.zookeeper, context.settings.root)
        self._link_gauge = context.metrics.gauge("ways", "Probed links between hosts of a tunnel zone.", ["state"])
        self._isolated_gauge = context.metrics.gauge("hosts_cut_off", "Probed hosts that no other host reaches.")
        self._previous: Mapping[tuple[str, str], Link] = {}
        self._down: list[Link] = []
        self._isolated: list[str] = []

    def stop(self) -> None:
        """End."""
        super().stop()
        self._facts.close()

    def run_once(self) -> None:
        """Look at all reports, and say what became different."""
        found = ways(self._facts.all(UnderlayHealth))
        self._down, self._isolated = [link for link in found if not link.up], cut_off(found)
        self._link_gauge.labels("up").set(len(found) - len(self._down))
        self._link_gauge.labels("down").set(len(self._down))
        self._isolated_gauge.set(len(self._isolated))
        now = {(link.source, link.target): link for link in found}
        if self.lease is not None:
            self._log_changes(now)
        self._previous = now

    def details(self) -> Mapping[str, Any]:
        """Return which ways are down, and who is cut off."""
        down = [{"source": link.source, "target": link.target, "since": link.since} for link in self._down[:_SHOWN]]
        return {"down": down, "cut_off": self._isolated[:_SHOWN]}

    def _log_changes(self, now: Mapping[tuple[str, str], Link]) -> None:
        for ends, link in now.items():
            before = self._previous.get(ends)
            if before is None or before.up != link.up:
                if link.up and before is None:
                    continue
                level, word = (
                    (logging.INFO, "underlay way is up") if link.up else (logging.WARNING, "underlay way is down")
                )
                self.context.log(level, word, source=link.source, target=link.target, address=link.address)
