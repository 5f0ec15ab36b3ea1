"""`midoctl revert`: undo one commit by another one."""

import click

from midonet.cli.framework.command import command
from midonet.cli.options.options import WRITE
from midonet.cli.session.session import Session
from midonet.cli.session.write import write
from midonet.events.commands.command import Revert
from midonet.events.log.base import commit_at
from midonet.events.topology.evolve import invert


@command(
    "revert",
    click.Argument(["position"], type=click.IntRange(min=1), metavar="POSITION"),
    shared=WRITE,
    examples="""  midoctl revert 12 --dry-run
  midoctl revert 12 -m "ticket 8: the wrong port" --wait agents""",
)
def revert(session: Session, position: int) -> None:
    """Undo all changes of one commit by a new commit.

    Deleted objects are created again with their ids and allocated numbers. Refused, with all conflicts, if a field was
    changed since, an object is in use, or a name or number was given to another object.
    """
    commit = commit_at(session.log.open(), position).commit
    write(
        session,
        "revert",
        [Revert(position, invert(commit.events))],
        listed=None,
        reason=f"revert of position {position}",
        causation=commit.id,
    )
