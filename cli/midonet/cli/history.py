"""Ask the log: who changed what, when and why; what became of an object; what differs between two moments."""

import gc
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import click

from midonet.cli import output
from midonet.cli.command import REF, OneOf, command
from midonet.cli.completion import complete_any
from midonet.cli.kinds import KIND_HELP
from midonet.cli.session import Session
from midonet.cli.settings import READ
from midonet.cli.text import clean
from midonet.events.commit import GENESIS, Commit, Head, Record
from midonet.events.errors import UsageError
from midonet.events.history import Names, describe
from midonet.events.moments import END, Moment
from midonet.events.queries import Filter, differing, entry, names_of

__all__ = ["diff", "head", "history", "log"]

_LISTED = 20
"""Events of one commit that a table lists before it only counts them."""


_NOTES = ("tag", "projection", "service", "user")
"""Kinds of notes, as `midonet.events.notes.NOTES`, which is only loaded where it is needed."""


@command(
    "log",
    click.Option(["--since"], metavar="X", help="From this position, time or tag on."),
    click.Option(["--until"], metavar="X", help="Up to this position, time or tag."),
    click.Option(["--kind"], type=OneOf([*KIND_HELP, *_NOTES]), metavar="KIND", help="Only what is about this kind."),
    click.Option(
        ["--object", "ref"], type=REF, metavar="REF", help="Only what is about this object, deleted ones included."
    ),
    click.Option(["--actor"], metavar="A", help="Only what this actor did (user@host, or user)."),
    click.Option(["-n", "--limit"], type=click.IntRange(min=1), metavar="N", help="Only the last N."),
    click.Option(["--follow"], is_flag=True, help="Go on with what comes."),
    shared=READ,
    examples="""  midoctl log -n 10
  midoctl log --object web/p1 --since 2026-01-31T12:00:00Z
  midoctl log --actor alice --kind port -o json | jq .reason
  midoctl log -n 1 --follow""",
)
def log(session: Session, ref: str | None, limit: int | None, *, follow: bool, **where: str | None) -> None:
    """Show who changed what, when and why: one commit after the other, the newest last."""
    if follow and (where["until"] is not None or session.moment != END):
        raise UsageError("--follow has no end: leave out --until and --at")
    upto = session.moment
    key = names_of(upto.upto(session.records())).find(ref) if ref is not None else None
    moments = {name: session.moment_of(where[name] or "") for name in ("since", "until") if where[name] is not None}
    wanted = Filter(kind=where["kind"], key=key, actor=where["actor"], **moments)
    printer = _Printer(session.form)
    shown = (record for record in printer.noting(upto.upto(session.records())) if wanted.shows(record.commit))
    for record in deque(shown, limit) if limit else shown:
        printer.print(record)
    if follow:
        _follow(session, printer, wanted)


def _follow(session: Session, printer: "_Printer", wanted: Filter) -> None:
    output.flush()
    gc.enable()  # this may go on for days
    for item in session.open().follow(printer.head, stopped=lambda: False):
        if isinstance(item, Record):
            printer.note(item)
            if wanted.shows(item.commit):
                printer.print(item)
                output.flush()


class _Printer:
    """Prints commits one by one; in tables it knows what objects were called at the time."""

    def __init__(self, form: str) -> None:
        self.head: Head = GENESIS
        self._form = form
        self._names = Names()

    def note(self, record: Record) -> None:
        """Learn from a commit, shown or not."""
        self.head = record.head
        if self._form == "table":
            self._names.note_all(record.commit)

    def noting(self, records: Iterable[Record]) -> Iterator[Record]:
        """Learn from each commit as it passes by."""
        for record in records:
            self.note(record)
            yield record

    def print(self, record: Record) -> None:
        """Print one commit."""
        match self._form:
            case "json":
                output.write(" ".join(record.raw.decode().split("\n")))
            case "yaml":
                output.write(f"---\n{output.yaml_text(record.commit)}")
            case "name":
                output.write(str(record.commit.position))
            case _:
                self._tell(record.commit)

    def _tell(self, commit: Commit) -> None:
        output.write(_heading(commit))
        for event in commit.events[:_LISTED]:
            output.write(clean(f"    {describe(event, self._names)}"))
        if len(commit.events) > _LISTED:
            output.write(f"    and {len(commit.events) - _LISTED:,} events more (-o json shows all)")


def _heading(commit: Commit) -> str:
    reason = f'  "{commit.reason}"' if commit.reason else ""
    text = f"{commit.time}  {commit.actor}  {commit.command.name}{reason}"
    return f"{output.strong(str(commit.position))}  {clean(text)}"


_OBJECT = click.Argument(["ref"], type=REF, metavar="REF", shell_complete=complete_any)


@command(
    "history",
    _OBJECT,
    shared=READ,
    examples="""  midoctl history web
  midoctl history port/web/p1 -o json""",
)
def history(session: Session, ref: str) -> None:
    """Show what became of one object, deleted ones included: every event with who, when and why.

    REF may be KIND/REF where a bridge and a router, say, have the same name.
    """
    key = names_of(session.moment.upto(session.records())).find(ref)
    names = Names()
    entries: list[dict[str, Any]] = []
    lines: list[str] = []
    for record in session.moment.upto(session.records()):
        names.note_all(record.commit)
        for event in record.commit.events:
            if event.key == key:
                entries.append(entry(record.commit, event))
                lines.append(f"{_heading(record.commit)}\n    {clean(describe(event, names))}")
    session.print(entries, names=lambda: (str(one["position"]) for one in entries), text=lambda: "\n".join(lines))


@command(
    "diff",
    click.Argument(["start"], metavar="FROM"),
    click.Argument(["end"], metavar="[TO]", required=False),
    examples="""  midoctl diff 12
  midoctl diff 2026-01-31T12:00:00Z 2026-01-31T13:00:00Z""",
)
def diff(session: Session, start: str, end: str | None) -> None:
    """Show what differs between two moments, one line per object; TO is the end of the log if absent."""
    one = session.position_of(start)
    other = session.position_of(end) if end is not None else session.head().position
    names = Names()
    events = differing(_noting(names, Moment(position=max(one, other)).upto(session.records())), one, other)
    session.print(
        {"from": one, "to": other, "events": events},
        names=lambda: (event.key for event in events),
        text=lambda: "\n".join(clean(describe(event, names)) for event in events),
    )
    if not events:
        session.note(f"nothing differs between positions {one} and {other}")


def _noting(names: Names, records: Iterable[Record]) -> Iterator[Record]:
    for record in records:
        names.note_all(record.commit)
        yield record


@command("head", shared=READ, examples="  midoctl head -o json")
def head(session: Session) -> None:
    """Show the end of the log: position, hash, time."""
    end = session.head() if session.moment == END else _head_at(session)
    value = {"position": end.position, "hash": end.hash, "time": end.time or None}
    session.print(
        value,
        names=lambda: [str(end.position)],
        text=lambda: output.table([], [(name, str(item or "none")) for name, item in value.items()]),
    )


def _head_at(session: Session) -> Head:
    end = GENESIS
    for record in session.moment.upto(session.records()):
        end = record.head
    return end
