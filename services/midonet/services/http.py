"""A few read-only pages over HTTP: what orchestrators and Prometheus ask a daemon for.

It serves what it is given and knows no page itself; a page that fails is an answer 500, never the end of the daemon.
"""

import logging
import socket
import socketserver
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

from midonet.events.commit import canonical
from midonet.events.errors import Unavailable
from midonet.events.settings import split_host_port
from midonet.services.journal import note

__all__ = ["HttpServer", "Page", "Routes", "json_page", "problem"]

_CLIENT_SECONDS = 10
"""A client that says nothing for so long is let go."""


class Page(NamedTuple):
    """What a route answers."""

    body: bytes
    content_type: str
    status: HTTPStatus = HTTPStatus.OK


Routes = Mapping[str, Callable[[], Page]]


def json_page(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Page:
    """Return a value as a page."""
    return Page(canonical(value) + b"\n", "application/json", status)


def problem(status: HTTPStatus, message: str) -> Page:
    """Return an error as a page, in the form of contract §2."""
    code = status.phrase.lower().replace(" ", "-")
    return json_page({"error": {"code": code, "message": message, "details": {}}}, status)


class HttpServer:
    """Serves routes from a thread of its own, from construction to `close`; `Unavailable` if it cannot listen."""

    def __init__(self, address: str, routes: Routes) -> None:
        host, port = split_host_port(address)
        try:
            self._server = _Listener(host, port, routes)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Unavailable(f"cannot serve HTTP on {address}: {reason}", address=address) from None
        self._thread = Thread(target=self._server.serve_forever, name="http", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address that was bound, with the port that was chosen."""
        host, port = self._server.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"

    @property
    def alive(self) -> bool:
        """Whether it still accepts requests."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop listening; answers that are being given may not end."""
        self._server.shutdown()
        self._server.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, routes: Routes) -> None:
        self.routes = routes
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking the name service for our own name, which may take long."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep silent: the client went away."""


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    timeout = _CLIENT_SECONDS
    server_version = "midonet"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the page."""
        page = self._page()
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    do_HEAD = do_GET  # noqa: N815 - as do_GET

    def _page(self) -> Page:
        path = self.path.partition("?")[0]
        route = self.server.routes.get(path)
        if route is None:
            return problem(HTTPStatus.NOT_FOUND, f"there is no {path}; there are {', '.join(self.server.routes)}")
        try:
            return route()
        except Exception as error:  # noqa: BLE001 - whatever it is, the daemon goes on
            note(logging.ERROR, "page failed", path=path, error=repr(error))
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the page failed; the daemon's log says why")

    def log_message(self, *_: Any) -> None:
        """Keep silent: probes come every few seconds."""
