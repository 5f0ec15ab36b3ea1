"""Real ovsdb-server: the database of an emulated VTEP switch, of an Open vSwitch, or of OVN."""

import socket
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep
from typing import Literal

from midonet.events.errors import Unavailable
from midonet.testbed.certificates import Tls
from midonet.testbed.server import LOOPBACK, Server, accepts, run

Schema = Literal["hardware_vtep", "Open_vSwitch", "OVN_Northbound", "OVN_Southbound"]

_PATIENCE, _PAUSE = 10, 0.05
"""Seconds that a server is given to answer, and between two tries."""

_SCHEMAS = Path("/usr/share")
_FILES: dict[Schema, str] = {
    "hardware_vtep": "openvswitch/vtep.ovsschema",
    "Open_vSwitch": "openvswitch/vswitch.ovsschema",
    "OVN_Northbound": "ovn/ovn-nb.ovsschema",
    "OVN_Southbound": "ovn/ovn-sb.ovsschema",
}
_ROOTS: dict[Schema, str] = {
    "hardware_vtep": "Global",
    "Open_vSwitch": "Open_vSwitch",
    "OVN_Northbound": "NB_Global",
    "OVN_Southbound": "SB_Global",
}


def schema_file(schema: Schema) -> Path:
    """Return where Open vSwitch keeps a schema."""
    return _SCHEMAS / _FILES[schema]


class OvsdbServer(Server):
    """One ovsdb-server with one database, on TCP and on a Unix socket.

    With `tls` its TCP port speaks TLS, to clients whose certificate the CA signed.

    `host` is any loopback address: switches that differ by management address, as VTEPs do, need one each.
    """

    name = "ovsdb"

    def __init__(self, schema: Schema = "hardware_vtep", host: str = LOOPBACK, *, tls: Tls | None = None) -> None:
        super().__init__()
        self.tls = tls
        self.schema = schema
        self.host = host
        self.port = self.lease_port(host)
        self.sock = self.directory / "db.sock"
        self.database = self.directory / "db"
        self._control = self.directory / "ctl"

    @property
    def tcp(self) -> tuple[str, int]:
        """Address for clients, `(host, port)`."""
        return self.host, self.port

    def prepare(self) -> None:
        """Create the database with its root row, as on a new switch."""
        run("ovsdb-tool", "create", self.database, schema_file(self.schema))
        insert = f'["{self.schema}", {{"op": "insert", "table": "{_ROOTS[self.schema]}", "row": {{}}}}]'
        run("ovsdb-tool", "transact", self.database, insert)

    def command(self) -> Sequence[str | Path]:
        """Run in the foreground and log to standard error."""
        return [
            "ovsdb-server",
            self.database,
            f"--remote=punix:{self.sock}",
            *self._remote(),
            f"--unixctl={self._control}",
            "--no-chdir",
            "-vsyslog:off",
        ]

    def _remote(self) -> Sequence[str]:
        if self.tls is None:
            return [f"--remote=ptcp:{self.port}:{self.host}"]
        files = {"private-key": self.tls.server.key, "certificate": self.tls.server.certificate, "ca-cert": self.tls.ca}
        options = [f"--{name}={file}" for name, file in files.items()]
        return [f"--remote=pssl:{self.port}:{self.host}", *options]

    def serves(self) -> bool:
        """Whether both remotes are there; they are opened in no certain order."""
        return accepts(self.host, self.port) and _accepts_locally(self.sock)

    def vtep_ctl(self, *arguments: str) -> str:
        """Run vtep-ctl on this database and return its output; `Unavailable` if it fails.

        It gives up at the first connection that is refused, as happens on a busy machine: it is then run again.
        """
        deadline = monotonic() + _PATIENCE
        while True:
            try:
                return run("vtep-ctl", f"--db=unix:{self.sock}", f"--timeout={_PATIENCE}", *arguments)
            except Unavailable as error:
                if "Connection refused" not in error.message or monotonic() > deadline:
                    raise
            sleep(_PAUSE)

    def add_switch(self, name: str, ports: Sequence[str], *, tunnel_ip: str, management_ip: str | None = None) -> None:
        """Add a physical switch with its ports; its management address is this server's unless given."""
        addresses = [f"tunnel_ips={tunnel_ip}", f"management_ips={management_ip or self.host}"]
        command = ["add-ps", name, "--", "set", "Physical_Switch", name, *addresses]
        for port in ports:
            command += ["--", "add-port", name, port]
        self.vtep_ctl(*command)


def _accepts_locally(sock: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        return connection.connect_ex(str(sock)) == 0
