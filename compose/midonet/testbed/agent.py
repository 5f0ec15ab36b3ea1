"""`midonet-agent` as a server of the testbed."""

import sys
from collections.abc import Sequence
from pathlib import Path

from midonet.testbed.server import LOOPBACK, Server, accepts


class AgentDaemon(Server):
    """One `midonet-agent run` for a host, with HTTP on a port of its own."""

    name = "agent"

    def __init__(self, host_id: str, *options: str) -> None:
        super().__init__()
        self.host_id = host_id
        self.port = self.lease_port()
        self._options = options

    @property
    def program(self) -> Path:
        """The console script beside the interpreter that runs this."""
        return Path(sys.executable).with_name("midonet-agent")

    @property
    def identity(self) -> Sequence[str]:
        """The options by which `midonet-agent show` finds this agent."""
        return ["--host-id", self.host_id, "--run-dir", str(self.directory)]

    @property
    def http(self) -> str:
        """Address of its health, metrics and snapshot, `HOST:PORT`."""
        return f"{LOOPBACK}:{self.port}"

    def command(self) -> Sequence[str | Path]:
        """Run from this checkout, in the foreground."""
        return [self.program, "run", "--http", self.http, *self.identity, *self._options]

    def serves(self) -> bool:
        """Whether it answers; it may still be waiting for ZooKeeper."""
        return accepts(LOOPBACK, self.port)
