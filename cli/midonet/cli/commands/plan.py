"""`midoctl plan`: show what `apply` would change, and write it to a file for `apply --plan`.

A plan holds the command with its id, the head that it was made on, and its events. It is applied only on that head and
only if it is decided to the same events again.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import click
import msgspec
from msgspec import Struct

from midonet.cli.framework.command import command
from midonet.cli.input.manifests import FILES, load_manifests
from midonet.cli.input.yaml_files import read
from midonet.cli.output.atomic_file import atomic_write
from midonet.cli.output.sanitize import clean
from midonet.cli.session.session import Session
from midonet.cli.session.write import as_text, attempt, write
from midonet.events.commands.command import Command
from midonet.events.commit import Event, Head, Record, canonical
from midonet.events.errors import Conflict, HeadMoved, InvalidValue
from midonet.events.log.pending_command import Context, Result
from midonet.events.log.store import Store, value_of
from midonet.events.redaction import redact
from midonet.events.topology.topology import Topology
from midonet.projections.maintenance.impact import impact, with_names

_LISTED = 100
"""Commits since a plan that its refusal lists."""


class Plan(Struct, frozen=True, kw_only=True):
    """The content of the file."""

    midonet_plan: Literal[1] = 1
    server: str
    head: Head
    id: str
    command: Command
    events: list[Event]
    hosts: list[dict[str, str | None]]
    vteps: list[dict[str, str | None]]


@command(
    "plan",
    *FILES,
    click.Option(["--out"], metavar="PLAN", type=click.Path(), help="Write the plan to a file, for apply --plan."),
    shared=("if_head",),
    examples="""  midoctl plan -f network.yaml --prune
  midoctl plan -f rack2.yaml --out rack2.plan
  midoctl apply --plan rack2.plan""",
)
def plan(session: Session, files: Sequence[str], more: Sequence[str], out: str | None, *, prune: bool) -> None:
    """Show every change that apply would make, and the affected hosts and VTEPs; write nothing.

    A plan of --out can be applied until the log changes.
    """
    with load_manifests([*files, *more], prune=prune) as put:
        wanted = Command("apply", [put])
        result, topology = attempt(session, wanted, dry_run=True)
    made = _plan(session, wanted, result, topology)
    if out is not None:
        with atomic_write(out) as file:
            file.write(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    session.output.print(
        {**value_of(result), "hosts": made.hosts, "vteps": made.vteps},
        names=lambda: dict.fromkeys(event.key for event in result.events),
        text=lambda: "\n".join([*as_text(result, topology, None), *_affected(made)]),
    )
    session.output.note(f"nothing was written; the log is at position {result.position}")


def _plan(session: Session, wanted: Command, result: Result, topology: Topology) -> Plan:
    found = impact(topology, result.events)
    return Plan(
        server=redact(session.url),
        head=topology.head,
        id=result.id,
        command=wanted,
        events=result.events,
        hosts=with_names("host", found.hosts, topology, result.events),
        vteps=with_names("vtep", found.vteps, topology, result.events),
    )


def _affected(made: Plan) -> Iterator[str]:
    for title, found in (("hosts", made.hosts), ("VTEPs", made.vteps)):
        if found:
            yield clean(f"affected {title}: {', '.join(str(one['name'] or one['id']) for one in found)}")
    if made.events and not made.hosts and not made.vteps:
        yield "no hosts or VTEPs are affected"


def apply_plan(session: Session, path: str) -> None:
    """Apply a plan on the head that it was made on."""
    made = _read(path)
    session.settings.give("if_head", str(made.head.position))
    session.settings.give("command_id", made.id)

    def check(store: Store) -> None:
        if store.log.find(made.id) is None:  # else it is applied already, and the result is the same
            _check(made, store)

    write(session, made.command.name, made.command.ops, before=check)


def _read(path: str) -> Plan:
    try:
        return msgspec.json.decode(read(path), type=Plan)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidValue(f"{path}: not a plan of this release ({error})", file=path) from None


def _check(made: Plan, store: Store) -> None:
    """Raise `HeadMoved` with the commits since, or `Conflict` for another log or other events."""
    head, seen = store.topology.head, made.head
    if head.position < seen.position or store.log.head_at(seen.position).hash != seen.hash:
        raise Conflict(f"the plan was made on another log, {made.server}", server=made.server)
    if head.position > seen.position:
        raise _head_moved(seen, head, list(store.log.read(seen)))
    trial = store.execute(made.command, Context(actor="plan", command_id=made.id), dry_run=True)
    if canonical(trial.events) != canonical(made.events):
        raise Conflict("this release decides other changes than the plan shows; make a new plan")


def _head_moved(seen: Head, head: Head, since: Sequence[Record]) -> HeadMoved:
    listed = [_summary(record) for record in since[:_LISTED]]
    commits = "; ".join(f"{one['position']} {one['command']} by {one['actor']}" for one in listed)
    return HeadMoved(
        f"head is {head.position}, the plan expected {seen.position}: {commits}; make a new plan",
        expected=seen.position,
        actual=head.position,
        commits=listed,
    )


def _summary(record: Record) -> dict[str, Any]:
    commit = record.commit
    return {
        "position": commit.position,
        "id": commit.id,
        "time": commit.time,
        "actor": commit.actor,
        "command": commit.command.name,
        "reason": commit.reason,
    }
