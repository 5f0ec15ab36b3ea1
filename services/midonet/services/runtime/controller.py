"""A service that acts on what the topology wants and on which hosts live: one thread, woken when either changes.

While ZooKeeper is away it does nothing: a host of which nothing is known is not dead.
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
"""Seconds between two looks while changes fly by."""

_RECHECK_SECONDS = 30.0
"""Seconds after which it looks again though nothing was heard of."""


class Controller(Service):
    """Calls `work` whenever something may have to be done; what it raises but `Unavailable` ends this life."""

    kinds: ClassVar[frozenset[str]] = frozenset()
    """Kinds of objects whose changes matter."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._problem: str | None = None
        self._has_worked = False
        """Whether it has ever known which hosts live."""
        self._work_pending = False
        """Whether something was committed that it has to look at."""
        self._loop = WorkerThread(context.name, self._run, context.crashed)

    def start(self) -> None:
        """Begin to follow topology and hosts."""
        self._loop.start()

    def stop(self) -> None:
        """Leave everything as it is."""
        self._loop.stop()
        self.context.feed.unsubscribe(self)

    def health(self) -> Health:
        """It works unless it cannot find out which hosts live."""
        return Health() if self._problem is None else Health(ok=False, reason=self._problem)

    # -- for the feed

    def attach(self, topology: Topology) -> None:
        """Look at a whole topology."""
        del topology
        self._loop.wake()

    def apply(self, changes: Sequence[Change]) -> None:
        """Take note of the changes of one commit."""
        self._work_pending |= any(change.kind in self.kinds for change in changes)

    def wake(self) -> None:
        """Look, if there is something to be looked at; not before, as `apply` holds up who waits for the topology."""
        if self._work_pending:
            self._work_pending = False
            self._loop.wake()

    # -- for those who control

    @abstractmethod
    def work(self, live_hosts: LiveHosts, hosts: Mapping[str, HostState]) -> float | None:
        """Do what has to be done; return after how many seconds to look again at the latest, None if never."""

    def run_command(self, command: Command, reason: str, *, command_id: str | None = None) -> bool:
        """Run a command and let the feed catch up with it; return whether it is done, by this daemon or another."""
        try:
            position = self.context.execute(command, reason, command_id=command_id).position
        except CommandIdReused as done:  # another daemon was faster, and knew better or worse
            position = done.details["position"]
        except (Rejected, NotFound) as error:
            logfmt.log(logging.WARNING, "a decision was refused", service=self.context.name, reason=error.message)
            return False
        self.context.feed.reach(position, self._loop.stopping)
        return True

    # -- the thread

    def _run(self) -> None:
        self.context.feed.caught_up(self._loop.stopping)
        self.context.feed.subscribe(self)
        settings = self.context.settings
        with closing(LiveHosts(settings.zookeeper, settings.root, self._loop.wake)) as live_hosts:
            self._control(live_hosts)

    def _control(self, live_hosts: LiveHosts) -> None:
        backoff = Backoff()
        for _ in self._loop.turns():
            try:
                recheck = self.work(live_hosts, live_hosts.look())
            except Unavailable as error:
                self._report(error.message)
                self._loop.pause(backoff.next())
            else:
                self._report(None)
                backoff.reset()
                self._loop.pause(_COALESCE_SECONDS)
                self._loop.rest(min(_RECHECK_SECONDS, _RECHECK_SECONDS if recheck is None else recheck))

    def _report(self, problem: str | None) -> None:
        if problem is not None and self._problem is None and self._has_worked:
            logfmt.log(logging.WARNING, "cannot act for now", service=self.context.name, reason=problem)
        self._problem = problem
        self._has_worked |= problem is None
