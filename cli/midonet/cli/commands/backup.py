"""`midoctl backup`, `restore` and `copy`: the log to a file and back, or to another log, with an unchanged chain."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from midonet.cli.framework.command import command
from midonet.cli.output.atomic_file import atomic_write
from midonet.cli.output.progress import progress, tracked
from midonet.cli.session.session import Session
from midonet.events.commit import GENESIS, Head, Record
from midonet.events.errors import NotFound
from midonet.events.log import Log, open_log
from midonet.events.log.backup import Backup, write_backup
from midonet.events.log.copying import Beginning, Source
from midonet.events.log.copying import copy as copy_log
from midonet.events.queries.moment import Moment, parse
from midonet.events.suggestions import suggest
from midonet.events.system.tag import is_name
from midonet.events.topology.evolve import fold
from midonet.events.topology.topology import Topology

_FILE = click.Argument(["path"], metavar="FILE", type=click.Path())
_UNTIL = click.Option(["--until"], metavar="X", help="Only up to this position, time or tag.")


@command(
    "backup",
    _FILE,
    _UNTIL,
    examples="""  midoctl backup /backups/midonet-monday.log
  midoctl backup --until before-upgrade /backups/before.log""",
)
def backup(session: Session, path: str, until: str | None) -> None:
    """Write the log, as of now, to one file with its bytes, positions and hashes, which restore verifies.

    The file is renamed into place when it is complete and durable. Commits may be appended to the log meanwhile.
    """
    log = _upto(session.log.open(), until)
    with atomic_write(path) as file, progress("backing up", log.head().position) as step:
        end = write_backup(log, file, step)
    _print(session, end, end.position, "commits backed up", file=path)


@command(
    "restore",
    _FILE,
    _UNTIL,
    examples="""  midoctl --server sqlite:////var/lib/midonet/new.db restore /backups/midonet-monday.log
  midoctl --server kafka://k1:9092/midonet.topology restore /backups/midonet-monday.log
  midoctl --server sqlite:///before.db restore --until 2026-01-31T12:00:00Z /backups/midonet-monday.log""",
)
def restore(session: Session, path: str, until: str | None) -> None:
    """Restore a backup into the log of --server, which must be absent, empty or a prefix of the backup.

    All of the file is verified before anything is written. Run it again after an interruption to continue.
    With --until up to a position, a time, or a tag of the backup.
    """
    with closing(Backup(Path(path))) as whole:
        source = _upto(whole, until)
        with closing(open_log(session.url, create=True)) as target:
            count = _copy(source, target, "restoring")
            _print(session, target.head(), count, "commits restored", file=path)


@command(
    "copy",
    click.Option(
        ["--to", "url"], metavar="URL", required=True, help="Log to copy to, as for --server; made if absent."
    ),
    _UNTIL,
    examples="""  midoctl copy --to postgresql+psycopg://db/midonet
  midoctl --server sqlite:////var/lib/midonet/log.db copy --to kafka://k1:9092,k2:9092,k3:9092/midonet.topology
  midoctl copy --to sqlite:///what-if.db --until before-upgrade""",
)
def copy(session: Session, url: str, until: str | None) -> None:
    """Copy the log to another one of any backend, with the same bytes, positions and hashes.

    The target must be empty or a prefix of the log. Run it again to continue, or to copy later commits.
    """
    source = _upto(session.log.open(), until)
    with closing(open_log(url, create=True)) as target:
        count = _copy(source, target, "copying")
        _print(session, target.head(), count, "commits copied", to=target.url)


def _upto(source: Source, until: str | None) -> Source:
    """Return a source that ends at a moment; `NotFound` if the source does not have it."""
    if until is None:
        return source
    if not is_name(until):
        moment = parse(until)
    else:
        topology = Topology()
        for record in _reading(source):
            fold(topology, record)
        if until not in topology.tags:
            raise NotFound(f"there is no tag {until!r}{suggest(until, topology.tags)}", tag=until)
        moment = Moment(position=topology.tags[until].position)
    if moment.position is not None:
        return Beginning(source, source.head_at(moment.position))
    end = GENESIS
    for record in moment.upto(_reading(source)):
        end = record.head
    return Beginning(source, end)


def _reading(source: Source) -> Iterator[Record]:
    return tracked(source.read(), "finding the moment", source.head().position)


def _copy(source: Source, target: Log, what: str) -> int:
    with progress(what, source.head().position - target.head().position) as step:
        return copy_log(source, target, step)


def _print(session: Session, end: Head, count: int, what: str, **place: Any) -> None:
    value = {"position": end.position, "hash": end.hash, "count": count, **place}
    session.output.print(
        value,
        names=lambda: [str(end.position)],
        text=lambda: f"{what}: {count:,}; it ends at position {end.position}, hash {end.hash}",
    )
