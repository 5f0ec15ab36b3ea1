"""A client of a cluster's API: one address, or several of equal nodes, of which the next is asked when one fails.

Only what is safe to send twice is sent twice: reads, and commands with an id, which the log never does twice. It loads
nothing but the standard library, so that one command is quick.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple, TypeVar
from urllib.parse import SplitResult, urlencode, urlsplit

from midonet.events import errors
from midonet.events.errors import MidonetError, OutcomeUnknown, Unavailable, UsageError

T = TypeVar("T")

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 75.0
"""Longer than any answer takes that the API gives without being asked to wait."""
_PAUSES = (0.0, 0.3, 1.0)
"""Before each round of asking all nodes. The last one is for those who must know what became of what they sent."""
_MAX_PROBLEM = 1024 * 1024
_OK = range(200, 300)
_UNAVAILABLE = 503

Query = Mapping[str, Any]


class Reply(NamedTuple):
    """What a node answered."""

    body: bytes
    headers: Mapping[str, str]


class Access(NamedTuple):
    """What a client proves itself with, and whom it trusts; files are PEM."""

    token: str | None = None
    ca: str | None = None
    """CA of the servers; the system's own if there is none."""
    certificate: str | None = None
    key: str | None = None


_access: Callable[[str], Access] = lambda _: Access()  # noqa: E731 - until somebody knows better


def use(access: Callable[[str], Access]) -> None:
    """Let every client of this process that is made from now on ask what it proves itself with at an address."""
    global _access  # noqa: PLW0603 - a process is one user
    _access = access


class ApiClient:
    """Asks the nodes at `url`: `http://HOST:PORT[,HOST:PORT…]`, or https. Belongs to one thread."""

    def __init__(self, url: str) -> None:
        self._nodes = _nodes(url)
        self._access = _access(url)
        self._connection: HTTPConnection | None = None
        self.url = url

    @property
    def addresses(self) -> Sequence[str]:
        """The address of every node."""
        return [node.geturl() for node in self._nodes]

    def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def get(self, path: str, **query: Any) -> Reply:
        """Return what is at a path; raises the error that the API answers with, and `Unavailable` if none does."""
        return self.request("GET", path, query=query)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Send a request that is safe to send twice.

        Raises as `get`, and `OutcomeUnknown` if a node may have heard of it before it fell silent.
        """
        message = _Message(method, _target(path, query), headers or {}, body)
        return self._ask(message, lambda response: Reply(response.read(), _lower(response)))

    @contextmanager
    def stream(self, path: str, accept: str, **query: Any) -> Iterator[HTTPResponse]:
        """Yield an answer whose body comes bit by bit, on a connection of its own."""
        other = ApiClient(self.url)
        other._nodes = self._nodes  # begin with the node that answered last
        try:
            yield other._ask(_Message("GET", _target(path, query), {"Accept": accept}, None), lambda response: response)
        finally:
            other.close()

    def _ask(self, message: "_Message", take: Callable[[HTTPResponse], T]) -> T:
        """Ask one node after the other, and then all once more; the one that answers is asked first next time."""
        trouble: MidonetError = Unavailable(f"{self.url} does not answer", url=self.url)
        heard, silent = False, dict[str, str]()
        for pause in _PAUSES:
            if pause == _PAUSES[-1] and not heard:
                break
            time.sleep(pause)
            for _ in self._nodes:
                try:
                    return self._ask_one(message, take)
                except _Unheard as error:
                    trouble = self._unavailable(silent, error.reason)
                except (OSError, HTTPException) as error:
                    trouble, heard = self._unavailable(silent, _said(error)), True
                except OutcomeUnknown as error:
                    trouble, heard = error, True
                except Unavailable as error:
                    trouble = error
                self.close()
                self._nodes = [*self._nodes[1:], self._nodes[0]]
        raise _unknown(trouble, message) if heard and message.method != "GET" else trouble

    def _ask_one(self, message: "_Message", take: Callable[[HTTPResponse], T]) -> T:
        known = self._connection
        try:
            return take(self._send(known or self._connect(), message))
        except (OSError, HTTPException):
            if known is None:
                raise
            self.close()  # it was closed while it was not used
            return take(self._send(self._connect(), message))

    def _connect(self) -> HTTPConnection:
        node = self._nodes[0]
        connection = (
            HTTPSConnection(node.hostname or "", node.port, timeout=_CONNECT_SECONDS, context=self._tls())
            if node.scheme == "https"
            else HTTPConnection(node.hostname or "", node.port, timeout=_CONNECT_SECONDS)
        )
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise _Unheard(_said(error)) from None
        connection.sock.settimeout(_ANSWER_SECONDS)
        self._connection = connection
        return connection

    def _tls(self) -> Any:
        """Return what checks the server's certificate, and shows ours; `UsageError` names a file that is no good."""
        import ssl

        access = self._access
        try:
            context = ssl.create_default_context(cafile=access.ca)
            if access.certificate is not None:
                context.load_cert_chain(access.certificate, access.key, password="")
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(file for file in (access.ca, access.certificate, access.key) if file is not None)
            raise UsageError(f"no TLS with {files}: {_said(error)}") from None
        return context

    def _send(self, connection: HTTPConnection, message: "_Message") -> HTTPResponse:
        proof = {"Authorization": f"Bearer {self._access.token}"} if self._access.token is not None else {}
        raw = {name: text.encode() for name, text in {**proof, **message.headers}.items()}
        connection.request(message.method, self._nodes[0].path.rstrip("/") + message.target, message.body, raw)
        response = connection.getresponse()
        if response.status not in _OK:
            raise self._problem(response)
        if not response.headers.get_content_type().startswith("application/"):
            raise self._stranger(response)
        return response

    def _problem(self, response: HTTPResponse) -> MidonetError:
        """Return the error that an answer tells."""
        try:
            told = json.loads(response.read(_MAX_PROBLEM))
            if response.status == _UNAVAILABLE and "error" in told:  # one of the daemon's own pages
                return Unavailable(str(told["error"]["message"]), url=self.url)
            code, message, details = told["code"], str(told["detail"]), dict(told["details"])
        except (ValueError, KeyError, TypeError, OSError, HTTPException):
            return self._stranger(response)
        kind = _KINDS.get(code, Unavailable if response.status == _UNAVAILABLE else MidonetError)
        return kind(message, **details)

    def _stranger(self, response: HTTPResponse) -> Unavailable:
        self.close()
        return Unavailable(
            f"{self._name()} answers, but not as a midonet-cluster ({response.status} {response.reason}): "
            "is it the address of its API?",
            url=self.url,
        )

    def _unavailable(self, silent: dict[str, str], reason: str) -> Unavailable:
        """Return an error that names every node that has not answered, each with its last reason."""
        silent[self._name()] = reason
        told = "; ".join(f"{name} does not answer: {why}" for name, why in sorted(silent.items()))
        return Unavailable(told, url=self.url)

    def _name(self) -> str:
        node = self._nodes[0]
        return f"{node.scheme}://{node.netloc.rpartition('@')[2]}"


