"""Where others ask the running agent: a Unix socket on this host, and HTTP where an operator wants it.

Both speak HTTP and serve the same pages: `/healthz`, `/readyz`, `/metrics` and, to this host alone, `/snapshot`. Only
the socket is found without any setting: `agent-<host-id>.sock` in a run directory, so several agents of one machine
keep apart.
"""

import os
import socket
import socketserver
import stat
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from tempfile import gettempdir
from threading import Event, Thread
from typing import Any, NamedTuple

from midonet.agent.status.status import Status, metrics, notes, reasons, report
from midonet.events.commit import canonical
from midonet.events.config.settings import is_loopback, split_host_port
from midonet.events.errors import Misconfigured, Unavailable

_CLIENT_SECONDS = 10
"""A client that says nothing for so long is let go; an agent that does not answer for so long is given up."""

_CLAIM_SECONDS = 1.0
"""How often an agent looks whether the socket that another one serves has become free."""

_MAX_SOCKET_PATH = 107
"""sockaddr_un (unix(7))."""

_WRITE_OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class _Page(NamedTuple):
    body: bytes
    content_type: str = "application/json"
    status: HTTPStatus = HTTPStatus.OK


def _ready(status: Status) -> _Page:
    found = reasons(status)
    body = canonical({"ready": not found, "reasons": found, "notes": notes(status)})
    return _Page(body, status=HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK)


_PAGES: Mapping[str, Callable[[Status], _Page]] = {
    "/healthz": lambda _: _Page(b'{"alive":true}'),
    "/readyz": _ready,
    "/metrics": lambda status: _Page(metrics(status).encode(), "text/plain; version=0.0.4"),
    "/snapshot": lambda status: _Page(canonical(report(status))),
}


_OWN = frozenset({"/snapshot"})
"""What names objects of tenants, and is for this host alone: HTTP knows nobody."""


class _Handler(BaseHTTPRequestHandler):
    server: "_TcpServer | _UnixServer"
    timeout = _CLIENT_SECONDS
    server_version = "midonet-agent"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with the page."""
        path = self.path.partition("?")[0]
        make = _PAGES.get(path) if self.server.alone or path not in _OWN else None
        page = make(self.server.status()) if make else _Page(b'{"error":"no such page"}', status=HTTPStatus.NOT_FOUND)
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    do_HEAD = do_GET  # noqa: N815 - as do_GET

    def log_message(self, *_: Any) -> None:
        """Keep silent: probes come every few seconds."""


class _Serving(socketserver.ThreadingMixIn):
    daemon_threads = True
    status: Callable[[], Status]
    alone = True
    """Whether only this host reaches it."""

    def handle_error(self, *_: Any) -> None:
        """Keep silent: the client went away."""


class _TcpServer(_Serving, socketserver.TCPServer):
    allow_reuse_address = True


class _TcpServer6(_TcpServer):
    address_family = socket.AF_INET6


class _UnixServer(_Serving, socketserver.UnixStreamServer):
    pass


def serve_http(address: str, status: Callable[[], Status]) -> int:
    """Serve on `HOST:PORT` until the process ends; return the port. Raises `Unavailable` if it cannot."""
    host, port = split_host_port(address)
    try:
        server = (_TcpServer6 if ":" in host else _TcpServer)((host, port), _Handler)
    except OSError as error:
        raise Unavailable(f"cannot serve HTTP on {address}: {error.strerror}", address=address) from None
    server.status = status
    server.alone = is_loopback(address)
    Thread(target=server.serve_forever, name="http", daemon=True).start()
    return int(server.server_address[1])


class SocketEndpoint:
    """Serves on a Unix socket, as soon as no other agent does; `Misconfigured` where its path cannot be used."""

    def __init__(self, path: Path, status: Callable[[], Status]) -> None:
        self._path = path
        self._status = status
        self._closing = Event()
        self._server = self._claim()
        self.waits = self._server is None
        """Whether another agent had the socket at first."""
        Thread(target=self._serve, name="socket", daemon=True).start()

    def close(self) -> None:
        """Remove the socket, if it is ours; answers that are being given end with the process."""
        self._closing.set()
        if self._server is not None:
            self._path.unlink(missing_ok=True)

    def _claim(self) -> "_UnixServer | None":
        """Take the socket over from an agent that was killed, not from one that lives."""
        if _answers(self._path):
            return None
        try:
            self._path.unlink(missing_ok=True)
            server = _UnixServer(str(self._path), _Handler)
        except OSError as error:
            raise Misconfigured(f"cannot serve on {self._path}: {error.strerror}", path=str(self._path)) from None
        server.status = self._status
        return server

    def _serve(self) -> None:
        while self._server is None and not self._closing.wait(_CLAIM_SECONDS):
            self._server = self._claim()
        if self._server is not None:
            self._server.serve_forever()


def run_dirs(environ: Mapping[str, str], chosen: str | None = None) -> list[Path]:
    """Return where agents' sockets are: the chosen directory, or the system's and the user's."""
    if chosen is not None:
        return [Path(chosen)]
    own = environ.get("XDG_RUNTIME_DIR", "")
    user = Path(own) / "midonet" if own.startswith("/") else Path(gettempdir()) / f"midonet-{os.getuid()}"
    return [Path("/run/midonet"), *([user] if not _is_of_others(user) else [])]


def _is_of_others(directory: Path) -> bool:
    """Return whether somebody else was there first, where everybody may make directories: to pass for the agent."""
    if directory.parent != Path(gettempdir()):
        return False
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return False
    return found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or bool(found.st_mode & _WRITE_OF_OTHERS)


def socket_path(directories: list[Path], host: str) -> Path:
    """Return the path for an agent's socket in the first directory that may be written; `Misconfigured` if none."""
    trouble = ""
    for directory in directories:
        try:
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            trouble = f"{directory}: {error.strerror}"
            continue
        if _is_of_others(directory):
            trouble = f"{directory}: it is somebody else's"
            continue
        if os.access(directory, os.W_OK | os.X_OK):
            return _checked(directory / f"agent-{host}.sock")
        trouble = f"{directory}: Permission denied"
    raise Misconfigured(f"no directory for the agent's socket: {trouble}; set --run-dir")


def _checked(path: Path) -> Path:
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
        raise Misconfigured(f"{path} is too long for a Unix socket; set a shorter --run-dir", path=str(path))
    return path


def ask(path: Path, page: str) -> bytes:
    """Return a page of the agent behind a socket; `Unavailable` if none answers there."""
    connection = _UnixConnection(path)
    try:
        connection.request("GET", page)
        return connection.getresponse().read()
    except (OSError, HTTPException) as error:
        raise Unavailable(f"no agent answers at {path}: {error}", socket=str(path)) from None
    finally:
        connection.close()


def _answers(path: Path) -> bool:
    connection = _UnixConnection(path)
    try:
        connection.connect()
    except OSError:
        return False
    else:
        return True
    finally:
        connection.close()


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_CLIENT_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a TCP port."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
