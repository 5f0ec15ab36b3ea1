"""The service class: starts and stops the projection of each VTEP and distributes learned MACs among the switches.

Every VTEP has a runner of its own, so an unreachable switch does not delay the others.
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
from midonet.projections.vtep import (
    DEAD_HOSTS,
    SWITCH_UPDATE,
    Fleet,
    FleetStep,
    LearnedChanges,
    LearnedMacs,
    SwitchUpdate,
)
from midonet.services.runtime.context import Context
from midonet.services.runtime.hosted_projection import HostedProjection
from midonet.services.runtime.service import Health, Service
from midonet.services.vtep.dead_hosts import DeadHosts
from midonet.services.vtep.decommission import Decommissioner
from midonet.services.vtep.metrics import VtepMetrics
from midonet.services.vtep.state_publisher import StatePublisher
from midonet.services.vtep.switch import ManagedSwitch, address

_TICK = 0.5
"""Longest time, in seconds, between two retries and metric updates."""

_HOSTS_SECONDS = 1.0
"""Seconds to wait for the dead hosts before the first write, so that no dead host is elected flooding proxy."""


class VtepService(Service):
    """Runs the steps of the fleet in one thread and processes updates of the switches in another."""

    keeps_views = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._fleet = Fleet()
        self._steps: SimpleQueue[FleetStep | None] = SimpleQueue()
        self._updates: SimpleQueue[tuple[str, SwitchUpdate | None] | None] = SimpleQueue()
        self._learned = LearnedMacs()
        self._switches: dict[str, ManagedSwitch] = {}
        self._stopping = Event()
        self._initialized = False
        self._metrics = VtepMetrics(context.metrics)
        self._decommissioner = Decommissioner(context.feed, context.settings.log)
        self._publisher = StatePublisher(context.settings.zookeeper, context.settings.root, self._states)
        self._hosts = DeadHosts(context.settings.zookeeper, context.settings.root, self._set_dead_hosts)
        self._threads = [
            Thread(target=self._run, name="vteps", daemon=True),
            Thread(target=self._process_updates, name="vteps-learned", daemon=True),
        ]

    def start(self) -> None:
        """Start to follow the topology."""
        for thread in self._threads:
            thread.start()
        self._decommissioner.start()
        self._publisher.start()
        self._hosts.start()

    def stop(self) -> None:
        """Stop; every VTEP remains unchanged."""
        self._stopping.set()
        self._steps.put(None)  # wakes the threads
        self._updates.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self.context.feed.unsubscribe(self)
        others = [self._decommissioner.stop, self._publisher.stop, self._hosts.stop]
        ends = [*(hosted.stop for hosted in self.projections()), *others]
        with ThreadPoolExecutor(len(ends)) as pool:
            list(pool.map(lambda end: end(), ends))

    def health(self) -> Health:
        """Return healthy once all VTEPs of the first topology have been started."""
        return Health() if self._initialized else Health(ok=False, reason="the log has not been read yet")

    def projections(self) -> Sequence[HostedProjection]:
        """Return the projection of every VTEP."""
        return list(self._switches.values())

    def details(self) -> Mapping[str, Any]:
        """Return the state of the switches and the deleted VTEPs that are not cleared yet."""
        states = sorted(self._states().values(), key=lambda state: state.address)
        return {"vteps": msgspec.to_builtins(states), "retired": self._decommissioner.pending()}

    def _states(self) -> dict[str, VtepState]:
        return {switch.vtep: switch.state() for switch in list(self._switches.values())}

    # -- Follower of the feed

    def attach(self, topology: Topology) -> None:
        """Queue the steps from the current fleet to that of a whole topology."""
        for step in self._fleet.attach(topology):
            self._steps.put(step)

    def apply(self, changes: Sequence[Change]) -> None:
        """Queue the steps that follow from one commit."""
        for step in self._fleet.apply(changes):
            self._steps.put(step)

    def wake(self) -> None:
        """Do nothing: the queue wakes the thread."""

    # -- the thread of the fleet

    def _run(self) -> None:
        try:
            self.context.feed.wait_until_read(self._stopping.is_set)
            self._hosts.known.wait(_HOSTS_SECONDS)
            self.context.feed.subscribe(self)
            while not self._stopping.is_set():
                self._initialized |= self._steps.empty()
                if (step := self._steps.get()) is not None:
                    self._execute(step)
        except Exception as error:  # noqa: BLE001 - any error restarts the service
            self.context.crashed(error)

    def _execute(self, step: FleetStep) -> None:
        logfmt.log(logging.INFO, f"{step.action} VTEP", vtep=step.vtep, target=address(step))
        hosted = self._switches.pop(step.vtep, None)
        if hosted is not None:
            hosted.stop()
            self._updates.put((step.vtep, None))
        if step.action == "stop":
            with self.context.feed.reading():
                self._notify(step.vtep, self._learned.forget(step.vtep))
            self._decommissioner.schedule(step.host, step.port)
            return
        self._decommissioner.cancel(step.host, step.port)
        settings = self.context.settings
        switch = ManagedSwitch(
            self.context.feed, self._learned, step, settings, lambda *update: self._updates.put(update)
        )
        self._switches[step.vtep] = switch
        switch.start()

    # -- the thread of the dead hosts

    def _set_dead_hosts(self, dead: frozenset[str]) -> None:
        with suppress(VerificationFailed), self.context.feed.reading():
            self._learned.dead = dead
            for switch in list(self._switches.values()):
                switch.note(Change(DEAD_HOSTS, switch.vtep, None, dead))

    # -- the thread of the updates

    def _process_updates(self) -> None:
        try:
            while not self._stopping.is_set():
                self._next_update()
                for switch in list(self._switches.values()):
                    switch.retry_refused()
                self._metrics.update(self._states().values(), len(self._decommissioner.pending()))
        except Exception as error:  # noqa: BLE001 - as in _run
            self.context.crashed(error)

    def _next_update(self) -> None:
        try:
            update = self._updates.get(timeout=_TICK)
        except Empty:
            return
        if update is not None:
            self._apply_update(*update)

    def _apply_update(self, vtep: str, update: SwitchUpdate | None) -> None:
        with suppress(VerificationFailed), self.context.feed.reading():  # without a valid log nothing is written
            if update is None:
                self._learned.mark_unreachable(vtep)
            elif vtep in self._switches:
                delta = self._learned.apply(vtep, update)
                self._notify(vtep, delta, whole=update.whole)
        self._publisher.wake()

    def _notify(self, vtep: str, delta: LearnedChanges, *, whole: bool = False) -> None:
        """Notify every projection; after a full update also of the MACs that its switch holds."""
        for switch in list(self._switches.values()):
            places = delta.macs | switch.mac_keys() if whole else delta.macs
            if places or delta.addresses_changed:
                switch.note(Change(SWITCH_UPDATE, vtep, None, LearnedChanges(places, delta.addresses_changed)))
