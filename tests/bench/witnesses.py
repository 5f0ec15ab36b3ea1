"""Independent observers of the views: a plain kazoo client, and `ovsdb-client` of Open vSwitch.

A witness is asked before a command what it should see, and says when it did, by this process' clock.
"""

import json
import re
import socket
import subprocess
from collections.abc import Callable, Collection
from pathlib import Path
from threading import Event, Lock, Thread
from time import perf_counter
from typing import Any

from kazoo.client import KazooClient

__all__ = ["BareOvsdb", "Nodes", "Rows", "Sighting", "Test"]

_PATIENCE = 30.0
_INSERTED = re.compile(rb'"(?:insert|initial)","([^"]*)"')
"""The value of a row that `ovsdb-client` saw come, or found when it began."""

Test = Callable[[bytes], bool]
"""Whether what was read is what was expected."""


class Sighting:
    """Something that is expected to be seen."""

    def __init__(self, test: Test) -> None:
        self.test = test
        self._moment = 0.0
        self._seen = Event()

    def look(self, data: bytes) -> bool:
        """Take note of the time if this is what was expected; return whether it is."""
        moment = perf_counter()  # looking closer takes time, too
        if not self._seen.is_set() and self.test(data):
            self._moment = moment
            self._seen.set()
        return self._seen.is_set()

    def since(self, start: float) -> float:
        """Wait until it was seen; return the seconds from `start`."""
        if not self._seen.wait(_PATIENCE):
            raise TimeoutError(f"not seen within {_PATIENCE:.0f} s")
        return self._moment - start


class Nodes:
    """Watches nodes of ZooKeeper with a plain client, one watch per node."""

    def __init__(self, hosts: str) -> None:
        self.client = KazooClient(hosts)
        self.client.start()

    def expect(self, path: str, test: Test) -> Sighting:
        """Return when the node at `path` holds what passes the test."""
        sighting = Sighting(test)
        self.client.DataWatch(path, lambda data, _: False if data is not None and sighting.look(data) else None)
        return sighting

    def close(self) -> None:
        """End the session."""
        self.client.stop()
        self.client.close()


class Rows:
    """Watches a column of an OVSDB table through `ovsdb-client monitor`."""

    def __init__(self, sock: Path, table: str, column: str) -> None:
        command = ["ovsdb-client", "--format=json", "monitor", f"unix:{sock}", "hardware_vtep", table, column]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._lock = Lock()
        self._sightings: list[Sighting] = []
        self._latest = b""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def expect(self, text: str, *, anew: bool = False) -> Sighting:
        """Return when an update makes a row of the table hold a text; the latest one counts as well, unless `anew`."""
        sighting = Sighting(lambda line: text.encode() in line and text in _became(line))
        with self._lock:
            if anew or not sighting.look(self._latest):
                self._sightings.append(sighting)
        return sighting

    def expect_all(self, inserted: Collection[str]) -> Sighting:
        """Return when rows with all of these values were inserted, by however many updates from now on."""
        missing = {value.encode() for value in inserted}

        def test(line: bytes) -> bool:
            missing.difference_update(_INSERTED.findall(line))
            return not missing

        sighting = Sighting(test)
        with self._lock:
            self._sightings.append(sighting)
        return sighting

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._lock:
                self._latest = line
                self._sightings = [sighting for sighting in self._sightings if not sighting.look(line)]

    def close(self) -> None:
        """End the monitor."""
        self._process.terminate()
        self._process.wait()
        self._reader.join()


def _became(line: bytes) -> str:
    """Return of an update what rows became, without what they were."""
    rows = json.loads(line)["data"]
    return json.dumps([row for row in rows if row[1] not in ("old", "delete")], separators=(",", ":"))


class BareOvsdb:
    """The least that can insert a row: one request, one answer (RFC 7047), over TCP as a switch is reached."""

    def __init__(self, address: tuple[str, int], *, seconds: float | None = None) -> None:
        """Connect; no answer for so many `seconds` is a `TimeoutError`."""
        self._socket = socket.create_connection(address, timeout=seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def transact(self, *operations: dict[str, Any]) -> list[Any]:
        """Run a transaction; return the results."""
        request = {"method": "transact", "params": ["hardware_vtep", *operations], "id": 0}
        self._socket.sendall(json.dumps(request).encode())
        answer = b""
        while True:
            received = self._socket.recv(65536)
            if not received:
                raise ConnectionError("the server closed the connection")
            answer += received
            try:
                return list(json.loads(answer)["result"])
            except json.JSONDecodeError:
                continue

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()
