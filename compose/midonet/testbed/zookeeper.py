"""Real ZooKeeper: one server, or an ensemble that loses and elects leaders."""

import socket
from collections.abc import Sequence
from pathlib import Path

from midonet.testbed.certificates import Tls
from midonet.testbed.group import Group
from midonet.testbed.jvm import java
from midonet.testbed.server import LOOPBACK, Server

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


_TLS = """\
serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory
secureClientPort={port}
secureClientPortAddress={host}
ssl.keyStore.location={tls.server.both}
ssl.keyStore.type=PEM
ssl.trustStore.location={tls.ca}
ssl.trustStore.type=PEM
ssl.clientAuth=need
ssl.hostnameVerification=false
"""

_HEAP = "-Xmx512m"
"""The server keeps its last 500 transactions, which takes some 200 MB after a large change; more than other servers."""


class ZooKeeper(Server):
    """One ZooKeeper server, standing alone unless an ensemble makes it a member.

    With `tls` it also has a port that speaks TLS, `secure`, to clients whose certificate the CA signed.

    `number` tells the servers of an ensemble apart; an ensemble also sets `membership`, the `server.…` lines
    of zoo.cfg, before the first start.
    """

    name = "zookeeper"

    def __init__(self, *, number: int = 1, tls: Tls | None = None) -> None:
        super().__init__()
        self.tls = tls
        self._secure_port = self.lease_port() if tls is not None else 0
        self.number = number
        self.port = self.lease_port()
        self.voter = f"{LOOPBACK}:{self.lease_port()}:{self.lease_port()}"
        self.membership = ""

    @property
    def hosts(self) -> str:
        """Connection string for clients, `HOST:PORT`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def secure(self) -> str:
        """Connection string for clients that speak TLS."""
        return f"{LOOPBACK}:{self._secure_port}"

    @property
    def mode(self) -> str | None:
        """`standalone`, `leader` or `follower`; None while it does not serve."""
        for line in self.ask("srvr").splitlines():
            key, _, value = line.partition(": ")
            if key == "Mode":
                return value
        return None

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
        (data / "myid").write_text(f"{self.number}\n")
        configuration = _CONFIGURATION.format(directory=self.directory, host=LOOPBACK, port=self.port)
        if self.tls is not None:
            configuration += _TLS.format(port=self._secure_port, host=LOOPBACK, tls=self.tls)
        (self.directory / "zoo.cfg").write_text(configuration + self.membership)

    def command(self) -> Sequence[str | Path]:
        """Run the main class of both modes."""
        main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
        return java("zookeeper", _HEAP, main, self.directory / "zoo.cfg")

    def serves(self) -> bool:
        """Whether it answers as leader, as follower or alone."""
        return self.mode is not None


class ZooKeeperEnsemble(Group[ZooKeeper]):
    """`n` ZooKeeper servers with one leader among them."""

    def __init__(self, n: int = 3) -> None:
        super().__init__([ZooKeeper(number=number) for number in range(1, n + 1)])
        for member in self.members:
            member.membership = "".join(f"server.{each.number}={each.voter}\n" for each in self.members)

    @property
    def hosts(self) -> str:
        """Connection string for clients, `HOST:PORT,…`."""
        return ",".join(member.hosts for member in self.members)

    @property
    def leader(self) -> ZooKeeper | None:
        """The member that leads at the moment, None during an election."""
        return next((member for member in self.members if member.mode == "leader"), None)
