"""The service `containers`: places each service container on a host, again when the host dies.

Every daemon decides by the same function; if decisions differ, the first one committed wins.
"""

import logging
from collections.abc import Mapping
from time import monotonic

from midonet.projections.facts import HostState
from midonet.projections.facts.live_hosts import LiveHosts
from midonet.projections.runtime import logfmt
from midonet.services.containers.placement import place
from midonet.services.runtime.context import Context
from midonet.services.runtime.controller import Controller


class ContainersService(Controller):
    """Binds the ports of containers to hosts."""

    kinds = frozenset(
        {"service-container", "service-container-group", "host", "host-group", "port", "port-group", "tunnel-zone"}
    )

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._missed: dict[str, float] = {}
        """Host -> monotonic time at which it was first found to be down."""

    def work(self, live_hosts: LiveHosts, hosts: Mapping[str, HostState]) -> float | None:
        """Place containers; return the seconds until the grace time of a host ends."""
        del live_hosts
        with self.context.feed.reading() as topology:
            if not topology.all("service-container"):
                return None
            away = self._away(topology.all("host"), hosts)
            wanted = place(topology, hosts.keys(), away)
            names = {host.id: host.name or host.id for host in topology.all("host").values()}
        for each in wanted:
            why = f"host {names.get(each.before, each.before)} cannot run it" if each.before else "it had no host"
            if self.run_command(each.command, why, command_id=each.command_id):
                logfmt.log(
                    logging.INFO, "container placed", container=each.container, host=each.host, before=each.before
                )
        return min(away.values(), default=None)

    def _away(self, known: Mapping[str, object], hosts: Mapping[str, HostState]) -> dict[str, float]:
        """Return the hosts that are down within the grace time, each with the seconds left."""
        now = monotonic()
        self._missed = {host: self._missed.get(host, now) for host in known if host not in hosts}
        left = {host: since + self.context.settings.container_grace - now for host, since in self._missed.items()}
        return {host: seconds for host, seconds in left.items() if seconds > 0}
