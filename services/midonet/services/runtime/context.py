"""What the daemon hands to every service: the log's topology, its settings, and all that lets nodes work together."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct

from midonet.events.commands.command import Command
from midonet.events.config.settings import typed
from midonet.events.log.pending_command import Context as CommandContext
from midonet.events.log.pending_command import Result
from midonet.projections.engine.feed import Feed
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.http_pages import HttpServer
from midonet.projections.zookeeper import Client
from midonet.services.cluster.coordination import Coordination, Lease
from midonet.services.cluster.leases import Leadership, Ownership
from midonet.services.runtime.service_metrics import ServiceMetrics
from midonet.services.runtime.writer import Writer, actor
from midonet.services.settings import Settings

S = TypeVar("S", bound=Struct)


class HttpEndpoint(NamedTuple):
    """Where clients ask the daemon."""

    http: HttpServer
    """Its port; a service that serves more than the daemon's own pages borrows it."""
    status: Callable[[], Mapping[str, Any]]
    """What `/status` says."""


class Context(NamedTuple):
    """All that a service may use of its daemon."""

    settings: Settings
    feed: Feed
    """Follows the log; holds the current topology, and tells what changes."""
    crashed: Callable[[BaseException], None]
    """To be called by a thread of the service that cannot go on: the service is stopped and made anew."""
    endpoint: HttpEndpoint
    """The daemon's side that faces clients."""
    name: str
    """The service's own name."""
    node: str
    """Who this node is among those of the cluster."""
    writer: Writer
    """Writes commands to the log; `execute` does it in the service's name."""
    coordination: Coordination
    metrics: ServiceMetrics
    """Counters and gauges of the service, which `/metrics` shows."""

    def config(self, declared: type[S]) -> S:
        """Return what the configuration file says below `services.<name>`; `UsageError` names what is wrong."""
        return typed(declared, self.settings.services.get(self.name, {}), f"services.{self.name}")

    def zookeeper(self, session_timeout: float = 6.0) -> Client:
        """Return a client of ZooKeeper for the service alone, not connected yet; the service closes it.

        `session_timeout` is in seconds. What needs no session of its own can use `coordination.client`.
        """
        return Client(self.settings.zookeeper, session_timeout)

    def leadership(self, changed: Callable[[Lease | None], None]) -> Leadership:
        """Return a candidacy, to be started and stopped: one of the nodes that run this service leads it."""
        return Leadership(self.coordination, self.name, changed, self.crashed)

    def ownership(self, acquired: Callable[[Lease], None], lost: Callable[[Lease], None]) -> Ownership:
        """Return a share in the service's items, to be started and stopped: each is held by one node."""
        return Ownership(self.coordination, self.name, acquired, lost, self.crashed)

    def execute(self, command: Command, reason: str | None = None, *, command_id: str | None = None) -> Result:
        """Run a command on the log, in the name of the service, and wait until it is durable.

        With a command id that follows from what is decided, several daemons that decide the same do it once. The feed
        may take a moment to get there: `feed.reach(result.position, …)`. Raises as `Store.execute`.
        """
        context = CommandContext(actor=actor(), channel=f"service:{self.name}", reason=reason, command_id=command_id)
        return self.writer.execute(command, context)

    def log(self, level: int, message: str, **fields: Any) -> None:
        """Write one line into the daemon's journal, as `journal.note`."""
        logfmt.log(level, message, service=self.name, **fields)
