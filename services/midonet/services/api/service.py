"""The service `api`: the REST API on the daemon's own port.

It takes over the listening socket of the daemon's page server, serves the daemon's pages as well, and returns the
socket when it stops. So the daemon needs one address, and serves its health also while the API is down.
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
"""Concurrent reads and submissions; further ones wait in a queue."""
_GRACE_SECONDS = 2
"""Time for requests in progress when the service stops."""
_LOST_MILLISECONDS = 60_000
"""TCP_USER_TIMEOUT: a client that acknowledges nothing for so long is disconnected."""
_BACKLOG = 2_048
_EXPOSED_HEADERS = ("ETag", "Link", "Location", "Midonet-Position", "Retry-After")
"""Response headers that a page of another origin may read (CORS)."""
_MAX_MESSAGE = 4_096
"""Maximum size in bytes of a WebSocket message from a client; its content is ignored."""
_LIBRARIES = ("starlette", "uvicorn")


class ApiService(Service):
    """Serves the API from a thread with its own event loop."""

    @classmethod
    def disabled_reason(cls, settings: Settings) -> str | None:
        """Return why the API is not available: missing libraries, or no `auth` for a public address; else None."""
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
        """Start to serve once the feed has caught up: before, existing objects would be answered with 404."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the requests in progress and return the socket."""
        self._stopping.set()
        server = self._server
        if server is not None:
            server.end()
        if self._thread.is_alive():
            self._thread.join()

    def health(self) -> Health:
        """The service is healthy once it serves."""
        server = self._server
        serving = server is not None and server.started
        return Health() if serving else Health(ok=False, reason="the log is still being read")

    def _run(self) -> None:
        try:
            self.context.feed.wait_until_read(self._stopping.is_set)
            if not self._stopping.is_set():
                self.context.writer.prepare()
                self._serve()
        except Exception as error:  # noqa: BLE001 - the supervisor restarts the service
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
            if self._stopping.is_set():  # set before the server existed
                self._server.end()
            await self._server.serve(sockets=[listener])
        finally:
            self.node.hub.stop()
            await asyncio.to_thread(self.node.stop)

    def _application(self) -> "ASGIApp":
        """Return the application, with CORS if `cors_origins` is set."""
        from midonet.services.api.app import Application

        served, origins = Application(self.node), self.context.settings.cors_origins
        if not origins:
            return served
        from starlette.middleware.cors import CORSMiddleware

        methods, allowed = ("GET", "POST", "PATCH", "PUT", "DELETE"), origins.split(",")
        return CORSMiddleware(served, allowed, methods, ("*",), expose_headers=_EXPOSED_HEADERS)

    def _config(self) -> "uvicorn.Config":
        import uvicorn

        from midonet.services.api.server.uvicorn_connection import KEEP_ALIVE_SECONDS, Connection

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
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ssl_context_factory=(lambda *_: tls.context()) if tls is not None else None,
            http=Connection,
            ws_max_size=_MAX_MESSAGE,
        )
