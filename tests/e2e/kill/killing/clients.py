"""Clients of the nodes' API that only look: those who watch the log, and those who ask how long it is.

They share nothing with the product but the address, and go to the next node where one falls silent.
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

from killing.history import Look

__all__ = ["Asker", "Follower"]

_PAUSE = 0.05
_SILENCE_SECONDS = 3.0
"""A node tells a mark every second; one that tells nothing for so long is dead or frozen."""
_ANSWER_SECONDS = 3.0


class _Client(Thread):
    """Visits one node after the other from construction to `stop`, beginning with the node `first`."""

    def __init__(self, urls: Sequence[str], first: int) -> None:
        super().__init__(daemon=True)
        self._places = [urlsplit(url).netloc for url in urls]
        self._first = first
        self._stopping = Event()
        self.start()

    def run(self) -> None:
        """Go round; a node that is gone or breaks off is left for the next one."""
        for number in count(self._first):
            if self._stopping.wait(_PAUSE):
                return
            with suppress(OSError, HTTPException, ValueError, KeyError):
                self._visit(self._places[number % len(self._places)])

    def _visit(self, place: str) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self.join()


class Follower(_Client):
    """Watches the log from its first commit, and notes every commit that it is told, doubles included."""

    def __init__(self, urls: Sequence[str], first: int) -> None:
        self.seen: list[bytes] = []
        self.resets = 0
        """How often it was told that the log is another one."""
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
                    self._hear(fields)

    def _hear(self, fields: dict[str, str]) -> None:
        if fields.get("event") == "commit":
            self.seen.append(fields["data"].encode())
            self._position = int(fields["id"])
        self.resets += fields.get("event") == "snapshot"


def _events(response: HTTPResponse, stopped: Callable[[], bool]) -> Iterator[dict[str, str]]:
    """Yield server-sent events as they come, until the node ends them or nobody wants more; half of one is none."""
    fields: dict[str, str] = {}
    while (line := response.readline()) and not stopped():
        name, _, text = line.decode().removesuffix("\n").partition(": ")
        if name:
            fields[name] = f"{fields[name]}\n{text}" if name in fields else text
        elif fields:
            yield fields
            fields = {}


class Asker(_Client):
    """Asks one node after the other for the end of the log."""

    def __init__(self, urls: Sequence[str], first: int = 0) -> None:
        self.looks: list[Look] = []
        super().__init__(urls, first)

    def _visit(self, place: str) -> None:
        with closing(HTTPConnection(place, timeout=_ANSWER_SECONDS)) as connection:
            invoked = monotonic_ns()
            connection.request("GET", "/v1/head")
            response = connection.getresponse()
            body = response.read()
            if response.status == HTTPStatus.OK:
                self.looks.append(Look(invoked, monotonic_ns(), json.loads(body)["position"]))
