"""Tracks dead hosts, so that none of them is elected as flooding proxy.

A host is dead if its agent was up once and has been down for the grace time. A host that was never up does not count
as dead. Without ZooKeeper the last known state is kept.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import closing
from threading import Event
from time import monotonic

from midonet.events.backoff import Backoff
from midonet.events.errors import Unavailable
from midonet.projections.facts import LastSeen
from midonet.projections.facts.live_hosts import LiveHosts
from midonet.projections.facts.reader import FactsReader
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.worker_thread import WorkerThread

_GRACE = 3.0
"""Seconds for which an agent may be down, for example during a restart."""

_RECHECK_SECONDS = 30.0
_STOP_SECONDS = 2.0


class DeadHostTracker:
    """Computes the dead hosts from known and live hosts. Pure: callers pass the time in seconds."""

    def __init__(self) -> None:
        self._missed: dict[str, float] = {}
        self._known: set[str] = set()

    def add_known(self, hosts: Iterable[str], now: float) -> None:
        """Add hosts that were up once; they count as dead unless `update` finds them up."""
        for host in set(hosts) - self._known:
            self._known.add(host)
            self._missed[host] = now - _GRACE

    def update(self, live_hosts: Iterable[str], now: float) -> None:
        """Set the live hosts."""
        alive = set(live_hosts)
        self._known |= alive
        for host in self._known - alive:
            self._missed.setdefault(host, now)
        for host in alive:
            self._missed.pop(host, None)

    def dead(self, now: float) -> frozenset[str]:
        """Return the dead hosts."""
        return frozenset(host for host, since in self._missed.items() if now - since >= _GRACE)

    def seconds_to_next(self, now: float) -> float:
        """Return the seconds until the grace time of the next host ends."""
        return min(
            (since + _GRACE - now for since in self._missed.values() if now - since < _GRACE), default=_RECHECK_SECONDS
        )


class DeadHosts(WorkerThread):
    """A thread that calls `on_change` with the dead hosts whenever they change."""

    def __init__(self, servers: str, root: str, on_change: Callable[[frozenset[str]], None]) -> None:
        super().__init__("vteps-hosts", self._run, patience=_STOP_SECONDS)
        self._servers = servers
        self._root = root
        self._on_change = on_change
        self._reported: frozenset[str] = frozenset()
        self.known = Event()
        """Set as soon as the dead hosts are known."""
        self._tracker = DeadHostTracker()

    def _run(self) -> None:
        backoff, loaded = Backoff(), False
        with closing(LiveHosts(self._servers, self._root, self.wake)) as live_hosts:
            for _ in self.iterations():
                try:
                    if not loaded:
                        self._load_last_seen()
                        loaded = True
                    self._update(live_hosts)
                except Unavailable as error:
                    logfmt.log(logging.DEBUG, "hosts are unknown for now", service="vtep", reason=error.message)
                    self.sleep(backoff.next())
                else:
                    backoff.reset()
                    self.wait(max(0.05, self._tracker.seconds_to_next(monotonic())))

    def _load_last_seen(self) -> None:
        with FactsReader(self._servers, self._root) as reader:
            self._tracker.add_known(reader.all(LastSeen), monotonic())

    def _update(self, live_hosts: LiveHosts) -> None:
        self._tracker.update(live_hosts.refresh(), monotonic())
        dead = self._tracker.dead(monotonic())
        if dead != self._reported:
            self._reported = dead
            self._on_change(dead)
        self.known.set()
