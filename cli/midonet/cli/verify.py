"""`midoctl verify`: whether the log is what it was, byte by byte, and whether its events fit each other."""

import click

from midonet.cli.command import command
from midonet.cli.progress import progress
from midonet.cli.session import Session
from midonet.events.commit import GENESIS
from midonet.events.log.verification import before, verified

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
    after = before(log, session.moment_of(start)) if start is not None else GENESIS
    with progress("verifying", log.head().position - after.position) as advance:
        found = verified(log, after, advance)
    session.print(
        found,
        names=lambda: [str(found.position)],
        text=lambda: (
            f"commits verified: {found.count:,}; foreign records skipped: {found.skipped:,}; "
            f"the log ends at position {found.position:,}, hash {found.hash}"
        ),
    )
