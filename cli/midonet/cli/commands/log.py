"""`midoctl log`, `history`, `diff` and `head`: queries on the log."""

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import click
from msgspec.structs import replace

from midonet.cli.catalog.kinds import KIND_HELP
from midonet.cli.framework.command import REF, OneOf, command
from midonet.cli.framework.completion import complete_any
from midonet.cli.options.options import READ
from midonet.cli.output import output
from midonet.cli.output.formats import Printer
from midonet.cli.output.sanitize import clean
from midonet.cli.session.session import Session
from midonet.events.commit import GENESIS, Commit, Event, Head, Record
from midonet.events.errors import UsageError
from midonet.events.log import Bookmark
from midonet.events.queries.log_filter import Filter, entry
from midonet.events.queries.moment import END, Moment

if TYPE_CHECKING:
    from midonet.events.queries.names import Names
    from midonet.projections.history_index.reader import IndexReader


_LISTED = 20
"""Events of one commit that a table lists; further ones are counted."""


_NOTES = ("tag", "projection", "service", "user")
"""Kinds of system objects, as `midonet.events.system.objects.NOTES`, which is only loaded where it is needed."""


class _Query(NamedTuple):
    """What `log` shows."""

    wanted: Filter = Filter()
    ref: str | None = None
    """The object whose key the filter does not have yet."""
    limit: int | None = None


@command(
    "log",
    click.Option(["--since"], metavar="X", help="From this position, time or tag on."),
    click.Option(["--until"], metavar="X", help="Up to this position, time or tag."),
    click.Option(["--kind"], type=OneOf([*KIND_HELP, *_NOTES]), metavar="KIND", help="Only commits on this kind."),
    click.Option(
        ["--object", "ref"], type=REF, metavar="REF", help="Only commits on this object, which may be deleted."
    ),
    click.Option(["--actor"], metavar="A", help="Only commits of this actor (user@host, or user)."),
    click.Option(["-n", "--limit"], type=click.IntRange(min=1), metavar="N", help="Only the last N."),
    click.Option(["--follow"], is_flag=True, help="Wait for further commits and show them."),
    shared=READ,
    examples="""  midoctl log -n 10
  midoctl log --object web/p1 --since 2026-01-31T12:00:00Z
  midoctl log --actor alice --kind port -o json | jq .reason
  midoctl log -n 1 --follow""",
)
def log(session: Session, ref: str | None, limit: int | None, *, follow: bool, **where: str | None) -> None:
    """Show the commits of the log, the newest last: actor, time, reason and changes."""
    if follow and (where["until"] is not None or session.state.moment != END):
        raise UsageError("--follow takes neither --until nor --at")
    since, until = (
        session.state.parse_moment(text) if text is not None else END for text in (where["since"], where["until"])
    )
    query = _Query(Filter(since=since, until=until, kind=where["kind"], actor=where["actor"]), ref, limit)
    printer = _CommitPrinter(session.output)
    if query == _Query():
        wanted = _read(session, printer, query)
    else:
        wanted = session.state.query(
            lambda past: _look_up(session, past, printer, query), lambda: _read(session, printer, query)
        )
    if follow:
        _follow(session, printer, wanted)


def _look_up(session: Session, past: "IndexReader", printer: "_CommitPrinter", query: _Query) -> Filter:
    """Print what the index finds; return the filter, with the key of the object."""
    from midonet.projections.history_index.index import Query

    wanted, ref, limit = query
    upto = session.state.moment.position_in(past)
    if ref is not None:
        wanted = replace(wanted, key=_key(past, upto, ref))
    low, high = wanted.since.first_in(past), min(upto, wanted.until.last_in(past))
    found = past.select(Query(low, high, wanted.key, wanted.kind, wanted.actor), newest_first=limit is not None)
    shown: Iterable[Record] = (record for record in found if wanted.shows(record.commit))
    for record in reversed(list(islice(shown, limit))) if limit is not None else shown:
        printer.print(record, lambda record: _names_at(past, record.commit.position))
    printer.resume(past.head, lambda: _names_at(past, past.head.position))
    past.release()  # `--follow` may run for days
    return wanted


