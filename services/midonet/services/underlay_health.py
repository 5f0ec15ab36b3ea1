"""The service `health`: state of the underlay, from the probes that hosts report.

The leader logs when a link between two hosts goes down or comes up; every node exports counts as metrics. The service
changes nothing: agents manage tunnels.
"""

import logging
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Struct

from midonet.events.model.fields import about
from midonet.projections.facts import UnderlayHealth
from midonet.projections.facts.reader import FactsReader
from midonet.projections.facts.underlay_links import Link, isolated, links
from midonet.services.runtime.context import Context
from midonet.services.runtime.periodic import Periodic

_SHOWN = 20


class Settings(Struct, frozen=True):
    """Settings below `services.health`."""

    period: Annotated[float, about("Seconds between two reads of the hosts' reports.", ge=0.1, le=3600)] = 2.0


class HealthService(Periodic):
    """Reads the reports on every node; logs on the leader."""

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
        """Stop and close the reader."""
        super().stop()
        self._facts.close()

    def run_once(self) -> None:
        """Read all reports, update metrics and log changes."""
        found = links(self._facts.all(UnderlayHealth))
        self._down, self._isolated = [link for link in found if not link.up], isolated(found)
        self._link_gauge.labels("up").set(len(found) - len(self._down))
        self._link_gauge.labels("down").set(len(self._down))
        self._isolated_gauge.set(len(self._isolated))
        now = {(link.source, link.target): link for link in found}
        if self.lease is not None:
            self._log_changes(now)
        self._previous = now

    def details(self) -> Mapping[str, Any]:
        """Return the links that are down and the isolated hosts."""
        down = [{"source": link.source, "target": link.target, "since": link.since} for link in self._down[:_SHOWN]]
        return {"down": down, "cut_off": self._isolated[:_SHOWN]}

    def _log_changes(self, now: Mapping[tuple[str, str], Link]) -> None:
        for ends, link in now.items():
            before = self._previous.get(ends)
            if before is None or before.up != link.up:
                if link.up and before is None:
                    continue
                level, word = (
                    (logging.INFO, "underlay path is up") if link.up else (logging.WARNING, "underlay path is down")
                )
                self.context.log(level, word, source=link.source, target=link.target, address=link.address)
