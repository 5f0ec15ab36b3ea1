"""Ask an API as any program would, with nothing of ours in between."""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode, urlsplit

__all__ = ["Answer", "Asker", "Event", "bearer", "events"]


def bearer(token: str) -> dict[str, str]:
    """Return the headers of who comes with a token."""
    return {"Authorization": f"Bearer {token}"}


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be JSON."""
        assert self.headers["content-type"].endswith("json"), self
        return json.loads(self.body)


class Asker:
    """One connection to a node."""

    def __init__(self, url: str) -> None:
        self._place = urlsplit(url).netloc
        self._connection = HTTPConnection(self._place, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __call__(self, method: str, path: str, body: Any = None, /, *, headers: Any = None, **query: Any) -> Answer:
        """Send a request; a body that is no bytes goes as JSON."""
        raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if raw is not None else {}
        target = f"{path}?{urlencode(query, doseq=True)}" if query else path
        self._connection.request(method, target, raw, {**sent, **(headers or {})})
        response = self._connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())

    def ok(self, method: str, path: str, body: Any = None, /, **more: Any) -> Any:
        """Send a request that succeeds; return its JSON."""
        answer = self(method, path, body, **more)
        assert 200 <= answer.status < 300, answer
        return answer.json

    def refused(self, status: int, method: str, path: str, body: Any = None, /, **more: Any) -> Any:
        """Send a request that is refused; return the problem."""
        answer = self(method, path, body, **more)
        assert answer.status == status, answer
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json
        assert problem["status"] == status
        assert problem["type"] == f"urn:midonet:error:{problem['code']}"
        return problem

    @contextmanager
    def watch(self, *, headers: Any = None, **query: Any) -> Iterator[Iterator["Event"]]:
        """Watch, on a connection of its own."""
        with closing(HTTPConnection(self._place, timeout=30)) as connection:
            connection.request("GET", f"/v1/watch?{urlencode(query, doseq=True)}", headers=headers or {})
            response = connection.getresponse()
            assert response.status == 200, response.read()
            assert response.headers["content-type"].startswith("text/event-stream")
            yield events(response)


class Event(NamedTuple):
    """One server-sent event."""

    kind: str
    id: int | None
    data: Any
    raw: str


def events(response: Any) -> Iterator[Event]:
    """Yield the events of a stream as they come."""
    fields: dict[str, list[str]] = {}
    for line in response:
        name, _, text = line.decode().rstrip("\n").partition(": ")
        if name:
            fields.setdefault(name, []).append(text)
            continue
        if "event" in fields:
            raw = "\n".join(fields["data"])
            number = int(fields["id"][0]) if "id" in fields else None
            yield Event(fields["event"][0], number, json.loads(raw), raw)
        fields = {}