def _key(past: "IndexReader", upto: int, ref: str) -> str:
    """Return the key of the object that `ref` names; errors as of `Names.find`."""
    found = past.matches(ref, upto, KIND_HELP)
    return found[0] if len(found) == 1 else _names_at(past, upto).find(ref, system=True)


def _names_at(past: "IndexReader", position: int) -> "Names":
    from midonet.projections.history_index.names import NamesAt

    return NamesAt(past, position)


def _read(session: Session, printer: "_CommitPrinter", query: _Query) -> Filter:
    """Print what a scan of the log finds; return the filter, with the key of the object."""
    wanted, ref, limit = query
    if ref is not None:
        wanted = replace(wanted, key=_find(session, ref))
    first = 0
    if limit is not None:  # names are as of each commit: so no name is read before it is printed
        found = (r.commit.position for r in session.state.commits() if wanted.shows(r.commit))
        first = next(iter(deque(found, limit)), 0)
    for record in printer.reading(session.state.commits()):
        if record.commit.position >= first and wanted.shows(record.commit):
            printer.print(record, printer.names)
    return wanted


def _follow(session: Session, printer: "_CommitPrinter", wanted: Filter) -> None:
    output.flush()
    gc.enable()  # this may run for days
    log = session.log.backend() if session.log.restricted else session.log.open()
    log.seek(Bookmark(printer.head.position, printer.head.hash, session.log.offset_hint(printer.head.position)))
    for item in log.follow(printer.head, stopped=lambda: False):
        if isinstance(item, Record):
            printer.read(item)
            if wanted.shows(item.commit):
                printer.print(item, printer.names)
                output.flush()


class _CommitPrinter:
    """Prints commits one by one; for tables it keeps the names that objects had at each position."""

    def __init__(self, printer: Printer) -> None:
        self.head: Head = GENESIS
        self._printer = printer
        self._printed = 0
        self._names: Names | None = None

    def names(self, _: Record | None = None) -> "Names":
        """Return the names as of the last commit read."""
        if self._names is None:
            from midonet.events.queries.names import Names

            self._names = Names()
        return self._names

    def resume(self, head: Head, names: "Callable[[], Names]") -> None:
        """Go on after a head, with the names as of there."""
        self.head = head
        if self._printer.form == "table":
            self._names = names()

    def read(self, record: Record) -> None:
        """Read a commit, printed or not."""
        self.head = record.head
        if self._printer.form == "table":
            self.names().add_commit(record.commit)

    def reading(self, records: Iterable[Record]) -> Iterator[Record]:
        """Read each commit and yield it."""
        for record in records:
            self.read(record)
            yield record

    def print(self, record: Record, names: "Callable[[Record], Names]") -> None:
        """Print one commit, unless it was printed already; `names` returns the names as of the commit."""
        if record.commit.position > self._printed:
            self._printed = record.commit.position
            self._printer.commit(record, lambda: _text(record.commit, names(record)))


def _text(commit: Commit, names: "Names") -> str:
    lines = [_heading(commit), *(clean(f"    {_describe(event, names)}") for event in commit.events[:_LISTED])]
    if len(commit.events) > _LISTED:
        lines.append(f"    and {len(commit.events) - _LISTED:,} more events (-o json shows all)")
    return "\n".join(lines)


def _heading(commit: Commit) -> str:
    reason = f'  "{commit.reason}"' if commit.reason else ""
    text = f"{commit.time}  {commit.actor}  {commit.command.name}{reason}"
    return f"{output.strong(str(commit.position))}  {clean(text)}"


def _find(session: Session, ref: str) -> str:
    """Return the key of the object that `ref` names, from a scan of the log."""
    from midonet.events.queries.names import names_of

    return names_of(session.state.commits()).find(ref, system=True)


_OBJECT = click.Argument(["ref"], type=REF, metavar="REF", shell_complete=complete_any)


