"""A client of a cluster's API: one URL, or several of equal nodes; if one fails, the next is tried.

Only what is safe to repeat is sent again: reads, and commands with an id, which the log never executes twice. It loads
only the standard library, so that a single command starts quickly.
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
"""Longer than the API takes for any response unless it is asked to wait."""
_PAUSES = (0.0, 0.3, 1.0)
"""Pauses before each round over all nodes. The last round is for callers whose request may have arrived."""
_MAX_PROBLEM = 1024 * 1024
_OK = range(200, 300)
_UNAVAILABLE = 503

Query = Mapping[str, Any]


class Reply(NamedTuple):
    """The response of a node."""

    body: bytes
    headers: Mapping[str, str]


class Access(NamedTuple):
    """The credentials of a client, and the CA that it trusts; files are PEM."""

    token: str | None = None
    ca: str | None = None
    """CA of the servers; the system's CAs if there is none."""
    certificate: str | None = None
    key: str | None = None


_access: Callable[[str], Access] = lambda _: Access()  # noqa: E731 - the default of `use`


def use(access: Callable[[str], Access]) -> None:
    """Set the function that returns the credentials for a URL; it applies to clients created from now on."""
    global _access  # noqa: PLW0603 - a process is one user
    _access = access


class ApiClient:
    """A client of the nodes at `url`: `http://HOST:PORT[,HOST:PORT…]`, or https. Belongs to one thread."""

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
        """Return what is at a path; raises the error in the response, and `Unavailable` if no node answers."""
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
        """Send a request that is safe to repeat.

        Raises as `get`, and `OutcomeUnknown` if a node may have received it and did not answer.
        """
        message = _Message(method, _target(path, query), headers or {}, body)
        return self._ask(message, lambda response: Reply(response.read(), _lower(response)))

    @contextmanager
    def stream(self, path: str, accept: str, **query: Any) -> Iterator[HTTPResponse]:
        """Yield a response whose body arrives in parts, on a connection of its own."""
        other = ApiClient(self.url)
        other._nodes = self._nodes  # start with the node that answered last
        try:
            yield other._ask(_Message("GET", _target(path, query), {"Accept": accept}, None), lambda response: response)
        finally:
            other.close()

    def _ask(self, message: "_Message", take: Callable[[HTTPResponse], T]) -> T:
        """Try one node after the other, up to three times; the one that answers is tried first next time."""
        failure: MidonetError = Unavailable(f"{self.url} does not answer", url=self.url)
        received, silent = False, dict[str, str]()
        for pause in _PAUSES:
            if pause == _PAUSES[-1] and not received:
                break
            time.sleep(pause)
            for _ in self._nodes:
                try:
                    return self._ask_one(message, take)
                except _NotReached as error:
                    failure = self._unavailable(silent, error.reason)
                except (OSError, HTTPException) as error:
                    failure, received = self._unavailable(silent, _reason(error)), True
                except OutcomeUnknown as error:
                    failure, received = error, True
                except Unavailable as error:
                    failure = error
                self.close()
                self._nodes = [*self._nodes[1:], self._nodes[0]]
        raise _unknown(failure, message) if received and message.method != "GET" else failure

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
            raise _NotReached(_reason(error)) from None
        connection.sock.settimeout(_ANSWER_SECONDS)
        self._connection = connection
        return connection

    def _tls(self) -> Any:
        """Return the TLS context; `UsageError` names an invalid file."""
        import ssl

        access = self._access
        try:
            context = ssl.create_default_context(cafile=access.ca)
            if access.certificate is not None:
                context.load_cert_chain(access.certificate, access.key, password="")
        except (OSError, ssl.SSLError) as error:
            files = ", ".join(file for file in (access.ca, access.certificate, access.key) if file is not None)
            raise UsageError(f"no TLS with {files}: {_reason(error)}") from None
        return context

    def _send(self, connection: HTTPConnection, message: "_Message") -> HTTPResponse:
        proof = {"Authorization": f"Bearer {self._access.token}"} if self._access.token is not None else {}
        raw = {name: text.encode() for name, text in {**proof, **message.headers}.items()}
        connection.request(message.method, self._nodes[0].path.rstrip("/") + message.target, message.body, raw)
        response = connection.getresponse()
        if response.status not in _OK:
            raise self._problem(response)
        if not response.headers.get_content_type().startswith("application/"):
            raise self._not_a_cluster(response)
        return response

    def _problem(self, response: HTTPResponse) -> MidonetError:
        """Return the error in a response."""
        try:
            problem = json.loads(response.read(_MAX_PROBLEM))
            if response.status == _UNAVAILABLE and "error" in problem:  # one of the daemon's own pages
                return Unavailable(str(problem["error"]["message"]), url=self.url)
            code, message, details = problem["code"], str(problem["detail"]), dict(problem["details"])
        except (ValueError, KeyError, TypeError, OSError, HTTPException):
            return self._not_a_cluster(response)
        kind = _KINDS.get(code, Unavailable if response.status == _UNAVAILABLE else MidonetError)
        return kind(message, **details)

    def _not_a_cluster(self, response: HTTPResponse) -> Unavailable:
        self.close()
        return Unavailable(
            f"{self._name()} answers, but not as a midonet-cluster ({response.status} {response.reason}): "
            "is it the address of its API?",
            url=self.url,
        )

    def _unavailable(self, silent: dict[str, str], reason: str) -> Unavailable:
        """Return an error that names every node that did not answer, each with its last reason."""
        silent[self._name()] = reason
        reasons = "; ".join(f"{name} does not answer: {why}" for name, why in sorted(silent.items()))
        return Unavailable(reasons, url=self.url)

    def _name(self) -> str:
        node = self._nodes[0]
        return f"{node.scheme}://{node.netloc.rpartition('@')[2]}"


class _Message(NamedTuple):
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None


def _unknown(failure: MidonetError, message: _Message) -> MidonetError:
    command_id = message.headers.get("Idempotency-Key")
    return OutcomeUnknown(
        f"{failure.message}; the command may or may not be done: run it again with --command-id {command_id}, "
        "which never executes it twice",
        command_id=command_id,
    )


class _NotReached(Exception):
    """A node could not be reached: nothing was sent."""

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
        (name.rstrip("_"), _as_text(one))
        for name, value in (query or {}).items()
        if value is not None
        for one in (value if isinstance(value, (list, tuple)) else [value])
    ]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lower(response: HTTPResponse) -> Mapping[str, str]:
    return {name.lower(): text for name, text in response.headers.items()}


def _reason(error: Exception) -> str:
    with suppress(AttributeError):
        return str(error.strerror or error)  # type: ignore[attr-defined]  # OSError has it
    return str(error) or type(error).__name__
