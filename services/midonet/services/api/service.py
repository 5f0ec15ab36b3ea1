"""The service `api`: the REST API on the daemon's own port.

It borrows the port, serves the daemon's pages along with everything else, and gives the port back when it ends. So one
address is all that anybody needs to know, and health is told even while the API is not there.
"""

import asyncio
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.util import find_spec
from threading import Event, Thread
from typing import TYPE_CHECKING

from midonet.services.runtime.context import Context
from midonet.services.runtime.service import Health, Service
from midonet.services.settings import Settings, auth_unset_reason

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from midonet.services.api.server.uvicorn_server import Server


_THREADS = 16
"""Reads and submissions at the same time; what waits for its turn costs little."""
_GRACE_SECONDS = 2
"""For requests that are being answered when the service ends."""
_LOST_MILLISECONDS = 60_000
"""A client that acknowledges nothing for so long is gone."""
_BACKLOG = 2_048
_EXPOSED_HEADERS = ("ETag", "Link", "Location", "Midonet-Position", "Retry-After")
"""Headers of answers that a page of another origin may read."""
_MAX_MESSAGE = 4_096
"""Bytes of what a WebSocket's client says, to which nobody listens."""
_LIBRARIES = ("starlette", "uvicorn")


class ApiService(Service):
    """Serves from a thread with an event loop of its own."""

    @classmethod
    def disabled_reason(cls, settings: Settings) -> str | None:
        """Return why there is no API: its libraries are missing, or nobody said who may use it. All else works."""
        missing = [name for name in _LIBRARIES if find_spec(name) is None]
        if missing:
            return f"not installed: {', '.join(missing)} (pip install midonet[cluster])"
        return auth_unset_reason(settings)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        from midonet.services.api.node import Node

        self.node = Node(context)
        self._stopping = Event()
        self._server: Server | None = None
        self._thread = Thread(target=self._run, name="api", daemon=True)

    def start(self) -> None:
        """Begin to serve once the log was read to its end: before, objects would seem not to be there."""
        self._thread.start()

    def stop(self) -> None:
        """Let answers that are being given end, and give the port back."""
        self._stopping.set()
        server = self._server
        if server is not None:
            server.end()
        if self._thread.is_alive():
            self._thread.join()

    def health(self) -> Health:
        """It works once it has the port."""
        server = self._server
        serving = server is not None and server.started
        return Health() if serving else Health(ok=False, reason="the log has not been read yet")

    def _run(self) -> None:
        try:
            self.context.feed.caught_up(self._stopping.is_set)
            if not self._stopping.is_set():
                self.context.writer.prepare()
                self._serve()
        except Exception as error:  # noqa: BLE001 - whatever it is, the service can be made anew
            self.context.crashed(error)
        finally:
            self.context.endpoint.http.take_back()

    def _serve(self) -> None:
        config = self._config()
        listener = self.context.endpoint.http.lend()
        with suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _LOST_MILLISECONDS)
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(self._until_stopped(config, listener))

    async def _until_stopped(self, config: "uvicorn.Config", listener: socket.socket) -> None:
        from midonet.services.api.server.uvicorn_server import Server

        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "api"))
        self.node.start()
        try:
            self._server = Server(config, on_shutdown=self.node.hub.stop)
            if self._stopping.is_set():  # it was set before there was anybody to tell
                self._server.end()
            await self._server.serve(sockets=[listener])
        finally:
            self.node.hub.stop()
            await asyncio.to_thread(self.node.stop)

    def _application(self) -> "ASGIApp":
        """Return what is served; where it is wished, pages of other origins may ask it from a browser."""
        from midonet.services.api.app import Application

        served, origins = Application(self.node), self.context.settings.cors_origins
        if not origins:
            return served
        from starlette.middleware.cors import CORSMiddleware

        methods, allowed = ("GET", "POST", "PATCH", "PUT", "DELETE"), origins.split(",")
        return CORSMiddleware(served, allowed, methods, ("*",), expose_headers=_EXPOSED_HEADERS)

    def _config(self) -> "uvicorn.Config":
        import uvicorn

        from midonet.services.api.server.uvicorn_connection import Connection

        tls = self.context.endpoint.http.tls
        return uvicorn.Config(
            self._application(),
            lifespan="off",
            log_config=None,
            log_level=logging.CRITICAL,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ssl_context_factory=(lambda *_: tls.context()) if tls is not None else None,
            http=Connection,
            ws_max_size=_MAX_MESSAGE,
        )
