"""The services of this node: found through their entry points, each with its keeper, run as operators want it.

What operators want is on the log (`midoctl service disable`), so it holds on every node and is obeyed within seconds.
A package that is installed while the daemon runs is found as well.
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
"""Time between two looks for packages that were installed meanwhile."""

_SEARCH_SECONDS = 60.0
"""Time after which they are looked for though no folder changed in which packages are."""

_VIEWS_SECONDS = 2.0
"""For which all else leaves the processor to the views when a daemon begins."""

_CHECK_SECONDS = 0.02
"""Seconds between two looks whether the views are there."""


class _NoSettings(Struct):
    """The settings of a service that declares none."""


class ServiceRegistry:
    """All services and their keepers; `caught_up` tells that the log has been read once."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that it hands to services
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
        """Return the keepers of services that were found just now."""
        if monotonic() - self._polled_at < _POLL_SECONDS or not self._search_due():
            return []
        return [self._add(entry) for entry in entry_points(group=GROUP) if entry.name not in self.supervisors]

    def _search_due(self) -> bool:
        """Return whether something may have been installed: to find out costs milliseconds."""
        before, self._modified = self._modified, _modification_times()
        due = self._modified != before or self._search_again or monotonic() - self._searched_at > _SEARCH_SECONDS
        self._polled_at = monotonic()
        self._search_again = self._modified != before  # what was just begun may not have been complete
        self._searched_at = self._polled_at if due else self._searched_at
        return due

    @property
    def views_ready(self) -> bool:
        """Whether all services may run."""
        return self._views_ready.is_set()

    def wake(self) -> None:
        """Let all keepers look again whether their services are to run."""
        for supervisor in list(self.supervisors.values()):
            supervisor.wake()

    def wait_for_views(self, stopped: Callable[[], bool]) -> None:
        """Wait until the views are as the log says, or cannot be so soon; then let the other services start, too."""
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
        """Return why a service is not to run now."""
        if (reason := cls.disabled_reason(self._settings)) is not None:
            return StartBlocked("disabled", reason)
        if not self._caught_up.is_set():
            return None if cls.early else StartBlocked("waiting", "waits for the log to be read")
        if not runs(self._feed.noted, name, self._coordination.node):
            return StartBlocked(
                "disabled",
                f"disabled by a command: `midoctl service enable {name}{self._node_option(name)}` enables it",
            )
        if not (cls.keeps_views or cls.early or self._views_ready.is_set()):
            return StartBlocked("waiting", "waits for the views")
        return None

    def _node_option(self, name: str) -> str:
        """Return the option that names this node, if it has a word of its own."""
        node = self._coordination.node
        return f" --node {node}" if ServiceControl(name, node).key in self._feed.noted else ""


def _modification_times() -> list[float]:
    """Return when the folders changed in which packages are installed."""
    return [Path(place).stat().st_mtime for place in sys.path if Path(place).is_dir()]


def _check(settings: Settings, found: Mapping[str, EntryPoint]) -> None:
    """Raise `UsageError` for settings of services that do not exist, and for keys that a service does not know."""
    for name, values in settings.services.items():
        if name not in found:
            raise UsageError(
                f"services: there is no service {name!r}; installed are {', '.join(sorted(found)) or 'none'}", name=name
            )
        try:
            declared = found[name].load().settings
        except Exception as error:  # noqa: BLE001 - an add-on's fault is its own: its keeper reports it
            logfmt.log(logging.DEBUG, "service cannot be loaded", service=name, error=repr(error))
            continue
        typed(declared or _NoSettings, values, f"services.{name}")
