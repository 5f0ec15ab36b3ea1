"""Starts one service, watches it, and restarts it with exponential back-off when it crashes.

A service cannot stop the daemon: its start and stop run in the supervisor's thread, every wait for them has a limit,
and every error ends here as a log line and a reason in the status.
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
"""Seconds after which a service that has not started is reported as unhealthy."""

_HEALTH_SECONDS = 1.0
_FIRST_RESTART, _LAST_RESTART = 1.0, 60.0

T = TypeVar("T")
Stage = Literal["waiting", "starting", "running", "failed", "disabled", "stopping", "stopped"]


class StartBlocked(NamedTuple):
    """Why a service may not run now."""

    state: Stage
    reason: str


class ServiceStatus(Struct, frozen=True):
    """State of one service."""

    name: str
    state: Stage
    """`waiting` for the log or for another service; `failed` until the next attempt; `disabled` by a setting or a
    command."""
    healthy: bool
    """Whether it works, or is disabled."""
    reason: str | None = None
    """Why it is unhealthy or disabled."""
    restarts: int = 0
    last_error: str | None = None


def describe(error: BaseException) -> str:
    """Return an error in one line: the message of a `MidonetError`, else type, text, file and line."""
    if isinstance(error, MidonetError):
        return error.message
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_filename}:{trace.tb_lineno})" if trace is not None else ""
    return f"{type(error).__name__}: {error}{place}"


class Supervisor:
    """One service and the thread that runs it.

    `load` returns its class. `context` makes its context from the function that reports a crash. `supervisors` are
    all supervisors by name. `blocked` returns why the service may not run now.
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
        """Start the thread that keeps the service running."""
        self._stopping.clear()
        self._thread = Thread(target=self._run, name=f"service-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the service to stop; `join` waits for it."""
        self._stopping.set()
        self._wake.set()

    def wake(self) -> None:
        """Check again whether the service may run; any thread may call this."""
        self._wake.set()

    def join(self, seconds: float) -> bool:
        """Return whether the service stopped within so many seconds."""
        if self._thread is not None:
            self._thread.join(seconds)
        return not self.alive

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def views_ready(self) -> bool:
        """Whether other services need not wait: this one has no views, or has synchronised them, or has failed."""
        cls = self._cls
        if self._restarts or cls is None:
            return self._restarts > 0
        return not cls.keeps_views or (
            self.status().healthy and all(each.initial_sync_over for each in self.projections())
        )

    def status(self) -> ServiceStatus:
        """Return the current state."""
        reason = self._problem()
        healthy = reason is None or self._state == "disabled"
        return ServiceStatus(self.name, self._state, healthy, reason, self._restarts, self._last_error)

    def projections(self) -> Sequence[HostedProjection]:
        """Return the projections of the service; empty if it does not run."""
        service = self._service
        return self._ask(service.projections, ()) if service is not None else ()

    def details(self) -> Mapping[str, Any]:
        """Return the details of the service; empty if it does not run."""
        service = self._service
        return self._ask(service.details, {}) if service is not None else {}

    def _ask(self, ask: Callable[[], T], nothing: T) -> T:
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 - an add-on may raise anything; it must not stop the daemon
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
        """Return why the service is unhealthy; a service whose `health` raises has crashed."""
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
            except BaseException as error:  # noqa: BLE001 - a service may raise anything; its supervisor must go on
                if monotonic() - begun > _LAST_RESTART:
                    backoff.reset()
                self._record_failure(error, delay := backoff.next())
                self._stopping.wait(delay)
        self._set_state("stopped")

    def _run_once(self) -> None:
        """Run one instance of the service until `stop` or an exception."""
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
            with suppress(Exception):  # the first error matters, not one of the clean-up
                service.stop()

    def _wait_until_allowed(self, cls: type[Service]) -> bool:
        """Wait until the service may run; return False if the daemon stops first."""
        while (block := self._blocked(cls)) is not None and not self._stopping.is_set():
            if (block.state, block.reason) != (self._state, self._reason):
                self._set_state(*block)
            self._wake.wait(_HEALTH_SECONDS)
            self._wake.clear()
        return not self._stopping.is_set()

    def _wait_for_services(self, needs: Sequence[str]) -> bool:
        """Wait for the services that this one needs; return False if the daemon stops first."""
        for need in needs:
            if need not in self._supervisors:
                raise Misconfigured(f"needs the service {need}, which is not installed", needs=need)
            self._set_state("waiting", f"waiting for the service {need}")
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
        """Record a crash of the current instance; ignore threads of an earlier one."""
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
        logfmt.log(logging.DEBUG, "service restarts", service=self.name, after=f"{delay:.1f}s")
        logging.getLogger("midonet").debug("traceback", exc_info=error)
