"""What `midoctl` alone shows: where the log is and what is in it."""

from midonet.cli import output, quick
from midonet.cli.session import Session
from midonet.cli.settings import Settings
from midonet.cli.text import hide_secrets
from midonet.events.model import KINDS
from midonet.events.topology import Topology

__all__ = ["overview"]


def overview(settings: Settings) -> None:
    """Print the address of the log, its position and the number of objects of each kind."""
    with Session(settings) as session:
        url = hide_secrets(session.url)
        topology = Topology() if quick.absent(session.url) else session.topology()
        counts = _counts(session, topology)
        head = topology.head
        session.print(
            {"server": url, "position": head.position, "time": head.time or None, "objects": counts},
            names=lambda: [url],
            text=lambda: _text(url, topology, counts),
        )
        if not head.position:
            session.note("nothing is there yet: try `midoctl bridge create web`, and `midoctl --help` for the rest")


def _counts(session: Session, topology: Topology) -> dict[str, int]:
    if session.cluster is not None:
        from midonet.cli.remote import counts_of

        return counts_of(session.cluster)
    return {kind: len(topology.all(kind)) for kind in KINDS if topology.all(kind)}


def _text(url: str, topology: Topology, counts: dict[str, int]) -> str:
    position = f"{topology.head.position:,}" + (f" ({topology.head.time})" if topology.head.time else "")
    rows = [("log", url), ("position", position)]
    return output.table([], rows + [(kind, f"{count:,}") for kind, count in counts.items()])
