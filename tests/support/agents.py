"""What tests of the agent start from: a view written by hand as contract §3 says, and agents that run."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, TypeVar

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from midonet.agent.agent import Agent
from midonet.agent.host.interfaces import Interfaces, Sysfs
from midonet.agent.status.show import fetch
from midonet.agent.status.status import Process
from midonet.agent.view.documents import Paths
from midonet.agent.view.snapshot import Snapshot
from midonet.events.commit import canonical
from midonet.events.errors import Unavailable
from midonet.events.model import Entity, plain
from midonet.events.timestamps import utc_now
from midonet.testbed.server import DIE_WITH_PARENT

__all__ = ["AgentProcess", "ViewWriter", "running"]

T = TypeVar("T")


class ViewWriter:
    """Stands for the projection: writes documents, indexes and checkpoint of one generation in transactions."""

    def __init__(self, hosts: str, root: str, generation: str = "1") -> None:
        self.client = KazooClient(hosts, timeout=5, connection_retry={"max_tries": -1, "max_delay": 0.5})
        self.client.start()
        self.paths = Paths(root)
        self.generation = generation
        self.base = f"{self.paths.pointer}/{generation}"
        self.nodes: dict[str, bytes] = {}
        for folder in ("models/bridge", "models/router", "models/port", "hosts", "models/teapot"):
            self.client.ensure_path(f"{self.base}/{folder}")

    def commit(
        self,
        position: int,
        documents: Mapping[str, Sequence[Entity]],
        hosts: Mapping[str, list[str]],
        *,
        wait: bool = True,
    ) -> Any:
        """Write the view of a position: documents (`port/x`) with their objects, hosts with their documents."""
        nodes = {f"{self.base}/checkpoint": canonical({"position": position, "hash": f"{position:064x}"})}
        for name, entities in documents.items():
            objects = {entity.id: plain(entity) for entity in entities}
            nodes[f"{self.base}/models/{name}"] = canonical({"objects": objects})
        for host, names in hosts.items():
            paths = [f"{self.base}/models/{name}" for name in names]
            nodes[f"{self.base}/hosts/{host}"] = canonical({"position": 1, "documents": paths})
        return self._write(nodes, wait=wait)

    def _write(self, nodes: dict[str, bytes], *, wait: bool) -> Any:
        before, self.nodes = self.nodes, nodes
        transaction = self.client.transaction()
        for path in before.keys() - nodes.keys():
            transaction.delete(path)
        for path, data in nodes.items():
            if path not in before:
                transaction.create(path, data)
            elif data != before[path]:
                transaction.set_data(path, data)
        return self._checked(transaction.commit()) if wait else transaction.commit_async()

    def _checked(self, results: list[Any]) -> list[Any]:
        for result in results:
            assert not isinstance(result, Exception), result
        return results

    def switch(self) -> None:
        """Make this generation the live one."""
        self.client.set(self.paths.pointer, canonical({"generation": self.generation}))

    def put(self, path: str, data: bytes) -> None:
        """Overwrite a node of the view, whatever it should be."""
        self.client.set(f"{self.base}/{path}", data)

    def state(self, host: str) -> dict[str, Any] | None:
        """Return what a living host says of itself."""
        return self.read(self.paths.host_state(host))

    def read(self, path: str) -> dict[str, Any] | None:
        """Return the JSON object that a node holds, None if there is no node."""
        try:
            return dict(json.loads(self.client.get(path)[0]))
        except NoNodeError:
            return None

    def applied(self, host: str) -> int:
        """Return the applied position of a host, -1 while it does not live."""
        state = self.state(host)
        return -1 if state is None else int(state["position"])

    def close(self) -> None:
        """End the session."""
        self.client.stop()
        self.client.close()


class AgentProcess:
    """`midonet-agent run` as an operator starts it, with a run directory of its own."""

    def __init__(self, hosts: str, root: str, host: str, *options: str) -> None:
        self.host = host
        self._directory = TemporaryDirectory(prefix="mn-", dir="/tmp")
        self.run_dir = Path(self._directory.name)
        self.log = self.run_dir / "log"
        common = ("--zookeeper", hosts, "--root", root, "--host-id", host, "--run-dir", str(self.run_dir))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*command("run"), *common, *options], stdout=log, stderr=log)

    def show(self) -> dict[str, Any]:
        """Return what it holds, empty while it does not answer."""
        try:
            return fetch([self.run_dir], self.host)
        except Unavailable:
            return {}

    def logged(self, text: str) -> int:
        """Return how often the log has this text."""
        return len(re.findall(text, self.log.read_text()))

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; return the exit code."""
        self.process.terminate()
        return self.process.wait(10)

    def close(self) -> None:
        """End it and leave nothing behind."""
        self.kill()
        self._directory.cleanup()


def command(*words: str) -> list[str]:
    """Return the command line of `midonet-agent`."""
    return [*DIE_WITH_PARENT, str(Path(sys.executable).with_name("midonet-agent")), *words]


@contextmanager
def running(
    hosts: str,
    root: str,
    host: str,
    *,
    interfaces: Interfaces | None = None,
    on_snapshot: Callable[[Snapshot], None] = lambda _: None,
) -> Iterator[Agent]:
    """Run an agent in a thread of this process."""
    process = Process(host=host, hostname="test", pid=0, version="0", started=utc_now(), zookeeper=hosts, root=root)
    agent = Agent(process, interfaces or Sysfs(), session_timeout=2.0, on_snapshot=on_snapshot)
    thread = Thread(target=agent.run)
    thread.start()
    try:
        yield agent
    finally:
        agent.stop()
        thread.join()
