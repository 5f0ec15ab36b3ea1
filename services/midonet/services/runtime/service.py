"""Base class of services. A service is a class named by an entry point of the group `midonet.services`.

Add-ons are installed with pip and found by the same entry points as the built-in services:

    [project.entry-points."midonet.services"]
    greeter = "my_package:Greeter"

A service stores no state of record: it follows the log and can be stopped and restarted at any moment. One thread
calls it; `health`, `projections` and `details` may be called by any thread.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct

from midonet.services.runtime.context import Context
from midonet.services.runtime.hosted_projection import HostedProjection
from midonet.services.settings import Settings

GROUP = "midonet.services"
"""Entry-point group of services; the name of an entry point is the name of the service."""


class Health(Struct, frozen=True):
    """Whether a service works at present; `reason` says why not."""

    ok: bool = True
    reason: str | None = None


class Service(ABC):
    """One service of the cluster; every start creates a new instance."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Names of services that must run before this one starts."""

    early: ClassVar[bool] = False
    """Whether it starts before the log has been read; an early service cannot be disabled by a command."""

    keeps_views: ClassVar[bool] = False
    """Whether it runs projections. Other services start after the first synchronisation of the views."""

    settings: ClassVar[type[Struct] | None] = None
    """Type of the settings below `services.<name>`, checked when the daemon starts."""

    @classmethod
    def disabled_reason(cls, settings: Settings) -> str | None:
        """Return why the daemon's settings disable this service; None if they do not."""
        del settings
        return None

    def __init__(self, context: Context) -> None:
        self.context = context

    @abstractmethod
    def start(self) -> None:
        """Start and return; retry servers that cannot be reached instead of raising."""

    @abstractmethod
    def stop(self) -> None:
        """Stop all threads and release connections, also after a failed start; remove nothing from any target."""

    def health(self) -> Health:
        """Return whether it works; raise if it cannot recover: the supervisor then restarts it."""
        return Health()

    def projections(self) -> Sequence[HostedProjection]:
        """Return the projections that it runs."""
        return ()

    def details(self) -> Mapping[str, Any]:
        """Return further state as JSON values, shown by `/status` under the name of the service."""
        return {}


class ProjectionService(Service):
    """A service that only runs one projection, made by its constructor; stopping it does not change the target."""

    hosted: HostedProjection

    def start(self) -> None:
        """Start to update the target; retry until it is available."""
        self.hosted.start()

    def stop(self) -> None:
        """Stop to update it."""
        self.hosted.stop()

    def projections(self) -> Sequence[HostedProjection]:
        """Return the projection."""
        return (self.hosted,)
