"""`midoctl verify`: whether the log is what it was, byte by byte, and whether its events fit each other."""

import click

from midonet.cli import output
from midonet.cli.command import command
from midonet.cli.session import Session
from midonet.events.audit import audit
from midonet.events.commit import GENESIS, Head, Record
from midonet.events.errors import NotFound, VerificationFailed
from midonet.events.log import Log
from midonet.events.moments import Moment
from midonet.events.tags import TAG
from midonet.events.topology import Topology

__all__ = ["verify"]


@command(
    "verify",
    click.Option(["--from", "start"], metavar="X", help="Only from this position, time or tag on."),
    examples="  midoctl verify -o json",
)
def verify(session: Session, start: str | None) -> None:
    """Check every byte of the log against its chain of hashes, and that every event fits; exit 7 if not.

    Old values in events must be those that there were, and tags must hold the hashes of their commits. The error
    names the first position that cannot be trusted, and why. With --from the commits before are taken on trust.
    """
    log = session.open()
    after = _before(session, log, session.moment_of(start)) if start is not None else GENESIS
    topology = Topology() if after is GENESIS else None
    count, last = 0, after
    with output.progress("verifying", log.head().position - after.position) as advance:
        for record in log.read(after):
            if topology is not None:
                audit(topology, record)
            _check_tags(log, record)
            count, last = count + 1, record.head
            advance(1)
    _report(session, count, last, log.skipped)


def _check_tags(log: Log, record: Record) -> None:
    """Check that tags hold the hashes of the commits that they name."""
    for event in record.commit.events:
        if event.key.startswith(f"{TAG}/") and not event.type.endswith(".deleted"):
            now = {field: pair[1] for field, pair in event.data.get("changed", {}).items()} or event.data
            position = now["position"]
            if position >= record.commit.position or log.head_at(position).hash != now.get("hash"):
                raise VerificationFailed(
                    f"commit {record.commit.position}: {event.key} holds another hash than that of commit {position}",
                    position=record.commit.position,
                )


def _before(session: Session, log: Log, moment: Moment) -> Head:
    """Return the head before the first commit since a moment."""
    if moment.position is not None:
        return log.head_at(log.head_at(max(moment.position, 1)).position - 1)
    end = GENESIS
    for record in session.records():
        if moment.starts(record.commit):
            return end
        end = record.head
    raise NotFound(f"there is nothing since {moment.time}: the log ends at {end.position}")


def _report(session: Session, count: int, last: Head, skipped: int) -> None:
    value = {
        "count": count,
        "position": last.position,
        "hash": last.hash,
        "time": last.time or None,
        "skipped": skipped,
    }
    session.print(
        value,
        names=lambda: [str(last.position)],
        text=lambda: (
            f"commits verified: {count:,}; foreign records skipped: {skipped:,}; "
            f"the log ends at position {last.position:,}, hash {last.hash}"
        ),
    )
