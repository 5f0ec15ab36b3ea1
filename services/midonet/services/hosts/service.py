"""The service `hosts`: creates a host object for every live agent and logs which hosts go up and down.

It never removes or renames a host: an agent may come back, and names of hosts belong to the operator.
"""

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from midonet.events.timestamps import utc_now
from midonet.events.topology.evolve import Change
from midonet.projections.facts import HostState, LastSeen
from midonet.projections.facts.live_hosts import LiveHosts
from midonet.projections.runtime import logfmt
from midonet.services.hosts.registration import address_conflicts, registrations
from midonet.services.runtime.context import Context
from midonet.services.runtime.controller import Controller


class HostsService(Controller):
    """Registers hosts; several daemons may do so at once, as the id of a host is unique."""

    kinds = frozenset({"host", "vtep"})

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._alive: Mapping[str, HostState] | None = None
        self._deleted: deque[str] = deque()

    def details(self) -> Mapping[str, Any]:
        """Return the live hosts by id; empty until they are known."""
        return {host: {"hostname": state.hostname} for host, state in sorted((self._alive or {}).items())}

    def apply(self, changes: Sequence[Change]) -> None:
        """Record deleted hosts."""
        self._deleted.extend(change.id for change in changes if change.kind == "host" and change.new is None)
        super().apply(changes)

    def work(self, live_hosts: LiveHosts, hosts: Mapping[str, HostState]) -> None:
        """Log which hosts went up and down, then register new ones."""
        self._log_changes(live_hosts, hosts)
        with self.context.feed.reading() as topology:
            missing = registrations(topology, hosts)
        for host, name, command in missing:
            if self.run_command(command, f"its agent lives on {hosts[host].hostname}"):
                logfmt.log(logging.INFO, "host is registered", host=host, name=name)
        while self._deleted:
            live_hosts.set_last_seen(self._deleted[0], None)
            self._deleted.popleft()
        self._warn_of_conflicts(live_hosts)

    def _log_changes(self, live_hosts: LiveHosts, hosts: Mapping[str, HostState]) -> None:
        before = hosts if self._alive is None else self._alive
        if self._alive is None:
            logfmt.log(logging.INFO, "hosts alive", count=len(hosts))
        for host in hosts.keys() - before.keys():
            logfmt.log(logging.INFO, "host is alive", host=host, name=self._name(host), hostname=hosts[host].hostname)
        for host in before.keys() - hosts.keys():
            logfmt.log(
                logging.WARNING, "host is dead", host=host, name=self._name(host), hostname=before[host].hostname
            )
            live_hosts.set_last_seen(host, LastSeen(hostname=before[host].hostname, time=utc_now()))
        self._alive = hosts
        self.context.metrics.gauge("alive", "Hosts whose agents are alive.").set(len(hosts))

    def _name(self, host: str) -> str | None:
        with self.context.feed.reading() as topology:
            entity = topology.get("host", host)
            return entity.name if entity is not None else None

    def _warn_of_conflicts(self, live_hosts: LiveHosts) -> None:
        with self.context.feed.reading() as topology:
            if not topology.all("vtep"):
                return
        now = live_hosts.read_now()
        with self.context.feed.reading() as topology:
            for vtep, host, address in address_conflicts(topology, now):
                logfmt.log(logging.WARNING, "VTEP has the address of a host", vtep=vtep, host=host, address=address)
