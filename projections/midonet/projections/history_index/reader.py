"""Answers questions about the past with an index and the log; the answers equal those of a scan of the whole log.

The index has the positions; every commit is read from the log and must have the hash in the index. Commits that the
index lacks are in the tail, which is in memory.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cached_property
from itertools import chain

from midonet.events.commit import Head, Record
from midonet.events.log.base import Bookmark
from midonet.projections.history_index.backend import CorruptIndex
from midonet.projections.history_index.index import Checkpoint, Index, Query, State
from midonet.projections.history_index.tail import Tail

_MIN_PREFIX = 8

ReadCommit = Callable[[Bookmark], Record | None]
"""Returns a commit from the log, or None if it differs from the bookmark."""


class IndexReader:
    """The history up to the end of the log as this process read it.

    Raises `CorruptIndex` if the index and the log contradict each other; reading the log shows which of them is wrong.
    """

    def __init__(self, index: Index, checkpoint: Checkpoint, tail: Sequence[Record], read_commit: ReadCommit) -> None:
        self._index = index
        self._base = checkpoint.head.position
        self._checkpoint = checkpoint
        self._tail = tail
        self._read_commit = read_commit
        self._seen: dict[tuple[str, int], State | None] = {}

    def release(self) -> None:
        """End the read transaction before a long read of names; a rebuild meanwhile may remove some."""
        self._index.database.release()

    def close(self) -> None:
        """Close the index."""
        self._index.database.close()

    # Commits

    @property
    def head(self) -> Head:
        """The end of the log."""
        return self._tail[-1].head if self._tail else self._checkpoint.head

    def record(self, position: int) -> Record:
        """Return the commit at a position that the log has."""
        if position > self._base:
            return self._tail[position - self._base - 1]
        bookmark, *_ = self._index.commit(position)
        record = self._read_commit(bookmark)
        if record is None:
            raise CorruptIndex(f"the log does not have the commit {position} of the index")
        return record

    def head_at(self, position: int) -> Head:
        """Return the head as it was at a position of the log."""
        if position > self._base:
            return self._tail[position - self._base - 1].head
        if position == 0:
            return Head()
        bookmark, time, _ = self._index.commit(position)
        return Head(position, bookmark.hash, time)

    def position_at(self, time: str, *, before: bool = False) -> int:
        """Return the position before the first commit that is later than a time (`before`: not earlier)."""
        low, high = 0, self.head.position + 1
        while high - low > 1:
            middle = (low + high) // 2
            latest = self._latest(middle)
            low, high = (low, middle) if latest > time or (before and latest == time) else (middle, high)
        return low

    def last_until(self, time: str) -> int:
        """Return the position of the last commit that is not later than a time."""
        later = (record.commit.position for record in reversed(self._tail) if record.commit.time <= time)
        return max(self.position_at(time), self._index.last_not_later(time), next(later, 0))

    def _latest(self, position: int) -> str:
        return self._times[position - self._base - 1] if position > self._base else self._index.commit(position)[2]

    @cached_property
    def _times(self) -> list[str]:
        latest, times = self._checkpoint.latest, []
        for record in self._tail:
            latest = max(latest, record.commit.time)
            times.append(latest)
        return times

    def select(self, query: Query, *, newest_first: bool = False) -> Iterator[Record]:
        """Yield the commits that may meet the conditions: those of the tail are not tested."""
        older = query._replace(high=min(query.high, self._base))
        indexed = self._index.select(older, newest_first=newest_first)
        later = range(max(query.low, self._base + 1), query.high + 1)
        positions = chain(reversed(later), indexed) if newest_first else chain(indexed, later)
        return map(self.record, positions)

    def about_kinds(self, kinds: Collection[str], upto: int) -> Iterator[Record]:
        """Yield the commits on some kinds, in order, including those of the tail."""
        found = {
            position for kind in kinds for position in self._index.select(Query(1, min(upto, self._base), kind=kind))
        }
        return map(self.record, chain(sorted(found), range(self._base + 1, upto + 1)))

    def touching(self, key: str, upto: int, after: int = 0) -> list[int]:
        """Return the positions of the commits that changed an object."""
        number = self._number(key)
        found = self._index.touches(number, after, min(upto, self._base)) if number is not None else []
        later = self._tail_states.touches.get(key, ())
        return found + [position for position in later if after < position <= upto]

    def _number(self, key: str) -> int | None:
        kind, _, object_id = key.partition("/")
        return self._index.number(kind, object_id)

    # Names

    def label(self, object_id: str, upto: int) -> State | None:
        """Return an object as of a position, for its name: other fields may be older."""
        where = object_id, upto
        if where not in self._seen:
            self._seen[where] = self._label(object_id, upto)
        return self._seen[where]

    def _label(self, object_id: str, upto: int) -> State | None:
        later = self._tail_states.states.get(object_id, []) if upto > self._base else []
        place = bisect_right(later, upto, key=lambda found: found[0])
        if place:
            return later[place - 1][1]
        rows = self._index.with_id(object_id)
        versions = [self._index.version(number, kind, min(upto, self._base)) for number, kind, _ in rows]
        known = [version for version in versions if version is not None]
        return max(known, key=lambda found: (found[0], not found[1].gone))[1] if known else None

    @cached_property
    def _tail_states(self) -> Tail:
        return Tail(self._tail, lambda object_id: self._label(object_id, self._base))

    # References

    def matches(self, ref: str, upto: int, kinds: Collection[str]) -> list[str]:
        """Return the keys that a reference may mean as of a position, those of existing objects if there are any.

        As `midonet.events.queries.names.Names.find`: an id, a name, `kind/…`, `parent/name` or an id prefix.
        """
        prefix, _, rest = ref.partition("/")
        only, wanted = ({prefix}, rest) if prefix in kinds and rest else (None, ref)
        for search in (self._by_id, self.named, self._by_path, self._by_prefix):
            found = {i: state for i in search(wanted, upto) if (state := self.label(i, upto)) is not None}
            fits = {i: state for i, state in found.items() if only is None or state.kind in only}
            alive = {i: state for i, state in fits.items() if not state.gone} or fits
            if alive:
                return sorted(f"{state.kind}/{i}" for i, state in alive.items())
        return []

    def _by_id(self, ref: str, upto: int) -> list[str]:
        del upto
        return [ref.lower()]

    def named(self, ref: str, upto: int, owner: str | None = None) -> list[str]:
        """Return the ids of the objects that had a name as of a position, as parts of `owner`, if one is given."""
        ids = dict.fromkeys([*(row[2] for row in self._index.named(ref, owner)), *self._tail_states.states])
        return [
            i
            for i in ids
            if (state := self.label(i, upto)) is not None and state.name == ref and owner in (None, state.owner)
        ]

    def _by_path(self, ref: str, upto: int) -> list[str]:
        return self._by_full_name(ref, upto) if "/" in ref else []

    def _by_full_name(self, path: str, upto: int) -> list[str]:
        """Return the ids of the objects with this path: name, preceded by the names of the owners."""
        found = [i for i in self.named(path, upto) if (state := self.label(i, upto)) and not state.owner]
        for place, character in enumerate(path):
            if character == "/" and path[place + 1 :]:
                parent = path[:place]
                for owner in [*self._by_full_name(parent, upto), *self._nameless(parent, upto)]:
                    found += self.named(path[place + 1 :], upto, owner)
        return list(dict.fromkeys(found))

    def _nameless(self, object_id: str, upto: int) -> list[str]:
        state = self.label(object_id, upto)
        return [object_id] if state is None or not state.name else []

    def _by_prefix(self, ref: str, upto: int) -> list[str]:
        del upto
        return self.with_id_prefix(ref)

    def with_id_prefix(self, ref: str) -> list[str]:
        """Return the ids, also of deleted objects, with this prefix; none if it is too short."""
        prefix = ref.lower()
        if len(ref) < _MIN_PREFIX:
            return []
        later = [i for i in self._tail_states.states if i.startswith(prefix)]
        return list(dict.fromkeys([*(row[2] for row in self._index.with_id_prefix(prefix)), *later]))

    def names(self, upto: int, kinds: Collection[str]) -> Iterator[str]:
        """Yield the names of objects of some kinds as of a position, each name once."""
        told = set()
        for object_id in chain(self._index.ids(), self._tail_states.states):
            state = self.label(object_id, upto)
            if state is not None and state.name and state.kind in kinds and state.name not in told:
                told.add(state.name)
                yield state.name

    # States

    def state(self, key: str, upto: int) -> tuple[State, int] | None:
        """Return all fields of an object as of a position, and the position of its last change.

        It is the fold of the events of this object since its last version.
        """
        from midonet.projections.history_index.rows import next_state

        kind, _, object_id = key.partition("/")
        state, at = self._version(kind, object_id, min(upto, self._base))
        for position in self.touching(key, upto, at):
            events = [event for event in self.record(position).commit.events if event.key == key]
            state, at = next_state(kind, state, events), position
        return (state, at) if state is not None else None

    def _version(self, kind: str, object_id: str, upto: int) -> tuple[State | None, int]:
        number = self._index.number(kind, object_id)
        version = self._index.version(number, kind, upto) if number is not None else None
        return (version[1], version[0]) if version is not None else (None, 0)
