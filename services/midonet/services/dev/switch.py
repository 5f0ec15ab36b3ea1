"""An emulated switch: an ovsdb-server with the database `hardware_vtep` of a switch with two ports.

The kernel ends the server when the thread that started it ends. Its data stays in the folder.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, sleep

from midonet.events.errors import Unavailable
from midonet.services.dev.folder import LOOPBACK, free_port

NAME = "tor1"
PORTS = ("swp1", "swp2")
_SCHEMA = Path("/usr/share/openvswitch/vtep.ovsschema")
_PROGRAMS = ("ovsdb-server", "ovsdb-tool", "vtep-ctl", "setpriv")
_DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
_MANAGEMENT_PORT = 6632
_TUNNEL_IP = "192.0.2.1"
_SECONDS = 10
_RETRY_SECONDS = 0.05


def start_switch(folder: Path) -> int | None:
    """Start the switch; return the port of its database, None without Open vSwitch; `Unavailable` if it fails."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    programs = [shutil.which(program, path=path) for program in _PROGRAMS]
    if not _SCHEMA.exists() or None in programs:
        return None
    folder.mkdir(exist_ok=True)
    database, port = folder / "vtep.db", _port(folder / "port")
    environ = {**os.environ, "PATH": path}
    if not database.exists():
        _run(["ovsdb-tool", "create", str(database), str(_SCHEMA)], environ)
    _serve(folder, port, environ)
    _fill(folder, environ)
    return port


def _port(file: Path) -> int:
    """Return the port that the first start chose: the topology refers to it."""
    if not file.exists():
        file.write_text(f"{free_port(_MANAGEMENT_PORT)}\n")
    return int(file.read_text())


def _serve(folder: Path, port: int, environ: dict[str, str]) -> None:
    (folder / "db.sock").unlink(missing_ok=True)
    remotes = [f"--remote=ptcp:{port}:{LOOPBACK}", f"--remote=punix:{folder}/db.sock", f"--unixctl={folder}/ctl"]
    command = [*_DIE_WITH_PARENT, "ovsdb-server", f"{folder}/vtep.db", *remotes, "--no-chdir", "-vsyslog:off"]
    with (folder / "log").open("ab") as log:
        subprocess.Popen(  # noqa: S603 - our own arguments
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environ, start_new_session=True
        )


def _fill(folder: Path, environ: dict[str, str]) -> None:
    """Describe the switch in its database; the server needs a moment to listen, and vtep-ctl does not retry."""
    deadline = monotonic() + _SECONDS
    while True:
        try:
            return _run(["vtep-ctl", f"--db=unix:{folder}/db.sock", f"--timeout={_SECONDS}", *_contents()], environ)
        except Unavailable:
            if monotonic() > deadline:
                raise
            sleep(_RETRY_SECONDS)


def _contents() -> Sequence[str]:
    ports = [word for port in PORTS for word in ("--", "--may-exist", "add-port", NAME, port)]
    addresses = [f"tunnel_ips={_TUNNEL_IP}", f"management_ips={LOOPBACK}"]
    return ["--may-exist", "add-ps", NAME, "--", "set", "Physical_Switch", NAME, *addresses, *ports]


def _run(command: Sequence[str], environ: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - our own arguments
        command, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Unavailable(f"the emulated switch does not start: {' '.join(done.stderr.split())[-300:]}")
