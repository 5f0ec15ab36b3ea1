"""The pages of the running agent: on a Unix socket of this host, and over HTTP where an operator configures an address.

The pages are `/healthz`, `/readyz`, `/metrics` and, only for clients on this host, `/snapshot`. The socket needs no
setting: it is `agent-<host-id>.sock` in a run directory, so several agents on one machine do not collide.
"""

import os
import socket
import stat
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import gettempdir
from threading import Event, Thread

from midonet.agent.status.status import Status, metrics, notes, reasons, report
from midonet.events.commit import canonical
from midonet.events.config.settings import is_loopback
from midonet.events.errors import Misconfigured, Unavailable
from midonet.projections.runtime.http_pages import HttpServer, Page, Routes

_CLIENT_SECONDS = 10
"""Seconds that an agent has to answer `midonet-agent show`."""

_CLAIM_SECONDS = 1.0
"""Seconds between two attempts to take over the socket of another agent."""

_MAX_SOCKET_PATH = 107
"""sockaddr_un (unix(7))."""

_WRITE_OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def pages(status: Callable[[], Status], address: str | None = None) -> Routes:
    """Return the pages for an address, None for the socket; only addresses of this host have `/snapshot`.

    A snapshot contains objects of tenants, and these pages have no authentication.
    """
    routes = {
        "/healthz": lambda: _json({"alive": True}),
        "/readyz": lambda: _ready(status()),
        "/metrics": lambda: Page(metrics(status()), "text/plain; version=0.0.4"),
    }
    if address is None or is_loopback(address):
        routes["/snapshot"] = lambda: _json(report(status()))
    return routes


def _json(value: object, status: HTTPStatus = HTTPStatus.OK) -> Page:
    return Page(canonical(value), "application/json", status)


def _ready(status: Status) -> Page:
    found = reasons(status)
    value = {"ready": not found, "reasons": found, "notes": notes(status)}
    return _json(value, HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK)


class SocketServer:
    """Serves the pages on a Unix socket, once no other agent does; `Misconfigured` if its path cannot be used."""

    def __init__(self, path: Path, routes: Routes) -> None:
        self._path = path
        self._routes = routes
        self._closing = Event()
        self._server = self._claim()
        self.waits = self._server is None
        """Whether another agent served on the socket at the start."""
        if self.waits:
            Thread(target=self._wait, name="socket", daemon=True).start()

    def close(self) -> None:
        """Stop serving and remove the socket, unless another agent has it."""
        self._closing.set()
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    def _claim(self) -> HttpServer | None:
        """Serve on the socket, also after an agent that was killed; return None while another agent answers there."""
        if _answers(self._path):
            return None
        try:
            self._path.unlink(missing_ok=True)
            return HttpServer(self._path, self._routes)
        except (OSError, Unavailable) as error:
            raise Misconfigured(f"cannot serve on {self._path}: {error}", path=str(self._path)) from None

    def _wait(self) -> None:
        while self._server is None and not self._closing.wait(_CLAIM_SECONDS):
            self._server = self._claim()


def run_dirs(environ: Mapping[str, str], chosen: str | None = None) -> list[Path]:
    """Return the directories of agents' sockets: the chosen one, or the system's and the user's."""
    if chosen is not None:
        return [Path(chosen)]
    own = environ.get("XDG_RUNTIME_DIR", "")
    user = Path(own) / "midonet" if own.startswith("/") else Path(gettempdir()) / f"midonet-{os.getuid()}"
    return [Path("/run/midonet"), *([user] if not _is_of_others(user) else [])]


def _is_of_others(directory: Path) -> bool:
    """Return whether a directory below the shared temporary one is another user's: it could imitate the agent."""
    if directory.parent != Path(gettempdir()):
        return False
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return False
    return found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or bool(found.st_mode & _WRITE_OF_OTHERS)


def socket_path(directories: list[Path], host: str) -> Path:
    """Return the path for an agent's socket in the first writable directory; `Misconfigured` if there is none."""
    reason = ""
    for directory in directories:
        try:
            directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError as error:
            reason = f"{directory}: {error.strerror}"
            continue
        if _is_of_others(directory):
            reason = f"{directory}: it belongs to another user"
            continue
        if os.access(directory, os.W_OK | os.X_OK):
            return _checked(directory / f"agent-{host}.sock")
        reason = f"{directory}: Permission denied"
    raise Misconfigured(f"no directory for the agent's socket: {reason}; set --run-dir")


def _checked(path: Path) -> Path:
    if len(os.fsencode(path)) > _MAX_SOCKET_PATH:
        raise Misconfigured(f"{path} is too long for a Unix socket; set a shorter --run-dir", path=str(path))
    return path


def ask(path: Path, page: str) -> bytes:
    """Return a page of the agent that serves on a socket; `Unavailable` if none answers."""
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
