"""What the daemon hands to every service: the log's topology, its settings, and a way to say that a thread died."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from midonet.projections.feed import Feed
from midonet.services.http import HttpServer
from midonet.services.settings import Settings

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
