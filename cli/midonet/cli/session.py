"""One invocation on one log: opens it as the options say, reads the topology as of a moment, runs a command, prints.

Reads never create a log and never need to write to it. The only way to write is `write`, which is the same for
every command: dry run, demanded head, command id, output and waiting.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Any, Self

from midonet.cli import output, quick
from midonet.cli.moments import END, Moment, parse
from midonet.cli.settings import Settings
from midonet.cli.text import clean, hide_secrets
from midonet.events.command import Command, Op
from midonet.events.commit import GENESIS, Head, Record
from midonet.events.errors import Unavailable
from midonet.events.evolve import fold
from midonet.events.history import Names, describe
from midonet.events.log import Log, open_log
from midonet.events.log.store import Context, Result, Store
from midonet.events.topology import Topology

__all__ = ["Session", "handle"]

_LISTED = 40
"""Changes that a write lists before it only counts them."""


class Session:
    """What a command works with."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.form: str = settings.get("output")
        self._stack = ExitStack()
        self._noted = False

    def __enter__(self) -> Self:
        gc.disable()  # a fold makes many objects and no garbage: collecting doubles its time
        self._stack.callback(gc.enable)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # Reading

    @property
    def url(self) -> str:
        """The address of the log as it was given; it may hold a password."""
        return str(self.settings.get("server"))

    @property
    def moment(self) -> Moment:
        """The moment that a read is about (`--at`)."""
        text = self.settings.get("at")
        return parse(text) if text is not None else END

    def records(self) -> Iterator[Record]:
        """Yield all commits of the log; none, with a note, if there is no log yet."""
        if not quick.absent(self.url):
            return quick.records(self.url)
        if not self._noted:
            self._noted = True
            output.note(f"there is no log at {self.url} yet; the first command that changes something makes it")
        return iter(())

    def head(self) -> Head:
        """Return the end of the log."""
        return GENESIS if quick.absent(self.url) else quick.head(self.url)

    def topology(self) -> Topology:
        """Return the topology as of `--at`."""
        topology = Topology()
        for record in self.moment.upto(self.records()):
            fold(topology, record)
        return topology

    def open(self, *, create: bool = False) -> Log:
        """Open the log itself; `Unavailable` if there is none, unless it shall be made."""
        if not create and quick.absent(self.url):
            raise Unavailable(f"there is no log at {hide_secrets(self.url)}")
        log = open_log(self.url, create=create)
        self._stack.callback(log.close)
        return log

    # Writing

    def write(self, name: str, ops: Sequence[Op], *, listed: int | None = _LISTED) -> None:
        """Run a command made of `ops`, print what became of it and wait for the views that were asked for.

        In tables at most `listed` changes are spelt out.
        """
        wait = self._waiter()
        dry_run: bool = self.settings.get("dry_run")
        store = Store(self._log_to_write(dry_run=dry_run))
        store.refresh()
        result = store.execute(Command(name, list(ops)), self._context(), dry_run=dry_run)
        self._print_result(result, store.topology, listed=listed)
        if dry_run:
            output.note(f"dry run: nothing was written; the log is at position {result.position}")
        elif wait is not None:
            output.flush()
            wait(result.position, store.topology)

    def _log_to_write(self, *, dry_run: bool) -> Log:
        if not dry_run:
            return self.open(create=True)
        if not quick.absent(self.url):
            return self.open()
        return self._empty_log()

    def _empty_log(self) -> Log:
        """Return a log that a dry run may find instead of one that is not there yet."""
        folder = self._stack.enter_context(TemporaryDirectory(prefix="midoctl-"))
        log = open_log(f"sqlite:///{folder}/empty.db")
        self._stack.callback(log.close)
        return log

    def _context(self) -> Context:
        get = self.settings.get
        return Context(
            actor=get("actor"),
            channel="cli",
            reason=get("reason"),
            command_id=get("command_id"),
            if_head=get("if_head"),
        )

    def _waiter(self) -> Callable[[int, Topology], None] | None:
        if not self.settings.get("wait"):
            return None
        from midonet.cli.waiting import waiter

        return waiter(self.settings)

    def _print_result(self, result: Result, topology: Topology, *, listed: int | None) -> None:
        self.print(
            {"position": result.position, "id": result.id, "events": result.events, "object": result.object},
            names=lambda: _affected(result, topology),
            text=lambda: "\n".join(_told(result, topology, listed)),
        )

    # Printing

    def print(self, value: Any, *, names: Callable[[], Iterable[str]], text: Callable[[], str]) -> None:
        """Print a value in the form that was asked for; only that form is computed."""
        match self.form:
            case "json":
                output.write(output.json_text(value))
            case "yaml":
                output.write(output.yaml_text(value))
            case "name":
                self._print_lines(names())
            case _:
                self._print_lines([text()])

    @staticmethod
    def _print_lines(lines: Iterable[str]) -> None:
        for line in lines:
            if line:
                output.write(line)


def _affected(result: Result, topology: Topology) -> Iterator[str]:
    """Yield what the object of a command is called; every object that an `apply` changed."""
    if result.object is not None:
        yield handle(topology, result.object["kind"], result.object["id"], result.object["name"])
    else:
        yield from dict.fromkeys(event.key for event in result.events)


def handle(topology: Topology, kind: str, object_id: str, name: str | None) -> str:
    """Return the name of an object if it alone of its kind has it, else the id: what a script may use as REF."""
    alone = name is not None and all(other.id == object_id for other in topology.named(kind, name))
    return clean(name) if name is not None and alone else object_id


def _told(result: Result, topology: Topology, listed: int | None) -> Iterator[str]:
    """Yield the changes of a command in words."""
    names = Names(topology.find)
    for event in result.events:
        names.note(event)
    for event in result.events[:listed]:
        created = f" (id {event.key.partition('/')[2]})" if event.type.endswith(".created") else ""
        yield clean(describe(event, names)) + created
    if listed is not None and len(result.events) > listed:
        yield f"and {len(result.events) - listed:,} changes more (-o json shows all)"
    if not result.events:
        yield "nothing to change"
