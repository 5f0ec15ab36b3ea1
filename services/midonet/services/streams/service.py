"""Base class of services that are stream processors.

On a log in Kafka every node runs a Faust agent, and the consumer group assigns the partition to one. On any other log
the leader runs a loop over the log. Both write through the same worker.
"""

from abc import abstractmethod
from collections.abc import Mapping
from time import monotonic
from typing import Any

from midonet.events.errors import Unavailable
from midonet.events.log import open_log
from midonet.services.runtime.context import Context
from midonet.services.runtime.service import Health, Service
from midonet.services.streams.log_runtime import Embedded, Runtime
from midonet.services.streams.processor import Processor
from midonet.services.streams.state_store import StateStore
from midonet.services.streams.worker import Worker

_VACANT_SECONDS = 10.0
"""Seconds without an owner after which the service is unhealthy; a rebalance of the consumer group takes that long."""

_STUCK_SECONDS = 60.0
"""Seconds without progress after which an owner that is behind is restarted."""


def place_of(root: str, name: str) -> str:
    """Return the path of the nodes of a processor."""
    return f"{root}/state/streams/{name}"


class StreamService(Service):
    """Runs `processor` on every commit of the log, with the effect of exactly one run per commit."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        url, processor = context.settings.log, self.processor()
        store = StateStore(
            context.coordination.client, place_of(context.settings.root, context.name), processor, context.node
        )
        self.worker = Worker(processor, store, lambda: open_log(url))
        self._runtime = _runtime(context, self.worker)
        self._progress = (0, monotonic())

    @abstractmethod
    def processor(self) -> Processor[Any]:
        """Return the processor to run."""

    def start(self) -> None:
        """Start the runtime; one node of the cluster works at a time."""
        self._runtime.start()

    def stop(self) -> None:
        """Stop the runtime; another node takes over."""
        self._runtime.stop()

    def health(self) -> Health:
        """Return healthy while another node works or this one makes progress; raise if this one is stuck."""
        if self._runtime.lease is None:
            unheld = "no node processes it" if self._runtime.unheld_seconds() > _VACANT_SECONDS else None
            reason = self._runtime.error or unheld
            return Health(ok=reason is None, reason=reason)
        position = self.worker.head.position if self.worker.head is not None else 0
        behind = self.context.feed.head.position - position
        if position != self._progress[0] or behind <= 0:
            self._progress = position, monotonic()
        if monotonic() - self._progress[1] > _STUCK_SECONDS:
            raise Unavailable(f"is {behind} commits behind and has not moved for {_STUCK_SECONDS:.0f} s")
        return Health(ok=self._runtime.error is None, reason=self._runtime.error)

    def details(self) -> Mapping[str, Any]:
        """Return runtime, epoch and position; epoch and position only on the node that works."""
        lease, head = self._runtime.lease, self.worker.head
        return {
            "runtime": type(self._runtime).__name__,
            "epoch": lease.epoch if lease is not None else None,
            "position": head.position if lease is not None and head is not None else None,
        }


def _runtime(context: Context, worker: Worker[Any]) -> Runtime:
    if not context.settings.log.startswith("kafka://"):
        return Embedded(context, worker)
    from midonet.services.streams.faust_runtime import FaustRuntime

    return FaustRuntime(context, worker)
