"""Read the state as of any moment: moments, heads, tags, system objects and the topology.

Answers come from the first source that has them: the cluster's API, the store of a shell, the history index, a
snapshot with the commits after it, the whole log.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from midonet.cli.options.options import Settings
from midonet.cli.output.formats import Printer
from midonet.cli.output.progress import tracked
from midonet.cli.session.log_reader import LogReader, log_exists, log_file
from midonet.events.commit import GENESIS, Head, Record, sha256
from midonet.events.errors import NotFound
from midonet.events.queries.moment import END, Moment, parse
from midonet.events.redaction import redact
from midonet.events.suggestions import suggest
from midonet.events.system.tag import Tag, is_name

if TYPE_CHECKING:
    from midonet.cli.session.history_index import HistoryIndex
    from midonet.cli.session.shell_cache import ShellCache
    from midonet.events.log.snapshots import Snapshot, Snapshots
    from midonet.events.log.store import Store
    from midonet.events.system.objects import SystemObject
    from midonet.events.topology.topology import Topology
    from midonet.projections.history_index.reader import IndexReader

T = TypeVar("T")


class StateReader:
    """The state of one log, only to be read."""

    def __init__(self, log: LogReader, settings: Settings, cache: "ShellCache | None", printer: Printer) -> None:
        self._log = log
        self._settings = settings
        self._cache = cache if log.cluster is None else None
        self._printer = printer
        self._times_checked = False

    def close(self) -> None:
        """Close the history index."""
        index: HistoryIndex | None = self.__dict__.get("_index")  # not opened only to be closed
        if index is not None:
            index.close()

    # Moments

    @cached_property
    def moment(self) -> Moment:
        """The moment of `--at`; a restricted user may read only part of the commits up to it."""
        text = self._settings.get("at")
        moment = self.parse_moment(text) if text is not None else END
        if moment.position is None or not self._log.restricted:
            return moment
        self.head_at(moment)
        return Moment(position=moment.position, whole=False)

    def parse_moment(self, text: str) -> Moment:
        """Return the moment that a text names: a position, a time or a tag; `NotFound` for an unknown tag."""
        if not is_name(text):
            moment = parse(text)
            self._check_times(moment)
            return moment
        tags = self.tags()
        if text not in tags:
            raise NotFound(f"there is no tag {text!r}{suggest(text, tags)}", tag=text)
        return Moment(position=tags[text].position, hash=tags[text].hash)

    def _check_times(self, moment: Moment) -> None:
        """Note that a time names no certain moment if the log ends in the future: its times have stood still since."""
        if moment.time is None or self._times_checked:
            return
        from midonet.events.log.commit_clock import is_ahead

        self._times_checked = True
        if is_ahead(head := self.head()):
            self._printer.warn(
                f"times of this log are not trustworthy: commit {head.position} is dated {head.time}, ahead of this "
                "machine's clock; use positions (`midoctl verify` names the first wrong time)"
            )

    def position_of(self, text: str) -> int:
        """Return the position of a moment; a position that is given as a number may be beyond the end of the log."""
        moment = self.parse_moment(text)
        if moment.position is not None and moment.hash is None:
            return moment.position
        return self.head_at(moment).position

    def head(self) -> Head:
        """Return the end of the log."""
        if (store := self.shell_store()) is not None:
            return store.topology.head
        if not log_exists(self._log.url):
            return GENESIS
        return self._log.head() if self._log.by_position else self.head_at(END)

    def head_at(self, moment: Moment) -> Head:
        """Return the head of the log as of a moment."""
        if self._log.cluster is not None:
            from midonet.cli.session.remote_topology import head_of

            return head_of(self._log.cluster, moment.text)

        def work(snapshot: "Snapshot | None") -> Head:
            head = snapshot.head if snapshot is not None else GENESIS
            for record in self._since(snapshot, moment):
                head = record.head
            return head

        return self.query(
            lambda past: past.head_at(moment.position_in(past)),
            lambda: self._with_snapshot(moment, work),
        )

    def commits(self) -> Iterator[Record]:
        """Yield the commits up to `--at`."""
        return self.moment.upto(self._log.records())

    # Objects

    def tags(self, moment: Moment = END) -> Mapping[str, Tag]:
        """Return the tags by name, as of a moment."""
        if self._log.cluster is not None:
            from midonet.cli.session.remote_topology import tags_of

            return tags_of(self._log.cluster, moment.text)
        return {found.name: found for found in self.system_objects(moment).values() if isinstance(found, Tag)}

    def system_objects(self, moment: Moment = END) -> "Mapping[str, SystemObject]":
        """Return tags, controls and users by their keys, as of a moment."""

        def work(snapshot: "Snapshot | None") -> "Mapping[str, SystemObject]":
            return _fold_system(snapshot.system if snapshot is not None else {}, self._since(snapshot, moment))

        def answer(past: "IndexReader") -> "Mapping[str, SystemObject]":
            from midonet.events.system.objects import SYSTEM_KINDS

            return _fold_system({}, past.about_kinds(tuple(SYSTEM_KINDS), moment.position_in(past)))

        return self.query(answer, lambda: self._with_snapshot(moment, work))

    def topology(self, moment: Moment | None = None) -> "Topology":
        """Return the topology as of a moment, or of `--at`; the caller must not change it."""
        if self._log.cluster is not None:
            from midonet.cli.session.remote_topology import RemoteTopology

            return RemoteTopology(self._log.cluster, self._settings.get("at") if moment is None else moment.text)
        until = self.moment if moment is None else moment
        if until == END and (store := self.shell_store()) is not None:
            return store.topology
        return self.fold(until)

    def fold(self, moment: Moment) -> "Topology":
        """Return a new topology as of a moment, which the caller may change."""
        from midonet.events.topology.topology import Topology

        def work(snapshot: "Snapshot | None") -> Topology:
            topology = snapshot.topology() if snapshot is not None else Topology()
            records = self._since(snapshot, moment)
            shown = tracked(records, "reading the log", self._log.length(topology.head.position))
            return self.snapshots.fold(topology, shown, self._log.offset_hint)

        return self._with_snapshot(moment, work)

    def topology_around(self, kind: str, ref: str) -> "Topology":
        """Return of the topology as of `--at` at least what it takes to find an object and to show it."""

        def answer(past: "IndexReader") -> "Topology | None":
            from midonet.projections.history_index.partial_topology import partial_topology

            return partial_topology(past, self.moment.position_in(past), kind, ref)

        if self.moment == END and (store := self.shell_store()) is not None:
            return store.topology
        found = self.query(answer, lambda: None) if self._log.cluster is None else None
        return found or self.topology()

    # Sources

    def shell_store(self, *, write: bool = False, create: bool = False) -> "Store | None":
        """Return the store that a shell keeps open, at the head of the log; None without a shell or a log."""
        if self._cache is None:
            return None
        return self._cache.store(self._log.url, self.snapshots, write=write, create=create)

    @property
    def _folder(self) -> str:
        """The folder for this log in the user's cache."""
        name = log_file(self._log.url) or redact(self._log.url)
        return f"{self._settings.cache}/midonet/{sha256(name.encode())[:16]}"

    @cached_property
    def snapshots(self) -> "Snapshots":
        """The snapshots of the log in the user's cache; `--no-cache` neither reads nor writes any."""
        from pathlib import Path

        from midonet.events.log.snapshots import Snapshots

        cached = not (self._settings.get("no_cache") or self._log.restricted)
        return Snapshots(Path(self._folder) if cached else None)

    def _with_snapshot(self, moment: Moment, work: "Callable[[Snapshot | None], T]") -> T:
        """Do work that reads the log up to a moment, from the newest snapshot on."""
        return self.snapshots.with_newest(work, moment.has) if log_exists(self._log.url) else work(None)

    def _since(self, snapshot: "Snapshot | None", moment: Moment) -> Iterator[Record]:
        if snapshot is None:
            return moment.upto(self._log.records())
        records = self._log.records(snapshot.head, snapshot.bookmark.offset_hint)
        return moment.upto(records, snapshot.head.position)

    def query(self, answer: "Callable[[IndexReader], T]", scan: Callable[[], T]) -> T:
        """Return the answer of the history index; without a usable index, that of a scan of the log."""
        return self._index.query(answer, scan) if self._index is not None else scan()

    @cached_property
    def _index(self) -> "HistoryIndex | None":
        if self._settings.get("no_cache") or self._log.restricted or not log_exists(self._log.url):
            return None
        from midonet.cli.session.history_index import HistoryIndex, Source

        shared = self._settings.get("history")
        return HistoryIndex(Source(self._log, self._folder, shared, self._printer.note))


def _fold_system(before: "Mapping[str, SystemObject]", records: Iterable[Record]) -> "Mapping[str, SystemObject]":
    from midonet.events.system.objects import evolved, is_system_key

    found: dict[str, SystemObject | None] = dict(before)
    for record in records:
        for event in record.commit.events:
            if is_system_key(event.key):
                verb = event.type.rpartition(".")[2]
                found[event.key] = evolved(event.key, found.get(event.key), verb, event.data)
    return {key: one for key, one in found.items() if one is not None}
