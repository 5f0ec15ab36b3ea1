"""The load of the benchmarks: a store on a durable file, and commands that create and change ports."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import starmap
from pathlib import Path
from typing import Any

from midonet.events.commands.command import Command, Create, Update
from midonet.events.errors import MidonetError
from midonet.events.log import open_log
from midonet.events.log.pending_command import Context, PendingCommand, Result
from midonet.events.log.store import Store

__all__ = [
    "CONTEXT",
    "bare_log",
    "create",
    "created",
    "directory",
    "last_commit",
    "opened",
    "run_all",
    "sqlite_url",
    "update",
]

CONTEXT = Context(actor="bench@localhost", reason="bench")


@contextmanager
def directory() -> Iterator[Path]:
    """Make a directory for a while, on a disk: `/tmp` is often in memory, where durability costs nothing."""
    with tempfile.TemporaryDirectory(prefix="mn-bench-", dir="/var/tmp") as name:
        yield Path(name)


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """Open a store on the log at `url`, at its head."""
    with closing(open_log(url)) as log:
        store = Store(log)
        store.refresh()
        yield store


def sqlite_url(file: Path) -> str:
    """Return the address of a log in a SQLite file."""
    return f"sqlite:///{file}"


def create(kind: str, **fields: Any) -> Command:
    """Return the command that `midoctl KIND create` runs."""
    return Command(f"{kind}.create", [Create(kind, fields)])


def update(kind: str, ref: str, **fields: Any) -> Command:
    """Return the command that `midoctl KIND set` runs."""
    return Command(f"{kind}.set", [Update(kind, ref, fields)])


def created(store: Store, kind: str, **fields: Any) -> str:
    """Create an object; return its id."""
    done = store.execute(create(kind, **fields), CONTEXT)
    assert done.object is not None
    return str(done.object["id"])


def run_all(store: Store, commands: list[Command]) -> list[Result]:
    """Run commands as one batch; raise the first refusal."""
    return [
        _accepted(result) for result in store.run(starmap(PendingCommand, [(command, CONTEXT) for command in commands]))
    ]


def _accepted(result: Result | MidonetError) -> Result:
    if isinstance(result, MidonetError):
        raise result
    return result


def last_commit(store: Store) -> bytes:
    """Return the bytes of the latest commit."""
    before = store.log.head_at(store.topology.head.position - 1)
    return next(store.log.read(before)).raw


def bare_log(file: Path) -> sqlite3.Connection:
    """Make the log's table without the log, as durable."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE commits (position INTEGER PRIMARY KEY, id TEXT UNIQUE, body BLOB)")
    return connection
