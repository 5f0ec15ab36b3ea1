"""Real ZooKeeper: one server, or an ensemble that loses and elects leaders."""

import socket
from collections.abc import Sequence
from pathlib import Path

from midonet.testbed.group import Group
from midonet.testbed.jvm import java
from midonet.testbed.server import LOOPBACK, Server

__all__ = ["ZooKeeper", "ZooKeeperEnsemble"]

# Ticks of half a second: sessions from 1 to 10 s, a dead leader is replaced within a second.
_CONFIGURATION = """\
tickTime=500
initLimit=20
syncLimit=10
dataDir={directory}/data
clientPort={port}
clientPortAddress={host}
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=*
"""


class ZooKeeper(Server):
    """One ZooKeeper server, standing alone unless an ensemble makes it a member."""

    name = "zookeeper"

    def __init__(self) -> None:
        super().__init__()
        self.port = self.lease_port()
        self._membership = ""
        self._number = 1

    @property
    def hosts(self) -> str:
        """Connection string for clients, `HOST:PORT`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def mode(self) -> str | None:
        """`standalone`, `leader` or `follower`; None while it does not serve."""
        for line in self.ask("srvr").splitlines():
            key, _, value = line.partition(": ")
            if key == "Mode":
                return value
        return None

    def join(self, number: int, membership: str) -> None:
        """Become server `number` of the ensemble that `membership` lists; before the first start."""
        self._number, self._membership = number, membership

    def ask(self, word: str) -> str:
        """Return the answer to a four-letter command such as `srvr` or `mntr`, empty where there is none."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(word.encode())
                return "".join(part.decode() for part in iter(lambda: connection.recv(65536), b""))
        except OSError:
            return ""

    def prepare(self) -> None:
        """Write zoo.cfg and the server's number."""
        data = self.directory / "data"
        data.mkdir()
        (data / "myid").write_text(f"{self._number}\n")
        configuration = _CONFIGURATION.format(directory=self.directory, host=LOOPBACK, port=self.port)
        (self.directory / "zoo.cfg").write_text(configuration + self._membership)

    def command(self) -> Sequence[str | Path]:
        """Run the main class of both modes."""
        return java(
            "zookeeper", "org.apache.zookeeper.server.quorum.QuorumPeerMain", self.directory / "zoo.cfg"
        )

    def serves(self) -> bool:
        """Whether it answers as leader, as follower or alone."""
        return self.mode is not None


class ZooKeeperEnsemble(Group[ZooKeeper]):
    """`n` ZooKeeper servers with one leader among them."""

    def __init__(self, n: int = 3) -> None:
        super().__init__([ZooKeeper() for _ in range(n)])
        lines = [
            f"server.{number}={LOOPBACK}:{member.lease_port()}:{member.lease_port()}"
            for number, member in enumerate(self.members, start=1)
        ]
        for number, member in enumerate(self.members, start=1):
            member.join(number, "\n".join(lines) + "\n")

    @property
    def hosts(self) -> str:
        """Connection string for clients, `HOST:PORT,…`."""
        return ",".join(member.hosts for member in self.members)

    @property
    def leader(self) -> ZooKeeper | None:
        """The member that leads at the moment, None during an election."""
        return next((member for member in self.members if member.mode == "leader"), None)
