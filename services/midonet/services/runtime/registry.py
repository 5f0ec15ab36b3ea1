"""The services of this node: found by their entry points, each with a supervisor.

Services are enabled and disabled by commands on the log (`midoctl service disable`), which every node obeys within
seconds. Packages that are installed while the daemon runs are found too.
"""

import importlib
import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from threading import Event
from time import monotonic, sleep

from msgspec import Struct

from midonet.events.config.settings import typed
from midonet.events.errors import UsageError
from midonet.events.system.control import ServiceControl
from midonet.events.system.objects import runs
from midonet.projections.engine.feed import Feed
from midonet.projections.runtime import logfmt
from midonet.services.cluster.coordination import Coordination
from midonet.services.runtime.context import Context, HttpEndpoint
from midonet.services.runtime.service import GROUP, Service
from midonet.services.runtime.service_metrics import ServiceMetrics
from midonet.services.runtime.supervisor import StartBlocked, Supervisor
from midonet.services.runtime.writer import Writer
from midonet.services.settings import Settings

_POLL_SECONDS = 5.0
"""Seconds between two checks of the package folders."""

_SEARCH_SECONDS = 60.0
"""Seconds between two searches for entry points if no package folder changes."""

_VIEWS_SECONDS = 2.0
"""Longest time, in seconds, that other services wait for the views when the daemon starts."""

_CHECK_SECONDS = 0.02
"""Seconds between two checks of the views."""


class _NoSettings(Struct):
    """Settings of a service that declares none."""


class ServiceRegistry:
    """All services and their supervisors; `caught_up` is set when the log has been read once."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a Context
        self,
        settings: Settings,
        feed: Feed,
        writer: Writer,
        coordination: Coordination,
        caught_up: Event,
        endpoint: Callable[[], HttpEndpoint],
    ) -> None:
        self.supervisors: dict[str, Supervisor] = {}
        self.metrics: dict[str, ServiceMetrics] = {}
        self._settings = settings
        self._feed = feed
        self._writer = writer
        self._coordination = coordination
        self._caught_up = caught_up
        self._views_ready = Event()
        self._endpoint = endpoint
        self._polled_at = self._searched_at = monotonic()
        self._modified = _modification_times()
        self._search_again = True
        found = {entry.name: entry for entry in entry_points(group=GROUP)}
        _check(settings, found)
        for entry in found.values():
            self._add(entry)

    def poll(self) -> list[Supervisor]:
        """Add services that were installed meanwhile; return their supervisors."""
        if monotonic() - self._polled_at < _POLL_SECONDS or not self._search_due():
            return []
        return [self._add(entry) for entry in entry_points(group=GROUP) if entry.name not in self.supervisors]

    def _search_due(self) -> bool:
        """Return whether a package may have been installed: a search for entry points costs milliseconds."""
        before, self._modified = self._modified, _modification_times()
        due = self._modified != before or self._search_again or monotonic() - self._searched_at > _SEARCH_SECONDS
        self._polled_at = monotonic()
        self._search_again = self._modified != before  # the installation may not be complete
        self._searched_at = self._polled_at if due else self._searched_at
        return due

    @property
    def views_ready(self) -> bool:
        """Whether all services may run."""
        return self._views_ready.is_set()

    def wake(self) -> None:
        """Let all supervisors check again whether their services may run."""
        for supervisor in list(self.supervisors.values()):
            supervisor.wake()

    def wait_for_views(self, stopped: Callable[[], bool]) -> None:
        """Wait for the first synchronisation of the views, but not for long; then let the other services start."""
        self.wake()
        due = monotonic() + _VIEWS_SECONDS
        while (
            not stopped()
            and monotonic() < due
            and not all(supervisor.views_ready for supervisor in list(self.supervisors.values()))
        ):
            sleep(_CHECK_SECONDS)
        self._views_ready.set()
        self.wake()

    def _add(self, entry: EntryPoint) -> Supervisor:
        self.metrics[entry.name] = ServiceMetrics(entry.name)
        importlib.invalidate_caches()
        supervisor = Supervisor(
            entry.name,
            entry.load,
            partial(self._context, entry.name),
            self.supervisors,
            partial(self._blocked, entry.name),
        )
        self.supervisors[entry.name] = supervisor
        logfmt.log(logging.DEBUG, "service found", service=entry.name, where=entry.value)
        return supervisor

    def _context(self, name: str, crashed: Callable[[BaseException], None]) -> Context:
        return Context(
            settings=self._settings,
            feed=self._feed,
            crashed=crashed,
            endpoint=self._endpoint(),
            name=name,
            node=self._coordination.node,
            writer=self._writer,
            coordination=self._coordination,
            metrics=self.metrics[name],
        )

    def _blocked(self, name: str, cls: type[Service]) -> StartBlocked | None:
        """Return why a service may not run now; None if it may."""
        if (reason := cls.disabled_reason(self._settings)) is not None:
            return StartBlocked("disabled", reason)
        if not self._caught_up.is_set():
            return None if cls.early else StartBlocked("waiting", "waiting for the log to be read")
        if not runs(self._feed.system_objects, name, self._coordination.node):
            return StartBlocked(
                "disabled",
                f"disabled by a command: `midoctl service enable {name}{self._node_option(name)}` enables it",
            )
        if not (cls.keeps_views or cls.early or self._views_ready.is_set()):
            return StartBlocked("waiting", "waiting for the views")
        return None

    def _node_option(self, name: str) -> str:
        """Return the option that names this node if the service has a control for this node alone."""
        node = self._coordination.node
        return f" --node {node}" if ServiceControl(name, node).key in self._feed.system_objects else ""


def _modification_times() -> list[float]:
    """Return the modification times of the folders in which packages are installed."""
    return [Path(place).stat().st_mtime for place in sys.path if Path(place).is_dir()]


def _check(settings: Settings, found: Mapping[str, EntryPoint]) -> None:
    """Raise `UsageError` for settings of services that do not exist, and for unknown keys."""
    for name, values in settings.services.items():
        if name not in found:
            raise UsageError(
                f"services: there is no service {name!r}; installed are {', '.join(sorted(found)) or 'none'}", name=name
            )
        try:
            declared = found[name].load().settings
        except Exception as error:  # noqa: BLE001 - the supervisor of the service reports it
            logfmt.log(logging.DEBUG, "service cannot be loaded", service=name, error=repr(error))
            continue
        typed(declared or _NoSettings, values, f"services.{name}")
