"""A service that is a stream processor: it comes with a pure function, and this runs it where it is to run.

On a log in Kafka a Faust agent on every node, of which the consumer group lets one work; on any other log a loop on the
node that leads. Both write the same, through the same worker.
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
"""A consumer group takes that long to give a dead node's partition to another one; longer is worth a word."""

_STUCK_SECONDS = 60.0
"""An owner that is behind and does not move for so long is made anew."""


def place_of(root: str, name: str) -> str:
    """Return the path of the nodes of a processor."""
    return f"{root}/state/streams/{name}"


class StreamService(Service):
    """Runs `processor` on the commits of the log, each once as far as anybody can see."""

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
        """Return what is to be run."""

    def start(self) -> None:
        """Take part; whether this node works or waits is decided among all."""
        self._runtime.start()

    def stop(self) -> None:
        """Let another node go on."""
        self._runtime.stop()

    def health(self) -> Health:
        """It is well while somebody else works, or while its own work gets on; a runtime that is stuck has crashed."""
        if self._runtime.lease is None:
            nobody = "nobody works on it" if self._runtime.unheld_seconds() > _VACANT_SECONDS else None
            reason = self._runtime.error or nobody
            return Health(ok=reason is None, reason=reason)
        position = self.worker.head.position if self.worker.head is not None else 0
        behind = self.context.feed.head.position - position
        if position != self._progress[0] or behind <= 0:
            self._progress = position, monotonic()
        if monotonic() - self._progress[1] > _STUCK_SECONDS:
            raise Unavailable(f"is {behind} commits behind and has not moved for {_STUCK_SECONDS:.0f} s")
        return Health(ok=self._runtime.error is None, reason=self._runtime.error)

    def details(self) -> Mapping[str, Any]:
        """Return whether this node works, by which epoch, and how far it is."""
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
