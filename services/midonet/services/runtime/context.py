"""The context that the daemon gives to every service: topology, settings, writer, coordination and metrics."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct

from midonet.events.commands.command import Command
from midonet.events.config.settings import typed
from midonet.events.log.pending_command import Context as CommandContext
from midonet.events.log.pending_command import Result
from midonet.projections.engine.feed import Feed
from midonet.projections.runtime import logfmt
from midonet.projections.runtime.http_pages import HttpServer, Routes
from midonet.projections.zookeeper import Client
from midonet.services.cluster.coordination import Coordination, Lease
from midonet.services.cluster.leases import Leadership, Ownership
from midonet.services.runtime.service_metrics import ServiceMetrics
from midonet.services.runtime.writer import Writer, actor
from midonet.services.settings import Settings

S = TypeVar("S", bound=Struct)


class HttpEndpoint(NamedTuple):
    """The daemon's HTTP server and its status document."""

    http: HttpServer
    """Listens on the daemon's port; a service may take over the port."""
    status: Callable[[], Mapping[str, Any]]
    """Returns the document of `/status`."""
    detailed: Routes
    """Pages with details for authenticated callers, in place of those of the same path."""


class Context(NamedTuple):
    """The interface of the daemon towards a service."""

    settings: Settings
    feed: Feed
    """Follows the log; holds the current topology and publishes its changes."""
    crashed: Callable[[BaseException], None]
    """Reports an error that a thread of the service cannot handle; the supervisor restarts the service."""
    endpoint: HttpEndpoint
    """HTTP server and status of the daemon."""
    name: str
    """Name of the service."""
    node: str
    """Name of this node in the cluster."""
    writer: Writer
    """Writes commands to the log; `execute` does so in the name of the service."""
    coordination: Coordination
    metrics: ServiceMetrics
    """Counters and gauges of the service, exported at `/metrics`."""

    def config(self, declared: type[S]) -> S:
        """Return the settings below `services.<name>` of the configuration file. Raises `UsageError`."""
        return typed(declared, self.settings.services.get(self.name, {}), f"services.{self.name}")

    def zookeeper(self, session_timeout: float = 6.0) -> Client:
        """Return a new ZooKeeper client, not connected yet; the service closes it.

        `session_timeout` is in seconds. A service that needs no session of its own uses `coordination.client`.
        """
        return Client(self.settings.zookeeper, session_timeout)

    def leadership(self, changed: Callable[[Lease | None], None]) -> Leadership:
        """Return a candidate for leadership of this service, not started; one node of the cluster leads."""
        return Leadership(self.coordination, self.name, changed, self.crashed)

    def ownership(self, acquired: Callable[[Lease], None], lost: Callable[[Lease], None]) -> Ownership:
        """Return the leases of this node on the service's items, not started; one node holds each item."""
        return Ownership(self.coordination, self.name, acquired, lost, self.crashed)

    def execute(self, command: Command, reason: str | None = None, *, command_id: str | None = None) -> Result:
        """Run a command in the name of the service and wait until it is durable.

        A command id derived from the decision makes the command idempotent across daemons. The feed may be behind the
        result: `feed.reach(result.position, …)` waits for it. Raises as `Store.execute`.
        """
        context = CommandContext(actor=actor(), channel=f"service:{self.name}", reason=reason, command_id=command_id)
        return self.writer.execute(command, context)

    def log(self, level: int, message: str, **fields: Any) -> None:
        """Write one line into the daemon's journal, as `journal.note`."""
        logfmt.log(level, message, service=self.name, **fields)
