"""The servers and daemons that the demo runs, and their clean-up."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from midonet.events.errors import Unavailable
from midonet.testbed import Kafka, OvsdbServer, ZooKeeper
from midonet.testbed.agent import AgentDaemon
from midonet.testbed.cluster import ClusterDaemon

_DESIGN = Path(__file__).parents[2] / "demo" / "topology.yaml"
_SWITCHES = {"leaf-12": ("127.0.0.11", "10.0.1.12"), "leaf-34": ("127.0.0.12", "10.0.1.34")}
_PORTS = ("bond1", "bond2", "bond3")


@dataclass
class Environment:
    """The running servers and daemons."""

    folder: Path
    log: str
    zookeeper: ZooKeeper
    switches: dict[str, OvsdbServer]
    cluster: ClusterDaemon
    _stack: ExitStack
    agents: dict[str, AgentDaemon] = field(default_factory=dict)

    def start_agent(self, host: str) -> None:
        """Start the agent of a host of the design, and stop it at the end."""
        host_id = self.json("host", "show", host)["id"]
        self.agents[host] = self._stack.enter_context(AgentDaemon(host_id, "--zookeeper", self.zookeeper.hosts))

    def design(self) -> Path:
        """Write the design with the actual ports of the emulated switches; return the file."""
        documents = yaml.safe_load(_DESIGN.read_text())
        for document in documents:
            if document["kind"] == "vtep":
                document["management_port"] = self.switches[document["name"]].port
        return self.write("topology.yaml", documents)

    def write(self, name: str, documents: list[dict[str, Any]]) -> Path:
        """Write documents to a YAML file in the demo's folder."""
        path = self.folder / name
        path.write_text(yaml.safe_dump(documents, sort_keys=False))
        return path

    def run(self, program: str, *arguments: str) -> str:
        """Run one of the project's programs; return its output. Raises `Unavailable` if it fails."""
        environment = {**os.environ, "MIDOCTL_SERVER": self.log, "MIDOCTL_ZOOKEEPER": self.zookeeper.hosts}
        environment |= {"MIDOCTL_ACTOR": "alice@demo", "NO_COLOR": "1", "COLUMNS": "118"}
        command = [str(Path(sys.executable).with_name(program)), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"{program} {' '.join(arguments)}: {done.stderr.strip()}", exit=done.returncode)
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """Run midoctl and return its JSON output."""
        return json.loads(self.run("midoctl", "-o", "json", *arguments))


@contextmanager
def open_environment(log: str) -> Iterator[Environment]:
    """Start the servers and the cluster daemon; stop everything at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mn-demo-")))
        url = f"sqlite:///{folder}/log.db"
        if log == "kafka":
            url = f"kafka://{stack.enter_context(Kafka()).bootstrap}/midonet.topology"
        zookeeper = stack.enter_context(ZooKeeper())
        switches = {name: stack.enter_context(OvsdbServer(host=host)) for name, (host, _) in _SWITCHES.items()}
        for name, (_, tunnel_ip) in _SWITCHES.items():
            switches[name].add_switch(name, _PORTS, tunnel_ip=tunnel_ip)
        cluster = stack.enter_context(ClusterDaemon("--log", url, "--zookeeper", zookeeper.hosts))
        yield Environment(folder, url, zookeeper, switches, cluster, stack)
