"""Read-only pages over HTTP, for orchestrators and Prometheus: on a TCP port, with or without TLS, or a Unix socket.

The caller passes the pages in; one that raises is answered with status 500. A service may borrow the port to serve more
than these pages, as the API does, and gives it back when it ends.
"""

import logging
import socket
import socketserver
import ssl
from collections.abc import Callable, Container, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

from midonet.events.commit import canonical
from midonet.events.config.settings import split_host_port
from midonet.events.errors import Misconfigured, Unavailable
from midonet.projections.runtime import logfmt

_CLIENT_SECONDS = 10
"""Seconds without data after which a client is disconnected."""

_MAX_BODY = 1024 * 1024
_TICK = 0.1
"""Seconds between two checks whether to stop accepting requests."""


class Page(NamedTuple):
    """The response of a route."""

    body: bytes
    content_type: str
    status: HTTPStatus = HTTPStatus.OK


Routes = Mapping[str, Callable[[], Page]]
"""Path → page. A path that ends with a slash serves every path below it and every method."""


class Tls(NamedTuple):
    """PEM files with the certificate chain and the private key of the server."""

    certificate: str
    key: str | None
    clients_ca: str | None = None
    """PEM file with the CA of client certificates, which are optional."""

    def context(self) -> ssl.SSLContext:
        """Return the TLS context; `Misconfigured` if the files cannot be read or do not belong together."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise _no_tls(self.certificate, error) from None
        if self.clients_ca is not None:
            try:
                context.load_verify_locations(self.clients_ca)
            except (OSError, ssl.SSLError) as error:
                raise _no_tls(self.clients_ca, error) from None
            context.verify_mode = ssl.CERT_OPTIONAL
        return context


def _no_tls(file: str, error: OSError) -> Misconfigured:
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return Misconfigured(f"no TLS with {file}: {reason}", file=file)


def json_page(value: Any, status: HTTPStatus = HTTPStatus.OK) -> Page:
    """Return a page with a JSON value."""
    return Page(canonical(value) + b"\n", "application/json", status)


def _problem(status: HTTPStatus, message: str) -> Page:
    """Return a page with an error in the form of contract §2."""
    code = status.phrase.lower().replace(" ", "-")
    return json_page({"error": {"code": code, "message": message, "details": {}}}, status)


class HttpServer:
    """Serves routes on a thread of its own, from construction to `close`; `Unavailable` if it cannot listen.

    The address is `HOST:PORT`, or the path of a Unix socket. Paths that are `guarded` need authentication: they are
    served by the borrower of the port only.
    """

    def __init__(
        self, address: str | Path, routes: Routes, tls: Tls | None = None, guarded: Container[str] = frozenset()
    ) -> None:
        self.tls = tls
        self.routes = routes
        bound = split_host_port(address) if isinstance(address, str) else str(address)
        try:
            self._server = _Listener(bound, routes, tls.context() if tls is not None else None)
            self._server.guarded = guarded
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Unavailable(f"cannot serve HTTP on {address}: {reason}", address=address) from None
        self._closed = False
        self._serve()

    def _serve(self) -> None:
        self._thread = Thread(target=self._server.serve_forever, args=(_TICK,), name="http", daemon=True)
        self._thread.start()

    def lend(self) -> socket.socket:
        """Stop accepting requests and return the socket, on which the borrower answers until `take_back`.

        Clients that connect in between wait in the queue of the socket.
        """
        self._server.shutdown()
        self._thread.join()
        return self._server.socket.dup()

    def take_back(self) -> None:
        """Accept requests again."""
        if not (self._closed or self.alive):
            self._serve()

    @property
    def url(self) -> str:
        """The URL of a TCP address, with the port that was chosen."""
        host, port = self._server.server_address[:2]
        scheme = "https" if self.tls is not None else "http"
        return f"{scheme}://[{host!s}]:{port}" if ":" in str(host) else f"{scheme}://{host!s}:{port}"

    @property
    def port(self) -> int:
        """The TCP port that was chosen."""
        return int(self._server.server_address[1])

    @property
    def alive(self) -> bool:
        """Whether it accepts requests."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop listening; responses in progress may be cut off."""
        self._closed = True
        if self.alive:
            self._server.shutdown()
        self._server.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    guarded: Container[str] = frozenset()

    def __init__(self, address: tuple[str, int] | str, routes: Routes, tls: ssl.SSLContext | None) -> None:
        self.routes = routes
        self._tls = tls
        if isinstance(address, str):
            self.address_family = socket.AF_UNIX
        elif ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)  # type: ignore[arg-type]  # typeshed has TCP only

    def server_bind(self) -> None:
        """Bind without a look-up of our own host name, which may take long."""
        socketserver.TCPServer.server_bind(self)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Do the TLS handshake on the request's own thread, so that a silent client does not delay others."""
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        request.settimeout(_CLIENT_SECONDS)
        with self._tls.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: the client has disconnected."""


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    timeout = _CLIENT_SECONDS
    server_version = "midonet"
    sys_version = ""

    def do_GET(self) -> None:
        """Respond with the page."""
        self._read_body()
        page = self._page()
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - as do_GET

    def _read_body(self) -> None:
        """Read and drop the body: closing a socket with unread data may discard the response."""
        size = self.headers.get("Content-Length", "")
        if size.isascii() and size.isdigit():
            self.rfile.read(min(int(size), _MAX_BODY))

    def _page(self) -> Page:
        path = self.path.partition("?")[0]
        routes = self.server.routes
        below = next((key for key in routes if key.endswith("/") and f"{path}/".startswith(key)), path)
        route = routes.get(below)
        if route is not None and below == path and self.command not in ("GET", "HEAD"):
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, f"{self.command} is not offered here; there is GET")
        if route is None:
            return _problem(HTTPStatus.NOT_FOUND, f"there is no {path}; there are {', '.join(self.server.routes)}")
        if below in self.server.guarded:
            reason = f"{path} needs authentication, and the API is not available"
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, reason)
        try:
            return route()
        except Exception as error:  # noqa: BLE001 - a page that fails must not end the process
            logfmt.log(logging.ERROR, "page failed", path=path, error=repr(error))
            return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "the page failed; see the log")

    def log_message(self, *_: Any) -> None:
        """Log nothing: probes come every few seconds."""
