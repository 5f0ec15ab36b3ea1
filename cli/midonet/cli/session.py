"""One invocation on one log: opens it as the options say, reads the topology as of a moment, runs a command, prints.

Reads never create a log and never need to write to it. What only a write needs is loaded by a write.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from midonet.cli import output, quick
from midonet.cli.settings import Settings
from midonet.cli.text import clean, closest, hide_secrets
from midonet.events.command import Op
from midonet.events.commit import GENESIS, Head, Record, sha256
from midonet.events.errors import NotFound, Unavailable
from midonet.events.log import Log, open_log
from midonet.events.log.snapshots import Snapshot, Snapshots
from midonet.events.moments import END, Moment, parse
from midonet.events.notes import Note, evolved, is_note
from midonet.events.tags import Tag, is_name
from midonet.events.topology import Topology

if TYPE_CHECKING:
    from midonet.events.log.http_client import ApiClient
    from midonet.events.log.store import Store

__all__ = ["Session", "handle"]

T = TypeVar("T")


class Session:
    """What a command works with."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.form: str = settings.get("output")
        self._stack = ExitStack()
        self._noted = False
        if str(settings.get("cluster") or self.url).startswith(("http://", "https://")):
            from midonet.cli.signing import prove

            prove(settings)

    def __enter__(self) -> Self:
        gc.disable()  # a fold makes many objects and no garbage: collecting doubles its time
        self._stack.callback(gc.enable)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def at_end(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Call a function when the command is over, however it ends."""
        self._stack.callback(work, *arguments)

    # Reading

    @property
    def url(self) -> str:
        """The address of the log as it was given; it may hold a password."""
        return str(self.settings.get("server"))

    @cached_property
    def cluster(self) -> "ApiClient | None":
        """The cluster's API that is asked; None if the log itself is there to be read."""
        if not self.url.startswith(("http://", "https://")):
            return None
        from midonet.events.log.http_client import ApiClient

        client = ApiClient(self.url)
        self._stack.callback(client.close)
        return client

    @property
    def cluster_url(self) -> str | None:
        """Where a midonet-cluster says how it does: `--cluster`, or the API that is asked anyway."""
        url = self.settings.get("cluster")
        return str(url) if url else self.url if self.cluster is not None else None

    @cached_property
    def moment(self) -> Moment:
        """The moment that a read is about (`--at`)."""
        text = self.settings.get("at")
        return self.moment_of(text) if text is not None else END

    def moment_of(self, text: str) -> Moment:
        """Return the moment that a text means: a position, a time or a tag; `NotFound` if it means none."""
        if not is_name(text):
            return parse(text)
        tags = self.tags()
        if text not in tags:
            raise NotFound(f"there is no tag {text!r}{closest(text, tags)}", tag=text)
        return Moment(position=tags[text].position, hash=tags[text].hash)

    def position_of(self, text: str) -> int:
        """Return the position that a moment means in this log; whether a number is a position of it is still open."""
        moment = self.moment_of(text)
        if moment.position is not None and moment.hash is None:
            return moment.position
        if self.cluster is not None:
            from midonet.cli.remote import head_of

            return head_of(self.cluster, text).position

        def work(snapshot: Snapshot | None) -> int:
            position = snapshot.head.position if snapshot is not None else 0
            for record in self._since(snapshot, moment):
                position = record.commit.position
            return position

        return self._resume(moment, work)

    def tags(self, moment: Moment = END) -> Mapping[str, Tag]:
        """Return the tags by name, as of a moment."""
        if self.cluster is not None:
            from midonet.cli.remote import tags_of

            return tags_of(self.cluster, moment.text)
        return {note.name: note for note in self.noted(moment).values() if isinstance(note, Tag)}

    def noted(self, moment: Moment = END) -> Mapping[str, Note]:
        """Return the notes on the log by their keys, as of a moment."""

        def work(snapshot: Snapshot | None) -> Mapping[str, Note]:
            noted: dict[str, Note | None] = dict(snapshot.noted) if snapshot is not None else {}
            for record in self._since(snapshot, moment):
                for event in record.commit.events:
                    if is_note(event.key):
                        verb = event.type.rpartition(".")[2]
                        noted[event.key] = evolved(event.key, noted.get(event.key), verb, event.data)
            return {key: note for key, note in noted.items() if note is not None}

        return self._resume(moment, work)

    def records(self, after: Head = GENESIS) -> Iterator[Record]:
        """Yield all commits of the log after `after`; none, with a note, if there is no log yet."""
        if not quick.absent(self.url):
            return quick.records(self.url, after)
        if not self._noted:
            self._noted = True
            self.note(f"there is no log at {self.url} yet; the first command that changes something makes it")
        return iter(())

    def head(self) -> Head:
        """Return the end of the log."""
        if (store := self.kept()) is not None:
            return store.topology.head
        return GENESIS if quick.absent(self.url) else quick.head(self.url)

    def topology(self, moment: Moment | None = None) -> Topology:
        """Return the topology as of a moment, `--at` if none is given, only to be read."""
        if self.cluster is not None:
            from midonet.cli.remote import RemoteTopology

            return RemoteTopology(self.cluster, self.settings.get("at") if moment is None else moment.text)
        until = self.moment if moment is None else moment
        if until == END and (store := self.kept()) is not None:
            return store.topology

        def work(snapshot: Snapshot | None) -> Topology:
            topology = snapshot.topology() if snapshot is not None else Topology()
            records = self._since(snapshot, until)
            return self.snapshots.fold(topology, records)

        return self._resume(until, work)

    @cached_property
    def snapshots(self) -> Snapshots:
        """The snapshots of the log in the user's cache; `--no-cache` neither reads nor writes any."""
        place = quick.place(self.url) or hide_secrets(self.url)
        folder = f"{self.settings.cache}/midonet/{sha256(place.encode())[:16]}"
        return Snapshots(None if self.settings.get("no_cache") else Path(folder))

    def _resume(self, moment: Moment, work: Callable[[Snapshot | None], T]) -> T:
        """Do work that goes through the log up to a moment, from the newest snapshot on."""
        return work(None) if quick.absent(self.url) else self.snapshots.resume(work, moment.has)

    def _since(self, snapshot: Snapshot | None, moment: Moment) -> Iterator[Record]:
        after = snapshot.head if snapshot is not None else GENESIS
        return moment.upto(self.records(after), after.position)

    def kept(self, *, create: bool = False) -> "Store | None":
        """Return the store that a shell keeps open, at the head of the log; None outside of one or without a log."""
        kept = self.settings.kept if self.cluster is None else None
        return kept.store(self.url, self.snapshots, create=create) if kept is not None else None

    def open(self) -> Log:
        """Open the log itself; `Unavailable` if there is none."""
        if quick.absent(self.url):
            raise Unavailable(f"there is no log at {hide_secrets(self.url)}")
        log = open_log(self.url, create=False)
        self._stack.callback(log.close)
        return log

    # Writing

    def write(self, name: str, ops: Sequence[Op], **options: Any) -> None:
        """Run a command, print what became of it, wait: see `midonet.cli.writing`."""
        from midonet.cli.writing import write

        write(self, name, ops, **options)

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

    def note(self, message: str) -> None:
        """Tell a person something that is not data, after all data so far; programs are not told."""
        output.flush()
        if self.form == "table":
            output.note(message)

    @staticmethod
    def _print_lines(lines: Iterable[str]) -> None:
        for line in lines:
            if line:
                output.write(line)


def handle(topology: Topology, kind: str, object_id: str, name: str | None) -> str:
    """Return the name of an object if it alone of its kind has it, else the id: what a script may use as REF."""
    alone = name is not None and all(other.id == object_id for other in topology.named(kind, name))
    return clean(name) if name is not None and alone else object_id