class _Message(NamedTuple):
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None


def _unknown(trouble: MidonetError, message: _Message) -> MidonetError:
    command_id = message.headers.get("Idempotency-Key")
    return OutcomeUnknown(
        f"{trouble.message}; the command may or may not be done: run it again with --command-id {command_id}, "
        "which never does it twice",
        command_id=command_id,
    )


class _Unheard(Exception):
    """A node was not reached at all: nothing was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _subclasses(kind: type[MidonetError]) -> Iterator[type[MidonetError]]:
    yield kind
    for one in kind.__subclasses__():
        yield from _subclasses(one)


_KINDS = {kind.code: kind for kind in _subclasses(errors.MidonetError)}


def _nodes(url: str) -> Sequence[SplitResult]:
    scheme, _, rest = url.partition("://")
    found = [part if "://" in part else f"{scheme}://{part}" for part in rest.split(",") if part]
    try:
        nodes = [urlsplit(one) for one in found]
        good = all(node.hostname and node.port != 0 and not node.query for node in nodes)
    except ValueError:
        good = False
    if not good or not found:
        raise UsageError("not the address of a cluster's API; write http(s)://HOST:PORT[,HOST:PORT…]")
    return nodes


def _target(path: str, query: Query | None) -> str:
    pairs = [
        (name.rstrip("_"), _word(one))
        for name, value in (query or {}).items()
        if value is not None
        for one in (value if isinstance(value, (list, tuple)) else [value])
    ]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lower(response: HTTPResponse) -> Mapping[str, str]:
    return {name.lower(): text for name, text in response.headers.items()}


def _said(error: Exception) -> str:
    with suppress(AttributeError):
        return str(error.strerror or error)  # type: ignore[attr-defined]  # OSError has it
    return str(error) or type(error).__name__
