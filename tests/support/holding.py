"""Nodes of a service that only hold items: in this process, or as a process of their own to be killed and frozen."""

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from threading import Thread
from time import sleep
from typing import Self

from midonet.services.cluster.coordination import Coordination, Lease
from midonet.services.cluster.leases import Ownership
from midonet.testbed.server import DIE_WITH_PARENT

__all__ = ["HeldElsewhere", "Node"]

SESSION_SECONDS = 2.0


class Node:
    """A node that takes part in one service and writes down what it gained and lost."""

    def __init__(self, hosts: str, root: str, name: str, service: str = "test") -> None:
        self.name = name
        self.history: list[tuple[str, str, int]] = []
        self.crashes: list[BaseException] = []
        self.coordination = Coordination(hosts, root, name, session_timeout=SESSION_SECONDS)
        self.ownership = Ownership(self.coordination, service, self._gained, self._lost, self.crashes.append)

    def __enter__(self) -> Self:
        self.coordination.start()
        self.ownership.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ownership.stop()
        self.coordination.close()

    @property
    def items(self) -> set[str]:
        """What it holds."""
        return set(self.ownership.leases())

    def _gained(self, lease: Lease) -> None:
        self.history.append(("gained", lease.item, lease.epoch))

    def _lost(self, lease: Lease) -> None:
        self.history.append(("lost", lease.item, lease.epoch))


class HeldElsewhere:
    """A node in a process of its own, which tells what it holds."""

    def __init__(self, hosts: str, root: str, name: str, items: Collection[str]) -> None:
        command = [*DIE_WITH_PARENT, sys.executable, __file__, hosts, root, name, *sorted(items)]
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        self.items: set[str] = set()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)
        Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(SIGKILL)
        self._process.wait()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.send_signal(SIGKILL)

    def freeze(self) -> None:
        """SIGSTOP."""
        self._process.send_signal(SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._process.send_signal(SIGCONT)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self.items = set(json.loads(line))


def _main(hosts: str, root: str, name: str, *items: str) -> None:
    with Node(hosts, root, name) as node:
        node.ownership.set_items(items)
        while True:
            print(json.dumps(sorted(node.items)), flush=True)  # noqa: T201 - it is read by the test
            sleep(0.05)


if __name__ == "__main__":
    _main(*sys.argv[1:])
