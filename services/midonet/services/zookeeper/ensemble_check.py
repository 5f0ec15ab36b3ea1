"""Refuse, before anything starts, an embedded member that would meet the ZooKeeper of another cluster.

Services would use that ensemble: two clusters would share leases, facts and views. An ensemble is recognised by its
view: the commit of the checkpoint is on the log of its cluster. An ensemble without a view is accepted.
"""

import os
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep

from midonet.events.errors import Misconfigured, Unavailable
from midonet.events.log import open_log
from midonet.events.redaction import redact
from midonet.projections.base import Checkpoint
from midonet.projections.zookeeper.reader import ViewReader
from midonet.services.settings import Settings
from midonet.services.zookeeper.server import has_data, mode
from midonet.services.zookeeper_members import Member, client_hosts, members_of

_SYSTEM = Path("/var/lib/midonet")
_ENDING_SECONDS = 3.0
"""Seconds that the server of a killed daemon may take to end."""
_PAUSE = 0.1


def check_ensemble(settings: Settings) -> None:
    """Raise `Misconfigured` if the address of this member is in use, or a new one would join another cluster."""
    if settings.zookeeper_member is None:
        return
    members = members_of(settings.zookeeper_members)
    member = members[settings.zookeeper_member - 1]
    if _serves(member):
        raise Misconfigured(
            f"another ZooKeeper serves at {client_hosts([member])}{_owner(settings, member)}; stop it, or give this "
            "member other ports: --zookeeper-members HOST:CLIENT:PEER:ELECTION",
            servers=client_hosts([member]),
        )
    if has_data(data_folder(settings, os.environ)):
        return
    for other in members:
        if other != member and mode(other) is not None and (owner := _owner(settings, other)):
            raise Misconfigured(
                f"the ZooKeeper ensemble at {client_hosts([other])} is refused{owner}; use its log, or other "
                "--zookeeper-members",
                servers=client_hosts([other]),
            )


def _serves(member: Member) -> bool:
    """Return whether a server is there that does not end: the one of this process is not started yet."""
    deadline = monotonic() + _ENDING_SECONDS
    while mode(member) is not None:
        if monotonic() > deadline:
            return True
        sleep(_PAUSE)
    return False


def _owner(settings: Settings, member: Member) -> str:
    """Return, for a message, how the view of an ensemble contradicts the log; empty if it does not or is unknown."""
    with suppress(Unavailable):
        with ViewReader(client_hosts([member]), settings.root) as reader:
            found = reader.checkpoint()
        contradiction = _contradiction(settings.log, found) if found.position else ""
        return f": it belongs to another cluster, {contradiction}" if contradiction else ""
    return ""


def _contradiction(url: str, found: Checkpoint) -> str:
    at = f"its view is at commit {found.position}"
    try:
        with closing(open_log(url, create=False)) as log:
            end = log.head().position
            if end < found.position:
                return f"{at}, and the log {redact(url)} ends at {end}"
            same = log.head_at(found.position).hash == found.hash
    except Unavailable as error:
        return f"{at}, and {error.message}"
    return "" if same else f"{at}, which is another one in the log {redact(url)}"


def data_folder(settings: Settings, environ: Mapping[str, str]) -> Path:
    """Return the folder of the member: the setting, else the system's if it is writable, else one of the user."""
    if settings.zookeeper_data:
        return Path(settings.zookeeper_data)
    if os.access(_SYSTEM, os.W_OK) or os.geteuid() == 0:
        return _SYSTEM / "zookeeper"
    state = environ.get("XDG_STATE_HOME", "")
    home = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return home / "midonet" / "zookeeper"
