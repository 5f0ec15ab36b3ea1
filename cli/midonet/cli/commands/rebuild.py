"""`midoctl projection rebuild` and `midoctl replay`: views made anew from the log, beside what is live or elsewhere."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import click
from msgspec import Struct

from midonet.cli.framework.command import command
from midonet.cli.output import output
from midonet.cli.output.progress import progress
from midonet.cli.session.session import Session
from midonet.cli.session.wait import servers
from midonet.events.commit import Head
from midonet.events.errors import MidonetError, UsageError, VerificationFailed
from midonet.events.log import open_log
from midonet.events.queries.moment import Moment
from midonet.events.topology.topology import Topology
from midonet.projections.base import Checkpoint
from midonet.projections.engine.feed import Feed
from midonet.projections.maintenance.compare import Differences, compare

_LISTED = 20
_REBUILT = ("nsdb", "vtep")


class _Report(Struct):
    """What a rebuild came to."""

    projection: str
    target: str
    position: int
    generation: str | None = None
    previous: str | None = None
    removed: list[str] = []
    differences: Differences | None = None


@command(
    "rebuild",
    click.Argument(["name"], type=click.Choice(_REBUILT)),
    click.Option(["--rollback"], is_flag=True, help="Go back to the generation that was live before."),
    click.Option(["--discard"], is_flag=True, help="Remove a generation that was begun and not finished; build none."),
    shared=("dry_run", "no_cache"),
    examples="""  midoctl projection rebuild nsdb --dry-run
  midoctl projection rebuild nsdb
  midoctl projection rebuild nsdb --rollback
  midoctl projection rebuild vtep""",
)
def rebuild(session: Session, name: str, *, rollback: bool, discard: bool) -> None:
    """Rebuild a view from the log, report how the present one differs, and switch to it.

    nsdb: the next generation is built beside the live one, which goes on meanwhile; then both are compared and the
    pointer that agents follow is switched. The one before is kept for --rollback. An interrupted rebuild is continued
    by the next one, or removed with --discard. vtep: the rows of every switch are compared with the log and repaired.
    With --dry-run it only compares; exit 7 if something differs.
    """
    if rollback and discard:
        raise UsageError("--rollback and --discard are two things: choose one")
    failures: list[MidonetError] = []
    if name == "vtep":
        if rollback or discard:
            raise UsageError("a switch has one set of rows: there is nothing to go back to or to discard")
        reports = list(_switches(session, failures))
    else:
        reports = [_generation(session, rollback=rollback, discard=discard)]
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
            f"{', '.join(each.target for each in wrong)}: not what the log says",
            targets=[each.target for each in wrong],
        )


def _told(reports: Sequence[_Report]) -> Iterator[str]:
    for each in reports:
        live = f", generation {each.generation}" if each.generation is not None else ""
        back = f" (before: {each.previous})" if each.previous is not None else ""
        yield f"{each.target} is at position {each.position}{live}{back}"
        if each.removed:
            yield f"removed: generation {', '.join(each.removed)}"
        if each.differences is not None:
            yield from _differences(each.differences)


def _differences(found: Differences) -> Iterator[str]:
    counts = {"missing": found.missing, "extra": found.extra, "different": found.different}
    told = ", ".join(f"{len(keys)} {kind}" for kind, keys in counts.items())
    yield f"compared at position {found.position}: {found.compared:,} values; {told}"
    for kind, keys in counts.items():
        yield from (f"  {kind}: {key}" for key in keys[:_LISTED])
        if len(keys) > _LISTED:
            yield f"  {kind}: and {len(keys) - _LISTED:,} more (-o json shows all)"


# -- nsdb


def _generation(session: Session, *, rollback: bool, discard: bool) -> _Report:
    from midonet.projections.zookeeper.generations import Generations

    place = servers(session.settings), str(session.settings.get("root"))
    with closing(Generations(*place)) as generations:
        if session.settings.get("dry_run"):
            live = generations.live()
            found = _compare(session, generations, live, place[1])
            return _Report("nsdb", f"{place[1]}/nsdb", found.position, live, differences=found)
        with generations.exclusive(
            f"{session.settings.get('actor')} (process {os.getpid()})",
            lambda who: session.output.note(f"{who} holds the lock of the generations; waiting for it"),
        ):
            if discard:
                return _discarded(generations, place[1])
            return _rebuilt(session, generations, place, rollback=rollback)


def _discarded(generations: Any, root: str) -> _Report:
    with progress("removing documents") as step:
        removed = generations.discard(step)
    live = generations.live()
    position = generations.checkpoint(live).position
    return _Report("nsdb", f"{root}/nsdb", position, live, removed=[removed] if removed is not None else [])


def _rebuilt(session: Session, generations: Any, place: tuple[str, str], *, rollback: bool) -> _Report:
    from midonet.projections.maintenance.rebuild import build, roll_back

    before, found = generations.live(), None
    with _following(session) as feed:
        if rollback:
            with progress("bringing the former generation up to date") as step:
                generation = roll_back(feed, generations, place, step)
        else:
            generation, begun = generations.begin()
            if begun:
                session.output.note(f"continuing generation {generation}, which was begun before")
            total = _documents(feed, place[1])
            with progress(f"building generation {generation}", total) as step:
                found = _compare(session, generations, before, place[1])
                build(feed, generations, place, generation, step)
    with progress("removing old generations") as step:
        removed = generations.prune(step)
    position = generations.checkpoint(generation).position
    return _Report("nsdb", f"{place[1]}/nsdb", position, generation, before, removed, found)


def _documents(feed: Feed, root: str) -> Callable[[], int]:
    """Return a function that counts what there will be to write, for the progress bar."""

    def count() -> int:
        from midonet.projections.nsdb import NsdbProjection

        projection = NsdbProjection(root)
        with feed.reading() as topology:
            projection.attach(topology)
        return sum(1 for _ in projection.keys())  # noqa: SIM118 - not a mapping

    return count


def _compare(session: Session, generations: Any, generation: str, root: str) -> Differences:
    from midonet.projections.maintenance.rebuild import GenerationView
    from midonet.projections.nsdb import NsdbProjection, same_document, view_base

    projection = NsdbProjection(view_base(root, generation))
    place = GenerationView(generations, generation)
    return compare(projection, place, lambda at: _topology_at(session, at), _records(session), same_document)


def _topology_at(session: Session, position: int) -> Topology:
    return session.state.topology(Moment(position=min(position, session.state.head().position)))


def _records(session: Session) -> Callable[[Head], Iterator[Any]]:
    return session.log.records


@contextmanager
def _following(session: Session) -> Iterator[Feed]:
    """Follow the log for a while, read to its present end."""
    session.log.open()  # says what is wrong with the log, if anything
    feed = Feed(lambda: open_log(session.url, create=False), idle=0.2)
    feed.start()
    try:
        with progress("reading the log", session.state.head().position):
            feed.wait_until_read(lambda: feed.error is not None)
        if feed.error is not None:
            raise feed.error
        yield feed
    finally:
        feed.stop()


# -- vtep


class _Switch:
    """The rows of a switch, for comparing."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._rows: dict[Any, Any] = {}

    def checkpoint(self) -> Checkpoint:
        """Return its checkpoint."""
        from midonet.projections.vtep import read_checkpoint

        return read_checkpoint(*self._address)

    def read(self, keys: Collection[Any] | None) -> Mapping[Any, Any]:
        """Return its rows."""
        from midonet.projections.vtep import read_rows

        self._rows = rows = read_rows(*self._address)
        return rows if keys is None else {key: rows[key] for key in keys if key in rows}

    def held(self, key: Any) -> Any:
        """Return what was read last under a key."""
        from midonet.projections.vtep.learned_macs import CurrentRow

        return CurrentRow(self._rows[key], 0) if key in self._rows else None


