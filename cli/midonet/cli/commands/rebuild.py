"""`midoctl projection rebuild` and `midoctl replay`: write the present or a past view from the log."""

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from midonet.cli.framework.command import command
from midonet.cli.output import output
from midonet.cli.output.progress import progress
from midonet.cli.session.facts_source import servers
from midonet.cli.session.session import Session
from midonet.events.errors import MidonetError, UsageError, VerificationFailed
from midonet.events.log import open_log
from midonet.events.queries.moment import Moment

if TYPE_CHECKING:
    from midonet.projections.maintenance.compare import Differences
    from midonet.projections.maintenance.rebuild import LogSource, Monitor, RebuildReport

_LISTED = 20
_REBUILT = ("nsdb", "vtep")


@command(
    "rebuild",
    click.Argument(["name"], type=click.Choice(_REBUILT)),
    click.Option(["--rollback"], is_flag=True, help="Switch back to the previous generation."),
    click.Option(["--discard"], is_flag=True, help="Remove the unfinished generation of an interrupted rebuild."),
    shared=("dry_run", "no_cache"),
    examples="""  midoctl projection rebuild nsdb --dry-run
  midoctl projection rebuild nsdb
  midoctl projection rebuild nsdb --rollback
  midoctl projection rebuild vtep""",
)
def rebuild(session: Session, name: str, *, rollback: bool, discard: bool) -> None:
    """Rebuild a view from the log, report differences, and switch to it.

    nsdb: builds the next generation while the live one is updated, compares both, and switches the pointer that agents
    follow. The previous generation remains for --rollback. The next rebuild continues an interrupted one; --discard
    removes it. vtep: compares the rows of every switch with the log and repairs them. --dry-run only compares;
    exit 7 if there are differences.
    """
    if rollback and discard:
        raise UsageError("--rollback and --discard cannot be combined")
    if name == "vtep" and (rollback or discard):
        raise UsageError("--rollback and --discard are for nsdb only: a switch has no generations")
    results = list(_switches(session) if name == "vtep" else [_generation(session, rollback=rollback, discard=discard)])
    reports = [each for each in results if not isinstance(each, MidonetError)]
    failures = [each for each in results if isinstance(each, MidonetError)]
    session.output.print(
        reports, names=lambda: [each.target for each in reports], text=lambda: "\n".join(_told(reports))
    )
    if failures:
        output.flush()
        raise type(failures[0])("; ".join(each.message for each in failures), **failures[0].details)
    if not reports:
        session.output.note("there is no VTEP")
    wrong = [each for each in reports if each.differences]
    if wrong and session.settings.get("dry_run"):
        output.flush()
        raise VerificationFailed(
            f"{', '.join(each.target for each in wrong)}: different from the log",
            targets=[each.target for each in wrong],
        )


def _told(reports: "Sequence[RebuildReport]") -> Iterator[str]:
    for each in reports:
        live = f", generation {each.generation}" if each.generation is not None else ""
        back = f" (before: {each.previous})" if each.previous is not None else ""
        yield f"{each.target} is at position {each.position}{live}{back}"
        if each.removed:
            yield f"removed: generation {', '.join(each.removed)}"
        if each.differences is not None:
            yield from _differences(each.differences)


def _differences(found: "Differences") -> Iterator[str]:
    counts = {"missing": found.missing, "extra": found.extra, "different": found.different}
    told = ", ".join(f"{len(keys)} {kind}" for kind, keys in counts.items())
    yield f"compared at position {found.position}: {found.compared:,} values; {told}"
    for kind, keys in counts.items():
        yield from (f"  {kind}: {key}" for key in keys[:_LISTED])
        if len(keys) > _LISTED:
            yield f"  {kind}: and {len(keys) - _LISTED:,} more (-o json shows all)"


def _generation(session: Session, *, rollback: bool, discard: bool) -> "RebuildReport":
    from midonet.projections.maintenance import rebuild_nsdb

    why = "midoctl itself writes the generation, also if --server is a cluster"
    place = servers(session.settings, why), str(session.settings.get("root"))
    who = f"{session.settings.get('actor')} (process {os.getpid()})"
    if session.settings.get("dry_run"):
        return rebuild_nsdb.compare_live(_source(session), place)
    if discard:
        return rebuild_nsdb.discard(place, who, _monitor(session))
    return rebuild_nsdb.rebuild(_opened(session), place, who, _monitor(session), rollback=rollback)


def _switches(session: Session) -> "Iterator[RebuildReport | MidonetError]":
    from midonet.projections.maintenance import rebuild_vtep

    return rebuild_vtep.rebuild(_opened(session), _monitor(session), dry_run=bool(session.settings.get("dry_run")))


def _opened(session: Session) -> "LogSource":
    session.log.open()  # reports why the log cannot be read
    return _source(session)


def _source(session: Session) -> "LogSource":
    from midonet.projections.maintenance.rebuild import LogSource

    state = session.state
    return LogSource(
        lambda: open_log(session.url, read_only=True),
        state.head,
        lambda position: state.topology(Moment(position=min(position, state.head().position))),
        session.log.records,
    )


def _monitor(session: Session) -> "Monitor":
    from midonet.projections.maintenance.rebuild import Monitor

    return Monitor(session.output.note, progress)


@command(
    "replay",
    click.Option(["--projection"], type=click.Choice(_REBUILT), required=True, help="View to write: nsdb or vtep."),
    click.Option(
        ["--into"],
        metavar="TARGET",
        required=True,
        help="zk://HOST:PORT[,…]/PATH, sqlite:///FILE or postgresql+psycopg://….",
    ),
    shared=("at", "no_cache"),
    examples="""  midoctl replay --at before-upgrade --projection nsdb --into zk://127.0.0.1:2181/scratch
  midoctl replay --at 2026-02-02T00:00:00Z --projection nsdb --into sqlite:///monday.db""",
)
def replay(session: Session, projection: str, into: str) -> None:
    """Write a view as of a moment (default: the end of the log) to a separate target.

    The target must be empty or the result of an earlier replay; a live view is refused. Run the command again after an
    interruption to continue.
    """
    from midonet.projections.maintenance.materialise import materialise

    topology = session.state.topology()
    with progress(f"replaying {projection}") as step:
        made = materialise(topology, projection, into, step)
    session.output.print(
        {"projection": projection, "position": made.position, "views": made.views},
        names=lambda: made.views,
        text=lambda: "\n".join(
            f"{name} as of position {made.position}: {count:,} values" for name, count in made.views.items()
        ),
    )
