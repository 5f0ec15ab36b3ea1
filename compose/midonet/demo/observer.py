"""Measures when a change arrives in ZooKeeper and in a switch's database, with independent clients.

They are a plain kazoo client and ovsdb-client, so that the measurement does not depend on the project's own code.
"""

import json
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from kazoo.client import KazooClient

_POLL = 0.005


class Checkpoint:
    """Records, by a watch, when the view in ZooKeeper reaches each position."""

    def __init__(self, client: KazooClient, path: str) -> None:
        self.times: dict[int, float] = {}
        client.DataWatch(path, self._record)

    def _record(self, data: bytes | None, stat: Any) -> None:
        del stat
        if data:
            self.times[json.loads(data)["position"]] = time.time()

    def reached(self, position: int) -> float | None:
        """Return when the view reached the position, or None so far."""
        return min((at for seen, at in self.times.items() if seen >= position), default=None)


def row_times(socket: str, rows: int) -> Callable[[], list[float]]:
    """Start watching a switch's MAC rows; the function returned waits and gives the times of the first changes."""
    times: list[float] = []
    process = subprocess.Popen(
        ["ovsdb-client", "monitor", f"unix:{socket}", "hardware_vtep", "Ucast_Macs_Remote", "--format=json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # an error message at SIGTERM
        text=True,
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    process.stdout.readline()
    reader = threading.Thread(target=_record_lines, args=(process, times), daemon=True)
    reader.start()

    def finish() -> list[float]:
        wait_for("a change of a MAC row", lambda: len(times) >= rows)
        process.terminate()
        process.wait()
        return times

    return finish


def _record_lines(process: "subprocess.Popen[str]", times: list[float]) -> None:
    times.extend(time.time() for _ in process.stdout or ())


def wait_for(what: str, holds: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return the result of `holds` as soon as it is true. Raises `TimeoutError` with `what`."""
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        if time.monotonic() > deadline:
            msg = f"waited {seconds:.0f} s for {what}"
            raise TimeoutError(msg)
        time.sleep(_POLL)
    return found


def read_view(client: KazooClient, base: str) -> dict[str, bytes]:
    """Return every node with content below a path."""
    found: dict[str, bytes] = {}
    paths = [base]
    while paths:
        path = paths.pop()
        data, _ = client.get(path)
        if data:
            found[path] = data
        paths += [f"{path}/{child}" for child in client.get_children(path)]
    return found
