"""The service itself: carries out what becomes of the fleet, and passes on what the switches say to each other.

Every VTEP has a runner of its own: one that cannot be reached delays no other.
"""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

import msgspec

from midonet.events.errors import VerificationFailed
from midonet.events.topology.evolve import Change
from midonet.events.topology.topology import Topology
from midonet.projections.facts.vtep_state import VtepState
from midonet.projections.runtime import logfmt
from midonet.projections.vtep import HEARD, HOSTS, Delta, Fleet, LearnedMacs, Step, SwitchUpdate
from midonet.services.runtime.context import Context
from midonet.services.runtime.hosted_projection import HostedProjection
from midonet.services.runtime.service import Health, Service
from midonet.services.vtep.dead_hosts import DeadHosts
from midonet.services.vtep.decommission import Decommissioner
from midonet.services.vtep.metrics import Figures
from midonet.services.vtep.state_publisher import Publisher
from midonet.services.vtep.switch import ManagedSwitch, address

_TICK = 0.5
"""Seconds between two looks at what waits for others."""

_HOSTS_SECONDS = 1.0
"""Seconds for which ZooKeeper may say which hosts are dead before the first switch is kept: else those would be elected
once more."""


class VtepService(Service):
    """Carries out the steps of the fleet, one after the other, on a thread of its own; another one listens."""

    ahead = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._fleet = Fleet()
        self._steps: SimpleQueue[Step | None] = SimpleQueue()
        self._sayings: SimpleQueue[tuple[str, SwitchUpdate | None] | None] = SimpleQueue()
        self._learned = LearnedMacs()
        self._hosted: dict[str, ManagedSwitch] = {}
        self._stopping = Event()
        self._begun = False
        self._figures = Figures(context.meters)
        self._cleaner = Decommissioner(context.feed, context.settings.log)
        self._publisher = Publisher(context.settings.zookeeper, context.settings.root, self._states)
        self._hosts = DeadHosts(context.settings.zookeeper, context.settings.root, self._bury)
        self._threads = [
            Thread(target=self._run, name="vteps", daemon=True),
            Thread(target=self._listen, name="vteps-learned", daemon=True),
        ]

    def start(self) -> None:
        """Begin to follow the topology."""
        for thread in self._threads:
            thread.start()
        self._cleaner.start()
        self._publisher.start()
        self._hosts.start()

    def stop(self) -> None:
        """Leave every VTEP as it is."""
        self._stopping.set()
        self._steps.put(None)  # wakes the threads
        self._sayings.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self.context.feed.unsubscribe(self)
        others = [self._cleaner.stop, self._publisher.stop, self._hosts.stop]
        ends = [*(hosted.stop for hosted in self.projections()), *others]
        with ThreadPoolExecutor(len(ends)) as pool:
            list(pool.map(lambda end: end(), ends))

    def health(self) -> Health:
        """It works once it keeps every VTEP that was there when it began."""
        return Health() if self._begun else Health(ok=False, reason="the log has not been read yet")

    def projections(self) -> Sequence[HostedProjection]:
        """Return one for every VTEP."""
        return list(self._hosted.values())

    def details(self) -> Mapping[str, Any]:
        """Return what is known of the switches, and of those that are to be cleared."""
        states = sorted(self._states().values(), key=lambda state: state.address)
        return {"vteps": msgspec.to_builtins(states), "retired": self._cleaner.waiting()}

    def _states(self) -> dict[str, VtepState]:
        return {kept.vtep: kept.state() for kept in list(self._hosted.values())}

    # -- for the feed

    def attach(self, topology: Topology) -> None:
        """Start over from a whole topology."""
        for step in self._fleet.attach(topology):
            self._steps.put(step)

    def apply(self, changes: Sequence[Change]) -> None:
        """Take note of the changes of one commit."""
        for step in self._fleet.apply(changes):
            self._steps.put(step)

    def wake(self) -> None:
        """Do nothing: the queue wakes."""

    # -- the thread of the fleet

    def _run(self) -> None:
        try:
            self.context.feed.caught_up(self._stopping.is_set)
            self._hosts.looked.wait(_HOSTS_SECONDS)
            self.context.feed.subscribe(self)
            while not self._stopping.is_set():
                self._begun |= self._steps.empty()
                if (step := self._steps.get()) is not None:
                    self._carry_out(step)
        except Exception as error:  # noqa: BLE001 - whatever it is, the service can be made anew
            self.context.crashed(error)

    def _carry_out(self, step: Step) -> None:
        logfmt.log(logging.INFO, f"{step.action} VTEP", vtep=step.vtep, target=address(step))
        hosted = self._hosted.pop(step.vtep, None)
        if hosted is not None:
            hosted.stop()
            self._sayings.put((step.vtep, None))
        if step.action == "stop":
            with self.context.feed.reading():
                self._tell(step.vtep, self._learned.forget(step.vtep))
            self._cleaner.retire(step.host, step.port)
            return
        self._cleaner.employ(step.host, step.port)
        settings = self.context.settings
        kept = ManagedSwitch(self.context.feed, self._learned, step, settings, lambda *said: self._sayings.put(said))
        self._hosted[step.vtep] = kept
        kept.start()

    # -- the thread that looks at the hosts

    def _bury(self, dead: frozenset[str]) -> None:
        with suppress(VerificationFailed), self.context.feed.reading():
            self._learned.dead = dead
            for kept in list(self._hosted.values()):
                kept.note(Change(HOSTS, kept.vtep, None, dead))

    # -- the thread that listens to the switches

    def _listen(self) -> None:
        try:
            while not self._stopping.is_set():
                self._hear()
                for kept in list(self._hosted.values()):
                    kept.retry_refused()
                self._figures.show(self._states().values(), len(self._cleaner.waiting()))
        except Exception as error:  # noqa: BLE001 - as in _run
            self.context.crashed(error)

    def _hear(self) -> None:
        try:
            said = self._sayings.get(timeout=_TICK)
        except Empty:
            return
        if said is not None:
            self._take(*said)

    def _take(self, vtep: str, heard: SwitchUpdate | None) -> None:
        with suppress(VerificationFailed), self.context.feed.reading():  # what follows no log writes nothing, either
            if heard is None:
                self._learned.lose(vtep)
            elif vtep in self._hosted:
                news = self._learned.take(vtep, heard)
                self._tell(vtep, news, whole=heard.whole)
        self._publisher.wake()

    def _tell(self, vtep: str, news: Delta, *, whole: bool = False) -> None:
        """Tell every projection; after the first words of a switch, also what others hold because of it."""
        for kept in list(self._hosted.values()):
            places = news.places | kept.stations() if whole else news.places
            if places or news.readdressed:
                kept.note(Change(HEARD, vtep, None, Delta(places, news.readdressed)))
