"""`midoctl tag`: names for positions of the log, which options that take a moment accept."""

import click

from midonet.cli.framework.command import command
from midonet.cli.options.options import WRITE
from midonet.cli.output import output
from midonet.cli.session.session import Session
from midonet.cli.session.write import write
from midonet.events.commands.command import DropTag, SetTag
from midonet.events.commit import GENESIS, Head
from midonet.events.errors import UsageError
from midonet.events.log.base import commit_at
from midonet.events.system.tag import check_name

_LIST = "list"


@command(
    "tag",
    click.Argument(["name"], required=False),
    click.Argument(["moment"], metavar="[X]", required=False),
    click.Option(["--move"], is_flag=True, help="Move a tag that names another position."),
    click.Option(["--delete"], is_flag=True, help="Delete the tag; commits are not affected."),
    shared=("at", *WRITE),
    examples="""  midoctl tag before-upgrade -m "ticket 9"
  midoctl tag monday 2026-02-02T00:00:00Z
  midoctl diff before-upgrade
  midoctl port list --at before-upgrade
  midoctl tag before-upgrade --delete
  midoctl tag list""",
)
def tag(session: Session, name: str | None, moment: str | None, *, move: bool, delete: bool) -> None:
    """Name a position (default: the end of the log); without a name, list the tags.

    Setting a tag is a commit with actor, time and reason. A tag holds the hash of the commit that it names.
    """
    if name in (None, _LIST):
        if moment is not None or move or delete:
            raise UsageError("no tag: give a NAME")
        _list(session)
    elif not delete:
        at = _head(session, moment)
        write(session, "tag.set", [SetTag(check_name(str(name)), at.position, at.hash, at.time, move=move)])
    elif moment is not None or move:
        raise UsageError("--delete takes only a NAME")
    else:
        write(session, "tag.delete", [DropTag(str(name))])


def _head(session: Session, moment: str | None) -> Head:
    """Return the head of the log as of a moment."""
    if moment is None:
        return session.state.head()
    wanted = session.state.position_of(moment)
    return commit_at(session.log.open(), wanted).head if wanted else GENESIS


def _list(session: Session) -> None:
    found = sorted(session.state.tags(session.state.moment).values(), key=lambda tag: (tag.position, tag.name))
    session.output.print(
        found,
        names=lambda: (tag.name for tag in found),
        text=lambda: (
            output.table(["name", "position", "time"], [(t.name, f"{t.position}", t.time) for t in found])
            if found
            else ""
        ),
    )
    if not found:
        session.output.note("no tags")
