"""What the daemon hands to every service: topology, settings, a way to write, and one to say that a thread died."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from midonet.events.command import Command
from midonet.events.log import store
from midonet.events.log.store import Result
from midonet.projections.feed import Feed
from midonet.services.http import HttpServer
from midonet.services.settings import Settings
from midonet.services.writer import Writer, actor

__all__ = ["Context"]


class Context(NamedTuple):
    """All that a service may use of its daemon."""

    settings: Settings
    feed: Feed
    """Follows the log; holds the current topology, and tells what changes."""
    crashed: Callable[[BaseException], None]
    """To be called by a thread of the service that cannot go on: the service is stopped and made anew."""
    http: HttpServer
    """The daemon's port; a service that serves more than the daemon's own pages borrows it."""
    status: Callable[[], Mapping[str, Any]]
    """What `/status` says."""
    name: str
    """What the service is called."""
    writer: Writer

    def execute(self, command: Command, reason: str | None = None, *, command_id: str | None = None) -> Result:
        """Run a command on the log, in the name of the service, and wait until it is durable.

        With a command id that follows from what is decided, several daemons that decide the same do it once. The feed
        may take a moment to get there: `feed.reach(result.position, …)`. Raises as `Store.execute`.
        """
        context = store.Context(actor=actor(), channel=f"service:{self.name}", reason=reason, command_id=command_id)
        return self.writer.execute(command, context)