def _switches(session: Session, failures: list[MidonetError]) -> Iterator[_Report]:
    """Compare every switch with the log, and repair it; an unreachable one does not stop the others."""
    with _following(session) as feed:
        vteps = list(session.state.topology().all("vtep").values())
        with progress("switches", len(vteps)) as step:
            for vtep in vteps:
                try:
                    yield _switch(session, feed, vtep)
                except MidonetError as error:
                    failures.append(error)
                step(1)


def _switch(session: Session, feed: Feed, vtep: Any) -> _Report:
    from midonet.projections.maintenance.rebuild import LogOnlyProjection, bring_up_to_date
    from midonet.projections.vtep import VtepTarget

    address = vtep.management_ip, vtep.management_port
    try:
        place = _Switch(address)
        found = compare(
            LogOnlyProjection(vtep.id, place.held), place, lambda at: _topology_at(session, at), _records(session)
        )
        position = found.position
        if not session.settings.get("dry_run"):
            target, reached = VtepTarget(*address), list[int]()
            projection = LogOnlyProjection(vtep.id, target.current)
            bring_up_to_date(feed, projection, target, lambda at: _reached(at, feed, reached))
            position = reached[-1]
    except MidonetError as error:
        raise type(error)(f"vtep {vtep.name or vtep.id}: {error.message}", **error.details) from None
    return _Report("vtep", f"vtep {vtep.name or vtep.id}", position, differences=found)


def _reached(position: int, feed: Feed, reached: list[int]) -> bool:
    reached.append(position)
    return position == feed.head.position


# -- replay


@command(
    "replay",
    click.Option(["--projection"], type=click.Choice(_REBUILT), required=True, help="What to make: nsdb or vtep."),
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
    """Make a view as of a moment (the end of the log if absent), in a place of its own.

    The place is empty or was made by a replay before; a live view is refused. Run it again after an interruption: it
    goes on.
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
