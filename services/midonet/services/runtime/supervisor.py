"""Keeps one service alive: starts it, watches it, and makes it anew with capped back-off when it crashes.

Whatever a service does, it never takes the daemon down: its start and stop run in the keeper's thread, nobody waits for
them without a limit, and every error ends here as a line in the journal and a reason in the status.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from threading import Event, Thread
from time import monotonic
from typing import Any, Literal, NamedTuple, TypeVar

from msgspec import Struct

from midonet.events.backoff import Backoff
from midonet.events.errors import MidonetError, Misconfigured
from midonet.projections.runtime import logfmt
from midonet.services.runtime.context import Context
from midonet.services.runtime.hosted_projection import HostedProjection
from midonet.services.runtime.service import Service

START_SECONDS = 15.0
"""A service that has not started by then counts as failed, though it may still come."""

_HEALTH_SECONDS = 1.0
_FIRST_RESTART, _LAST_RESTART = 1.0, 60.0

T = TypeVar("T")
Stage = Literal["waiting", "starting", "running", "failed", "disabled", "stopping", "stopped"]


class StartBlocked(NamedTuple):
    """Why a service is not to run at the moment."""

    state: Stage
    reason: str


class ServiceStatus(Struct, frozen=True):
    """What a keeper knows of its service."""

    name: str
    state: Stage
    """`waiting` for the log or a service that it needs; `failed` until the next attempt; `disabled` by somebody."""
    healthy: bool
    """Whether it does its work, or has none to do: it is disabled."""
    reason: str | None = None
    """Why it is not healthy, or disabled."""
    restarts: int = 0
    last_error: str | None = None


def describe(error: BaseException) -> str:
    """Return an error in one line: its message if it is ours, else what and where it was."""
    if isinstance(error, MidonetError):
        return error.message
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace is not None else ""
    return f"{type(error).__name__}: {error}{place}"


class Supervisor:
    """One service and the thread that looks after it.

    `load` returns its class, `context` makes its context from the function that reports a crash, `supervisors` are all
    keepers by name, for the services that it needs; `blocked` says why it is not to run now, if so.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], type[Service]],
        context: Callable[[Callable[[BaseException], None]], Context],
        supervisors: Mapping[str, "Supervisor"],
        blocked: Callable[[type[Service]], StartBlocked | None] = lambda _: None,
    ) -> None:
        self.name = name
        self.running = Event()
        self._load = load
        self._context = context
        self._supervisors = supervisors
        self._blocked = blocked
        self._stopping = Event()
        self._wake = Event()
        self._crash: BaseException | None = None
        self._thread: Thread | None = None
        self._cls: type[Service] | None = None
        self._service: Service | None = None
        self._state: Stage = "stopped"
        self._since = monotonic()
        self._reason: str | None = None
        self._run_number = 0
        self._restarts = 0
        self._last_error: str | None = None

    def start(self) -> None:
        """Begin to keep the service running."""
        self._stopping.clear()
        self._thread = Thread(target=self._run, name=f"service-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the service to end; `join` waits for it."""
        self._stopping.set()
        self._wake.set()

    def wake(self) -> None:
        """Let it look again whether the service is to run; called by any thread."""
        self._wake.set()

    def join(self, seconds: float) -> bool:
        """Return whether the service ended within so many seconds."""
        if self._thread is not None:
            self._thread.join(seconds)
        return not self.alive

    @property
    def alive(self) -> bool:
        """Whether the keeper is at work."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def views_ready(self) -> bool:
        """Whether it is known that its service keeps no views, or they are as they should be, or in trouble."""
        cls = self._cls
        if self._restarts or cls is None:
            return self._restarts > 0
        return not cls.keeps_views or (
            self.status().healthy and all(each.initial_sync_over for each in self.projections())
        )

    def status(self) -> ServiceStatus:
        """Return how the service is now."""
        reason = self._problem()
        healthy = reason is None or self._state == "disabled"
        return ServiceStatus(self.name, self._state, healthy, reason, self._restarts, self._last_error)

    def projections(self) -> Sequence[HostedProjection]:
        """Return the projections that the service keeps, if it runs."""
        service = self._service
        return self._ask(service.projections, ()) if service is not None else ()

    def details(self) -> Mapping[str, Any]:
        """Return what the service has to say of itself, if it runs."""
        service = self._service
        return self._ask(service.details, {}) if service is not None else {}

    def _ask(self, ask: Callable[[], T], nothing: T) -> T:
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - an add-on's fault is its own
            self._record_crash(error)
            return nothing

    def _problem(self) -> str | None:
        if self._state == "starting" and monotonic() - self._since > START_SECONDS:
            return f"has not started within {START_SECONDS:.0f} s"
        service = self._service
        if self._state == "running" and service is not None:
            return self._health_problem(service)
        return self._reason or f"is {self._state}"

    def _health_problem(self, service: Service) -> str | None:
        """Ask the service how it is; a service that cannot even answer has crashed."""
        try:
            health = service.health()
        except BaseException as error:  # noqa: BLE001 - as in _run
            self._record_crash(error)
            return describe(error)
        return None if health.ok else health.reason or "is not healthy"

    def _set_state(self, state: Stage, reason: str | None = None) -> None:
        self._state, self._since, self._reason = state, monotonic(), reason
        logfmt.log(logging.DEBUG, f"service {state}", service=self.name, reason=reason)

    def _run(self) -> None:
        backoff = Backoff(_FIRST_RESTART, _LAST_RESTART)
        while not self._stopping.is_set():
            begun = monotonic()
            try:
                self._run_once()
            except BaseException as error:  # noqa: BLE001 - a service may fail in any way; its keeper may not
                if monotonic() - begun > _LAST_RESTART:
                    backoff.reset()
                self._record_failure(error, delay := backoff.next())
                self._stopping.wait(delay)
        self._set_state("stopped")

    def _run_once(self) -> None:
        """Run one life of the service, to its end by `stop` or by an exception."""
        self._crash = None
        self._run_number += 1
        self._set_state("starting")
        cls = self._cls = self._load()
        if not (self._wait_until_allowed(cls) and self._wait_for_services(cls.needs)):
            return
        service = cls(self._context(partial(self._report_crash, self._run_number)))
        try:
            service.start()
            self._service = service
            self._watch(cls, service)
        finally:
            self._service = None
            self.running.clear()
            with suppress(Exception):  # it ends either way; what broke it matters more than what broke while it ended
                service.stop()

    def _wait_until_allowed(self, cls: type[Service]) -> bool:
        """Return whether it is to run; if not, the daemon ends."""
        while (block := self._blocked(cls)) is not None and not self._stopping.is_set():
            if (block.state, block.reason) != (self._state, self._reason):
                self._set_state(*block)
            self._wake.wait(_HEALTH_SECONDS)
            self._wake.clear()
        return not self._stopping.is_set()

    def _wait_for_services(self, needs: Sequence[str]) -> bool:
        """Return whether the services that are needed run; if not, there is no more need for this one."""
        for need in needs:
            if need not in self._supervisors:
                raise Misconfigured(f"needs the service {need}, which is not installed", needs=need)
            self._set_state("waiting", f"waits for the service {need}")
            while not self._supervisors[need].running.wait(_HEALTH_SECONDS):
                if self._stopping.is_set():
                    return False
        self._set_state("starting")
        return True

    def _watch(self, cls: type[Service], service: Service) -> None:
        self._set_state("running")
        self.running.set()
        while not (self._stopping.is_set() or self._blocked(cls)):
            self._wake.clear()
            if self._crash is not None:
                raise self._crash
            self._health_problem(service)
            self._wake.wait(_HEALTH_SECONDS)
        self._set_state("stopping")

    def _report_crash(self, run_number: int, error: BaseException) -> None:
        """Take a crash seriously if it is of the present life: threads of an earlier one may come late."""
        if run_number == self._run_number:
            self._record_crash(error)

    def _record_crash(self, error: BaseException) -> None:
        self._crash = error
        self._wake.set()

    def _record_failure(self, error: BaseException, delay: float) -> None:
        self._restarts += 1
        self._last_error = describe(error)
        self._set_state("failed", self._last_error)
        logfmt.log(logging.ERROR, "service crashed", service=self.name, error=self._last_error)
        logfmt.log(logging.DEBUG, "service is made anew", service=self.name, after=f"{delay:.1f}s")
        logging.getLogger("midonet").debug("traceback", exc_info=error)
