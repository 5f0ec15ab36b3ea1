"""The service `vtep`: keeps the OVSDB of every VTEP in the topology (contract §4), and follows as they come and go.

Every VTEP has a runner of its own: one that cannot be reached delays no other.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue
from threading import Event, Thread

from midonet.events.errors import MidonetError
from midonet.events.evolve import Change
from midonet.events.topology import Topology
from midonet.projections.port import Fenced
from midonet.projections.vtep import Fleet, Step, VtepProjection, VtepTarget
from midonet.services.context import Context
from midonet.services.hosting import Hosted
from midonet.services.journal import note
from midonet.services.service import Health, Service

__all__ = ["VtepService"]


class VtepService(Service):
    """Carries out the steps of the fleet, one after the other, on a thread of its own."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._fleet = Fleet()
        self._steps: SimpleQueue[Step | None] = SimpleQueue()
        self._hosted: dict[str, Hosted] = {}
        self._stopping = Event()
        self._begun = False
        self._thread = Thread(target=self._run, name="vteps", daemon=True)

    def start(self) -> None:
        """Begin to follow the topology."""
        self._thread.start()

    def stop(self) -> None:
        """Leave every VTEP as it is."""
        self._stopping.set()
        self._steps.put(None)  # wakes the thread
        if self._thread.is_alive():
            self._thread.join()
        self.context.feed.unsubscribe(self)
        if hosted := self.projections():
            with ThreadPoolExecutor(len(hosted)) as pool:
                list(pool.map(Hosted.stop, hosted))

    def health(self) -> Health:
        """It works once it keeps every VTEP that was there when it began."""
        return Health() if self._begun else Health(ok=False, reason="the log has not been read yet")

    def projections(self) -> Sequence[Hosted]:
        """Return one for every VTEP."""
        return list(self._hosted.values())

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

    # -- the thread

    def _run(self) -> None:
        try:
            self.context.feed.caught_up(self._stopping.is_set)
            self.context.feed.subscribe(self)
            while not self._stopping.is_set():
                self._begun |= self._steps.empty()
                if (step := self._steps.get()) is not None:
                    self._carry_out(step)
        except Exception as error:  # noqa: BLE001 - whatever it is, the service can be made anew
            self.context.crashed(error)

    def _carry_out(self, step: Step) -> None:
        note(logging.INFO, f"{step.action} VTEP", vtep=step.vtep, target=_address(step))
        hosted = self._hosted.pop(step.vtep, None)
        if hosted is not None:
            hosted.stop()
        if step.action == "stop":
            _clear(step)
            return
        target = VtepTarget(step.host, step.port)
        interval = self.context.settings.reconcile_interval
        hosted = Hosted(
            self.context.feed, VtepProjection(step.vtep), target, _address(step), reconcile_interval=interval
        )
        self._hosted[step.vtep] = hosted
        hosted.start()


def _clear(step: Step) -> None:
    """Remove what is ours from a VTEP that was deleted, if it can be reached."""
    with closing(VtepTarget(step.host, step.port)) as target:
        try:
            target.clear()
        except (MidonetError, Fenced) as error:
            note(logging.WARNING, "deleted VTEP may keep its rows", target=_address(step), reason=str(error))


def _address(step: Step) -> str:
    return f"[{step.host}]:{step.port}" if ":" in step.host else f"{step.host}:{step.port}"
