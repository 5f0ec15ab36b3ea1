"""What a service is: a small class behind an entry point of the group `midonet.services`.

An add-on is installed with pip and found through the same door as the services that come with the daemon:

    [project.entry-points."midonet.services"]
    greeter = "my_package:Greeter"

A service owns no truth: it follows the log, keeps views or controls something, and can be stopped and made anew at
any moment. It is called by one thread of its own; `health` and `projections` also by others.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from msgspec import Struct

from midonet.services.runtime.context import Context
from midonet.services.runtime.hosted_projection import HostedProjection
from midonet.services.settings import Settings

GROUP = "midonet.services"
"""The entry points of services: the name of each is the name of the service."""


class Health(Struct, frozen=True):
    """Whether a service does its work at the moment; `reason` says why not."""

    ok: bool = True
    reason: str | None = None


class Service(ABC):
    """One service of the cluster, made anew for every life."""

    needs: ClassVar[tuple[str, ...]] = ()
    """Names of services that are started before this one."""

    early: ClassVar[bool] = False
    """Whether it starts before the log has been read, and so before it is known whether somebody disabled it."""

    keeps_views: ClassVar[bool] = False
    """Whether it keeps views: the others start only when those are as they should be, or cannot be so soon."""

    settings: ClassVar[type[Struct] | None] = None
    """What may be set below `services.<name>`; it is checked when the daemon begins."""

    @classmethod
    def disabled_reason(cls, settings: Settings) -> str | None:
        """Return why the daemon's settings leave this service out; None if they do not."""
        del settings
        return None

    def __init__(self, context: Context) -> None:
        self.context = context

    @abstractmethod
    def start(self) -> None:
        """Begin to work and return; what cannot be reached yet is no reason to fail, but to try for ever."""

    @abstractmethod
    def stop(self) -> None:
        """End all threads and release connections; remove nothing that outsiders see. Also after a failed start."""

    def health(self) -> Health:
        """Return whether it does its work; raise if it never will again: it is then stopped and made anew."""
        return Health()

    def projections(self) -> Sequence[HostedProjection]:
        """Return the projections that it keeps at the moment."""
        return ()

    def details(self) -> Mapping[str, Any]:
        """Return what else it has to say of itself, as JSON values: `/status` shows it under the service's name."""
        return {}
