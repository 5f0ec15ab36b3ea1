"""Base class of services that act on the topology and on the set of live hosts, in one thread.

Without ZooKeeper a controller does nothing: a host whose state is unknown does not count as dead.
"""

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import ClassVar

from midonet.events.backoff import Backoff
from midonet.events.commands.command import Command
from midonet.events.errors import CommandIdReused, NotFound, Rejected, Unavailable
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.projections.facts import HostState
from midonet.projections.facts.live_hosts import LiveHosts
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.worker_thread import WorkerThread
from midonet.services.runtime.context import Context
from midonet.services.runtime.service import Health, Service

_COALESCE_SECONDS = 0.1
"""Seconds in which changes are coalesced into one run."""

_RECHECK_SECONDS = 30.0
"""Longest time between two runs, in seconds."""


class Controller(Service):
    """Calls `work` after every relevant change; an exception other than `Unavailable` crashes the service."""

    kinds: ClassVar[frozenset[str]] = frozenset()
    """Kinds of objects whose changes trigger `work`."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._problem: str | None = None
        self._has_worked = False
        """Whether `work` has succeeded once."""
        self._work_pending = False
        """Whether a relevant change has been committed since the last run."""
        self._loop = WorkerThread(context.name, self._run, context.crashed)

    def start(self) -> None:
        """Start to follow topology and hosts."""
        self._loop.start()

    def stop(self) -> None:
        """Stop the thread; change nothing."""
        self._loop.stop()
        self.context.feed.unsubscribe(self)

    def health(self) -> Health:
        """Return unhealthy while the set of live hosts is unknown."""
        return Health() if self._problem is None else Health(ok=False, reason=self._problem)

    # -- Follower of the feed

    def attach(self, topology: Topology) -> None:
        """Run on the whole topology."""
        del topology
        self._loop.wake()

    def apply(self, changes: Sequence[Change]) -> None:
        """Record whether the changes of one commit are relevant."""
        self._work_pending |= any(change.kind in self.kinds for change in changes)

    def wake(self) -> None:
        """Wake the thread if a relevant change is pending; not in `apply`, which delays readers of the topology."""
        if self._work_pending:
            self._work_pending = False
            self._loop.wake()

    # -- for subclasses

    @abstractmethod
    def work(self, live_hosts: LiveHosts, hosts: Mapping[str, HostState]) -> float | None:
        """Do what is due; return the seconds until the next run at the latest, None for the default."""

    def run_command(self, command: Command, reason: str, *, command_id: str | None = None) -> bool:
        """Run a command and wait for the feed to reach it; return False if it is rejected."""
        try:
            position = self.context.execute(command, reason, command_id=command_id).position
        except CommandIdReused as done:  # another daemon committed its decision first
            position = done.details["position"]
        except (Rejected, NotFound) as error:
            logfmt.log(logging.WARNING, "command rejected", service=self.context.name, reason=error.message)
            return False
        self.context.feed.wait_for(position, self._loop.stopping)
        return True

    # -- the thread

    def _run(self) -> None:
        self.context.feed.wait_until_read(self._loop.stopping)
        self.context.feed.subscribe(self)
        settings = self.context.settings
        with closing(LiveHosts(settings.zookeeper, settings.root, self._loop.wake)) as live_hosts:
            self._control(live_hosts)

    def _control(self, live_hosts: LiveHosts) -> None:
        backoff = Backoff()
        for _ in self._loop.iterations():
            try:
                recheck = self.work(live_hosts, live_hosts.refresh())
            except Unavailable as error:
                self._report(error.message)
                self._loop.sleep(backoff.next())
            else:
                self._report(None)
                backoff.reset()
                self._loop.sleep(_COALESCE_SECONDS)
                self._loop.wait(min(_RECHECK_SECONDS, _RECHECK_SECONDS if recheck is None else recheck))

    def _report(self, problem: str | None) -> None:
        if problem is not None and self._problem is None and self._has_worked:
            logfmt.log(logging.WARNING, "cannot act for now", service=self.context.name, reason=problem)
        self._problem = problem
        self._has_worked |= problem is None
