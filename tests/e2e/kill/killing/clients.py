"""Read-only clients of the API: followers of the log and readers of its head.

They use none of the product's code and switch to the next node when one does not answer.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import count
from threading import Event, Thread
from time import monotonic_ns
from urllib.parse import urlsplit

from killing.history import HeadRead

_PAUSE = 0.05
_SILENCE_SECONDS = 3.0
"""A node sends a mark every second; one that sends nothing for so long is dead or frozen."""
_ANSWER_SECONDS = 3.0


class _Client(Thread):
    """Connects to one node after another from construction to `stop`, starting with the node `first`."""

    def __init__(self, urls: Sequence[str], first: int) -> None:
        super().__init__(daemon=True)
        self._places = [urlsplit(url).netloc for url in urls]
        self._first = first
        self._stopping = Event()
        self.start()

    def run(self) -> None:
        """Connect to the nodes in turn; after an error continue with the next one."""
        for number in count(self._first):
            if self._stopping.wait(_PAUSE):
                return
            with suppress(OSError, HTTPException, ValueError, KeyError):
                self._visit(self._places[number % len(self._places)])

    def _visit(self, place: str) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Stop and join the thread."""
        self._stopping.set()
        self.join()


class Follower(_Client):
    """Watches the log from its first commit and records every commit received, duplicates included."""

    def __init__(self, urls: Sequence[str], first: int) -> None:
        self.seen: list[bytes] = []
        self.resets = 0
        """Number of `snapshot` events, which announce another log."""
        self.connections = 0
        self._position = 0
        super().__init__(urls, first)

    def _visit(self, place: str) -> None:
        with closing(HTTPConnection(place, timeout=_SILENCE_SECONDS)) as connection:
            connection.request("GET", f"/v1/watch?after={self._position}&mark=1")
            response = connection.getresponse()
            if response.status == HTTPStatus.OK:
                self.connections += 1
                for fields in _events(response, self._stopping.is_set):
                    self._record(fields)

    def _record(self, fields: dict[str, str]) -> None:
        if fields.get("event") == "commit":
            self.seen.append(fields["data"].encode())
            self._position = int(fields["id"])
        self.resets += fields.get("event") == "snapshot"


def _events(response: HTTPResponse, stopped: Callable[[], bool]) -> Iterator[dict[str, str]]:
    """Yield complete server-sent events until the node ends the stream or `stopped` returns True."""
    fields: dict[str, str] = {}
    while (line := response.readline()) and not stopped():
        name, _, text = line.decode().removesuffix("\n").partition(": ")
        if name:
            fields[name] = f"{fields[name]}\n{text}" if name in fields else text
        elif fields:
            yield fields
            fields = {}


class HeadReader(_Client):
    """Reads the head of the log from one node after another."""

    def __init__(self, urls: Sequence[str], first: int = 0) -> None:
        self.reads: list[HeadRead] = []
        super().__init__(urls, first)

    def _visit(self, place: str) -> None:
        with closing(HTTPConnection(place, timeout=_ANSWER_SECONDS)) as connection:
            invoked = monotonic_ns()
            connection.request("GET", "/v1/head")
            response = connection.getresponse()
            body = response.read()
            if response.status == HTTPStatus.OK:
                self.reads.append(HeadRead(invoked, monotonic_ns(), json.loads(body)["position"]))
