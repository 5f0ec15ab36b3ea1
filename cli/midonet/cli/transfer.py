"""`midoctl backup`, `restore` and `copy`: the log to a file and back, or to another log, with an unchanged chain."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from midonet.cli.command import command
from midonet.cli.files import writing_whole
from midonet.cli.progress import progress
from midonet.cli.session import Session
from midonet.events.commit import Head
from midonet.events.log import Log, open_log
from midonet.events.log.backup import Backup, write_backup
from midonet.events.log.copying import Source
from midonet.events.log.copying import copy as copy_log

__all__ = ["backup", "copy", "restore"]

_FILE = click.Argument(["path"], metavar="FILE", type=click.Path())


@command("backup", _FILE, examples="  midoctl backup /backups/midonet-monday.log")
def backup(session: Session, path: str) -> None:
    """Write the whole log, as of now, to one file that proves itself: bytes, positions and hashes as they are.

    The file gets its name when it is complete and on the disk; while it is written, the log may go on.
    """
    log = session.open()
    with writing_whole(path) as file, progress("backing up", log.head().position) as step:
        end = write_backup(log, file, step)
    _print(session, end, end.position, "commits backed up", file=path)


@command(
    "restore",
    _FILE,
    examples="""  midoctl --server sqlite:////var/lib/midonet/new.db restore /backups/midonet-monday.log
  midoctl --server kafka://k1:9092/midonet.topology restore /backups/midonet-monday.log""",
)
def restore(session: Session, path: str) -> None:
    """Bring a backup into the log of --server, which is made, is empty, or holds a beginning of what was backed up.

    All of the file is verified before anything is written. Run it again after an interruption: it goes on.
    """
    with closing(Backup(Path(path))) as source, closing(open_log(session.url, create=True)) as target:
        count = _copy(source, target, "restoring")
        _print(session, target.head(), count, "commits restored", file=path)


@command(
    "copy",
    click.Option(
        ["--to", "url"], metavar="URL", required=True, help="Log to copy to, as for --server; made if absent."
    ),
    examples="""  midoctl copy --to postgresql+psycopg://db/midonet
  midoctl --server sqlite:////var/lib/midonet/log.db copy --to kafka://k1:9092,k2:9092,k3:9092/midonet.topology""",
)
def copy(session: Session, url: str) -> None:
    """Copy the log to another one: the same bytes, positions and hashes, whatever either is kept in.

    The target is empty or holds a beginning of the log; run it again to go on after an interruption, or to follow up.
    """
    source = session.open()
    with closing(open_log(url, create=True)) as target:
        count = _copy(source, target, "copying")
        _print(session, target.head(), count, "commits copied", to=target.url)


def _copy(source: Source, target: Log, what: str) -> int:
    with progress(what, source.head().position - target.head().position) as step:
        return copy_log(source, target, step)


def _print(session: Session, end: Head, count: int, what: str, **place: Any) -> None:
    value = {"position": end.position, "hash": end.hash, "count": count, **place}
    session.print(
        value,
        names=lambda: [str(end.position)],
        text=lambda: f"{what}: {count:,}; it ends at position {end.position:,}, hash {end.hash}",
    )
