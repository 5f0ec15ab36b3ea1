"""The folder of `midonet-cluster dev`: the log, ZooKeeper's data, and the settings, written at the first start."""

import socket
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from midonet.events.errors import Misconfigured

LOOPBACK = "127.0.0.1"
_SETTINGS = """\
# Settings of `midonet-cluster dev`, written at its first start. `midonet-cluster run --config` accepts them, too.
log: sqlite:///{folder}/log.db
history: sqlite:///{folder}/history.db
zookeeper: embedded
zookeeper_members: {host}:{client}:{peer}:{election}
zookeeper_data: {folder}/zookeeper
http: {host}:{http}
"""
_PORTS = {"client": 2181, "peer": 2888, "election": 3888, "http": 8181}


def default_folder(environ: Mapping[str, str]) -> Path:
    """Return the default folder (XDG Base Directory Specification 0.8)."""
    state = environ.get("XDG_STATE_HOME", "")
    return (Path(state) if state.startswith("/") else Path.home() / ".local" / "state") / "midonet" / "dev"


def settings_file(folder: Path) -> Path:
    """Return the settings file in the folder, created if it does not exist; `Misconfigured` if it cannot be."""
    file = folder / "cluster.yaml"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            ports = {name: free_port(port) for name, port in _PORTS.items()}
            file.write_text(_SETTINGS.format(folder=folder, host=LOOPBACK, **ports))
    except OSError as error:
        raise Misconfigured(f"cannot use the folder {folder}: {error.strerror}", folder=str(folder)) from None
    return file


def free_port(wanted: int) -> int:
    """Return the wanted TCP port of the loopback interface if it is free, else any free one."""
    for port in (wanted, 0):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Misconfigured("there is no free TCP port")