@command(
    "history",
    _OBJECT,
    shared=READ,
    examples="""  midoctl history web
  midoctl history port/web/p1 -o json
  midoctl history projection/nsdb""",
)
def history(session: Session, ref: str) -> None:
    """Show the change history of one object, which may be deleted: every event with actor, time and reason.

    REF may be KIND/REF if objects of several kinds have the name. Controls of projections and services, tags and users
    have a history, too: projection/nsdb, service/vtep@node1, tag/monday, or the name alone.
    """
    changes = session.state.query(lambda past: _looked_up(session, past, ref), lambda: _scanned(session, ref))
    session.output.print(
        [entry(commit, event) for commit, event, _ in changes],
        names=lambda: (str(commit.position) for commit, _, _ in changes),
        text=lambda: "\n".join(f"{_heading(commit)}\n    {clean(text)}" for commit, _, text in changes),
    )


_Changes = list[tuple[Commit, Event, str]]
"""Commits and events on one object, and their text if the output format needs it."""


def _looked_up(session: Session, past: "IndexReader", ref: str) -> _Changes:
    upto = session.state.moment.position_in(past)
    key = _key(past, upto, ref)
    records = map(past.record, past.touching(key, upto))
    return list(_changes(session, key, records, lambda record: _names_at(past, record.commit.position)))


def _scanned(session: Session, ref: str) -> _Changes:
    key = _find(session, ref)
    printer = _CommitPrinter(Printer("table"))
    return list(_changes(session, key, printer.reading(session.state.commits()), printer.names))


def _changes(
    session: Session, key: str, records: Iterable[Record], names: "Callable[[Record], Names]"
) -> Iterator[tuple[Commit, Event, str]]:
    for record in records:
        for event in record.commit.events:
            if event.key == key:
                yield record.commit, event, _describe(event, names(record)) if session.output.form == "table" else ""


def _describe(event: Event, names: "Names") -> str:
    from midonet.events.queries.describe import describe

    return describe(event, names)


@command(
    "diff",
    click.Argument(["start"], metavar="FROM"),
    click.Argument(["end"], metavar="[TO]", required=False),
    examples="""  midoctl diff 12
  midoctl diff 2026-01-31T12:00:00Z 2026-01-31T13:00:00Z""",
)
def diff(session: Session, start: str, end: str | None) -> None:
    """Show the differences between two moments, one line per object. Default of TO: the end of the log."""
    from midonet.events.queries.describe import describe

    one = session.state.position_of(start)
    other = session.state.position_of(end) if end is not None else session.state.head().position
    events, names = _difference(session, one, other)
    session.output.print(
        {"from": one, "to": other, "events": events},
        names=lambda: (event.key for event in events),
        text=lambda: "\n".join(clean(describe(event, names)) for event in events),
    )
    if not events:
        session.output.note(f"no differences between positions {one} and {other}")


def _difference(session: Session, one: int, other: int) -> "tuple[list[Event], Names]":
    """Return the events that lead from one position to another, and the names of objects."""
    if session.cluster is None or not session.log.restricted:
        return _folded(session, one, other)
    from midonet.cli.session.remote_topology import difference_of

    return difference_of(session.cluster, one, other)


def _folded(session: Session, one: int, other: int) -> "tuple[list[Event], Names]":
    from midonet.events.queries.diff import difference
    from midonet.events.queries.names import Names
    from midonet.events.topology.evolve import fold, invert

    first, last = sorted((one, other))
    topology, changes = session.state.fold(Moment(position=first)), []
    names, place = Names(topology.find), session.log.offset_hint(first)
    for record in Moment(position=last).upto(session.log.records(topology.head, place), first):
        changes += fold(topology, record)
        names.add_commit(record.commit)
    events = difference(changes)
    return events if one <= other else invert(events), names


@command("head", shared=READ, examples="  midoctl head -o json")
def head(session: Session) -> None:
    """Show the end of the log: position, hash, time."""
    end = session.state.head() if session.state.moment == END else session.state.head_at(session.state.moment)
    value = {"position": end.position, "hash": end.hash, "time": end.time or None}
    session.output.print(
        value,
        names=lambda: [str(end.position)],
        text=lambda: output.table([], [(name, str(item or "none")) for name, item in value.items()]),
    )
