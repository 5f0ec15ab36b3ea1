"""One invocation on one log: opens it as the options say, reads the topology as of a moment, runs a command, prints.

Reads never create a log and never need to write to it. What only a write needs is loaded by a write.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

from midonet.cli.output import output
from midonet.cli.output.progress import tracked
from midonet.cli.output.sanitize import clean, hide_secrets
from midonet.cli.session import log_reader
from midonet.cli.session.invocation import Invocation
from midonet.events.commit import GENESIS, Head, Record, sha256
from midonet.events.errors import NotFound, Unavailable
from midonet.events.log import Log, open_log
from midonet.events.queries.moment import END, Moment, parse
from midonet.events.suggestions import suggest
from midonet.events.system.tag import Tag, is_name

if TYPE_CHECKING:
    from midonet.cli.session.history_index import Source
    from midonet.events.api_client import ApiClient
    from midonet.events.log.snapshots import Snapshot, Snapshots
    from midonet.events.log.store import Store
    from midonet.events.system.objects import SystemObject
    from midonet.events.topology.topology import Topology
    from midonet.projections.history_index.reader import Past


T = TypeVar("T")


class Session:
    """What a command works with."""

    def __init__(self, invocation: Invocation) -> None:
        settings = self.settings = invocation.settings
        self.cache = invocation.cache
        self.form: str = settings.get("output")
        self._stack = ExitStack()
        self._noted = False
        if str(settings.get("cluster") or self.url).startswith(("http://", "https://")):
            from midonet.cli.session.credentials import prove

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
        from midonet.events.api_client import ApiClient

        client = ApiClient(self.url)
        self._stack.callback(client.close)
        return client

    @cached_property
    def limited(self) -> bool:
        """Whether the user of a cluster sees a part of the network only, and of its history."""
        if self.cluster is None:
            return False
        from midonet.cli.session.remote_topology import sees_all

        return not sees_all(self.cluster)

    @property
    def cluster_url(self) -> str | None:
        """Where a midonet-cluster says how it does: `--cluster`, or the API that is asked anyway."""
        url = self.settings.get("cluster")
        return str(url) if url else self.url if self.cluster is not None else None

    @cached_property
    def moment(self) -> Moment:
        """The moment that a read is about (`--at`)."""
        text = self.settings.get("at")
        moment = self.moment_of(text) if text is not None else END
        return self._looked_at(moment) if moment != END else END

    def _looked_at(self, moment: Moment) -> Moment:
        """Return a moment for those commits that the user sees; `NotFound` if the log has no such position."""
        if moment.position is None or not self.limited:
            return moment
        self.head_at(moment)
        return Moment(position=moment.position, whole=False)

    def moment_of(self, text: str) -> Moment:
        """Return the moment that a text means: a position, a time or a tag; `NotFound` if it means none."""
        if not is_name(text):
            return parse(text)
        tags = self.tags()
        if text not in tags:
            raise NotFound(f"there is no tag {text!r}{suggest(text, tags)}", tag=text)
        return Moment(position=tags[text].position, hash=tags[text].hash)

    def position_of(self, text: str) -> int:
        """Return the position that a moment means in this log; whether a number is a position of it is still open."""
        moment = self.moment_of(text)
        if moment.position is not None and moment.hash is None:
            return moment.position
        return self.head_at(moment).position

    def head_at(self, moment: Moment) -> Head:
        """Return the head of the log as of a moment."""
        if self.cluster is not None:
            from midonet.cli.session.remote_topology import head_of

            return head_of(self.cluster, moment.text)

        def work(snapshot: "Snapshot | None") -> Head:
            head = snapshot.head if snapshot is not None else GENESIS
            for record in self._since(snapshot, moment):
                head = record.head
            return head

        return self.ask(
            lambda past: past.head_at(moment.position_in(past)),
            lambda: self._resume(moment, work),
        )

    def tags(self, moment: Moment = END) -> Mapping[str, Tag]:
        """Return the tags by name, as of a moment."""
        if self.cluster is not None:
            from midonet.cli.session.remote_topology import tags_of

            return tags_of(self.cluster, moment.text)
        return {note.name: note for note in self.noted(moment).values() if isinstance(note, Tag)}

    def noted(self, moment: Moment = END) -> "Mapping[str, SystemObject]":
        """Return the notes on the log by their keys, as of a moment."""

        def work(snapshot: "Snapshot | None") -> "Mapping[str, SystemObject]":
            return _noted(snapshot.system if snapshot is not None else {}, self._since(snapshot, moment))

        def answer(past: "Past") -> "Mapping[str, SystemObject]":
            from midonet.events.system.objects import SYSTEM_KINDS

            return _noted({}, past.about_kinds(tuple(SYSTEM_KINDS), moment.position_in(past)))

        return self.ask(answer, lambda: self._resume(moment, work))

    @cached_property
    def log(self) -> log_reader.Reading:
        """The log, only to be read."""
        part = None
        if self.limited:
            from midonet.events.log.backends.http import HttpPart

            part = HttpPart(self.url)
        log = log_reader.Reading(self.url, part)
        self._stack.callback(log.close)
        return log

    def records(self, after: Head = GENESIS, where: int | None = None) -> Iterator[Record]:
        """Yield all commits of the log after `after`; none, with a note, if there is no log yet."""
        if not log_reader.absent(self.url):
            return self.log.records(after, where)
        if not self._noted:
            self._noted = True
            self.note(f"there is no log at {self.url} yet; the first command that changes something makes it")
        return iter(())

    def head(self) -> Head:
        """Return the end of the log."""
        if (store := self.kept()) is not None:
            return store.topology.head
        if log_reader.absent(self.url):
            return GENESIS
        return self.log.head() if self.log.by_key else self.head_at(END)

    def topology(self, moment: Moment | None = None) -> "Topology":
        """Return the topology as of a moment, else as of `--at`, only to be read."""
        if self.cluster is not None:
            from midonet.cli.session.remote_topology import RemoteTopology

            return RemoteTopology(self.cluster, self.settings.get("at") if moment is None else moment.text)
        until = self.moment if moment is None else moment
        if until == END and (store := self.kept()) is not None:
            return store.topology
        return self.folded(until)

    def folded(self, moment: Moment) -> "Topology":
        """Return the topology as of a moment, folded here: the caller's to change."""
        from midonet.events.topology.topology import Topology

        def work(snapshot: "Snapshot | None") -> Topology:
            topology = snapshot.topology() if snapshot is not None else Topology()
            records = self._since(snapshot, moment)
            shown = tracked(records, "reading the log", self.log.length(topology.head.position))
            return self.snapshots.fold(topology, shown, self.log.offset_hint)

        return self._resume(moment, work)

    def about(self, kind: str, ref: str) -> "Topology":
        """Return as much of the topology as of `--at` as it takes to find an object and to say what it is."""

        def answer(past: "Past") -> "Topology | None":
            from midonet.projections.history_index.partial_topology import excerpt

            return excerpt(past, self.moment.position_in(past), kind, ref)

        if self.moment == END and (store := self.kept()) is not None:
            return store.topology
        found = self.ask(answer, lambda: None) if self.cluster is None else None
        return found or self.topology()

    @property
    def _cache(self) -> str:
        """The folder for this log in the user's cache."""
        place = log_reader.place(self.url) or hide_secrets(self.url)
        return f"{self.settings.cache}/midonet/{sha256(place.encode())[:16]}"

    @cached_property
    def snapshots(self) -> "Snapshots":
        """The snapshots of the log in the user's cache; `--no-cache` neither reads nor writes any."""
        from pathlib import Path

        from midonet.events.log.snapshots import Snapshots

        return Snapshots(None if self.settings.get("no_cache") or self.limited else Path(self._cache))

    def _resume(self, moment: Moment, work: "Callable[[Snapshot | None], T]") -> T:
        """Do work that goes through the log up to a moment, from the newest snapshot on."""
        return work(None) if log_reader.absent(self.url) else self.snapshots.with_newest(work, moment.has)

    def _since(self, snapshot: "Snapshot | None", moment: Moment) -> Iterator[Record]:
        if snapshot is None:
            return moment.upto(self.records())
        return moment.upto(self.records(snapshot.head, snapshot.bookmark.offset_hint), snapshot.head.position)

    def ask(self, answer: "Callable[[Past], T]", scan: Callable[[], T]) -> T:
        """Return the answer of the history index; where there is none, what a scan of the log answers.

        Where index and log contradict each other the index goes, and reading the log tells if the log is to blame.
        """
        from midonet.projections.history_index.backend import Damaged, Unusable

        try:
            if self._past is not None:
                return answer(self._past)
        except Damaged:
            from midonet.cli.session.history_index import discard

            self._past = None
            discard(self._source)
        except Unusable:
            self._past = None
        return scan()

    @cached_property
    def _past(self) -> "Past | None":
        from midonet.cli.session.history_index import opened

        useless = self.settings.get("no_cache") or self.limited or log_reader.absent(self.url)
        found = None if useless else opened(self._source)
        if found is not None:
            self._stack.callback(found.close)
        return found

    @property
    def _source(self) -> "Source":
        from midonet.cli.session.history_index import Source

        return Source(self.log, self._cache, self.settings.get("history"), self.note)

    def kept(self, *, create: bool = False) -> "Store | None":
        """Return the store that a shell keeps open, at the head of the log; None outside of one or without a log."""
        if self.cache is None or self.cluster is not None:
            return None
        return self.cache.store(self.url, self.snapshots, create=create)

    def open(self) -> Log:
        """Open the log itself; `Unavailable` if there is none."""
        if log_reader.absent(self.url):
            raise Unavailable(f"there is no log at {hide_secrets(self.url)}")
        log = open_log(self.url, create=False)
        self._stack.callback(log.close)
        return log

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


def _noted(before: "Mapping[str, SystemObject]", records: Iterable[Record]) -> "Mapping[str, SystemObject]":
    from midonet.events.system.objects import evolved, is_system_key

    noted: dict[str, SystemObject | None] = dict(before)
    for record in records:
        for event in record.commit.events:
            if is_system_key(event.key):
                verb = event.type.rpartition(".")[2]
                noted[event.key] = evolved(event.key, noted.get(event.key), verb, event.data)
    return {key: note for key, note in noted.items() if note is not None}


def handle(topology: "Topology", kind: str, object_id: str, name: str | None) -> str:
    """Return the name of an object if it alone of its kind has it, else the id: what a script may use as REF."""
    alone = name is not None and all(other.id == object_id for other in topology.named(kind, name))
    return clean(name) if name is not None and alone else object_id
