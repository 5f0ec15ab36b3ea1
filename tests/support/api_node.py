"""An API node of the test's own in this process: the real service on a real port, without the rest of a daemon."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

from waiting import eventually

from midonet.events.commit import GENESIS
from midonet.events.log import open_log
from midonet.events.log.store import Check
from midonet.projections.engine.feed import Feed
from midonet.projections.runtime.http_pages import HttpServer, Routes, Tls, json_page
from midonet.services.api.service import ApiService
from midonet.services.cluster.coordination import Coordination
from midonet.services.runtime.context import Context, HttpEndpoint
from midonet.services.runtime.service_metrics import ServiceMetrics
from midonet.services.runtime.writer import Writer
from midonet.services.settings import Settings
from midonet.services.telemetry.overview import Overview
from midonet.services.telemetry.status_document import status_document

__all__ = ["ApiNode"]


def _overview(log: str) -> Overview:
    """Return the state of a daemon without services."""
    return Overview(
        node="node",
        node_error=None,
        log=log,
        head=GENESIS,
        log_error=None,
        caught_up=True,
        services=(),
        projections=(),
        write_metrics=(),
    )


class ApiNode:
    """Serves the log at `log` from construction to `close`; `status` is what the daemon would say of itself.

    It has a session with ZooKeeper if the setting `zookeeper` is given.
    """

    def __init__(self, log: str, *, tls: Tls | None = None, **settings: Any) -> None:
        check: Check | None = settings.pop("check", None)
        self.settings = Settings(**{"log": log, "zookeeper": "127.0.0.1:1", **settings})
        self.log = log
        self.crashes: list[BaseException] = []
        self.status: Callable[[], Mapping[str, Any]] = partial(status_document, _overview(log))
        self.detailed: Routes = {"/healthz": lambda: json_page({"alive": True, "place": "192.0.2.1"})}
        self.feed = Feed(lambda: open_log(log), idle=0.1)
        self.writer = Writer(lambda: open_log(log), check=check)
        self.http = HttpServer("127.0.0.1:0", {"/healthz": lambda: json_page({"alive": True})}, tls)
        self.coordination = Coordination(self.settings.zookeeper, self.settings.root, "node")
        if "zookeeper" in settings:
            self.coordination.start()
            eventually(lambda: self.coordination.session is not None)
        self.context = self._context()
        self.service = ApiService(self.context)
        self.feed.start()
        self.service.start()
        eventually(lambda: self.service.health().ok or self.crashes)

    def _context(self) -> Context:
        return Context(
            settings=self.settings,
            feed=self.feed,
            crashed=self.crashes.append,
            endpoint=HttpEndpoint(self.http, lambda: self.status(), self.detailed),  # noqa: PLW0108 - a test may change it
            name="api",
            node="node",
            writer=self.writer,
            coordination=self.coordination,
            metrics=ServiceMetrics("api"),
        )

    @property
    def url(self) -> str:
        """Where it is."""
        return self.http.url

    def close(self) -> None:
        """Stop it."""
        self.service.stop()
        self.coordination.close()
        self.http.close()
        self.feed.stop()
        self.writer.close()
        assert self.crashes == []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
