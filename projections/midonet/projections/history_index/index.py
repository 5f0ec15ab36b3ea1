"""The index of one log: its checkpoint, the queries on its tables, and its update.

Rows and checkpoint change in one transaction, and only if the checkpoint has not changed since it was read. So any
number of processes may update one index, and a killed process loses only its last transaction.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from midonet.events.commit import Head
from midonet.events.log.base import Bookmark
from midonet.projections.history_index.backend import Database, Row, Unusable
from midonet.projections.history_index.schema import INSERTS, SCHEMA, create, drop

_SCHEMA = "SELECT schema FROM history_checkpoint"
_CHECKPOINT = "SELECT position, hash, time, latest, place FROM history_checkpoint"
_BEGIN = (
    "INSERT INTO history_checkpoint (only_one, schema, position, hash, time, latest)"
    " VALUES (1, :schema, 0, :hash, '', '') ON CONFLICT DO NOTHING"
)
_MOVE = (
    "UPDATE history_checkpoint SET position = :position, hash = :hash, time = :time, latest = :latest, place = :place"
    " WHERE position = :old_position AND hash = :old_hash AND schema = :schema"
)
_LATE = "SELECT COALESCE(MAX(position), 0) FROM history_commits WHERE time < latest AND time <= :time"
_WORD = "SELECT number FROM history_words WHERE text = :text"
_LARGEST = "SELECT COALESCE(MAX(number), 0) FROM {table}"
_COMMIT = "SELECT position, hash, time, latest, place FROM history_commits WHERE position = :position"
_NUMBER = "SELECT number FROM history_objects WHERE id = :id AND kind = :kind"
_OF_ID = "SELECT number, kind, id FROM history_objects WHERE id = :id"
_IDS = "SELECT id FROM history_objects ORDER BY number"
_OF_PREFIX = "SELECT number, kind, id FROM history_objects WHERE id >= :low AND id < :high ORDER BY number"
_NAMED = (
    "SELECT DISTINCT o.number, o.kind, o.id FROM history_versions v JOIN history_objects o ON o.number = v.object"
    " WHERE v.name = :name"
)
_VERSION = (
    "SELECT position, name, owner, gone, body FROM history_versions WHERE object = :number AND position <= :upto"
    " ORDER BY position DESC LIMIT 1"
)
_TOUCHES = (
    "SELECT position FROM history_touches WHERE object = :number AND position > :after AND position <= :upto"
    " ORDER BY position"
)
_SINCE_VERSION = (
    "SELECT COUNT(*) FROM history_touches WHERE object = :number AND position >"
    " (SELECT COALESCE(MAX(position), 0) FROM history_versions WHERE object = :number)"
)
_LAST = chr(0x10FFFF)


class Overtaken(Unusable):
    """Another process has updated the index meanwhile: read it again."""


class Checkpoint(NamedTuple):
    """The checkpoint of the index."""

    head: Head
    latest: str
    place: int | None

    @property
    def bookmark(self) -> Bookmark:
        """Location of that commit in the log."""
        return Bookmark(self.head.position, self.head.hash, self.place)


class Query(NamedTuple):
    """Conditions on commits; None is no condition."""

    low: int
    high: int
    key: str | None = None
    """Object, as `kind/id`."""
    kind: str | None = None
    actor: str | None = None
    """`user@host`, or `user` alone."""


class State(NamedTuple):
    """The state of an object after a commit."""

    kind: str
    name: str | None
    owner: str | None
    """Id of the object that it is a part of."""
    gone: bool
    data: dict[str, Any]


class Index:
    """The tables of an index in one database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # Checkpoint

    def checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint; None if the index belongs to another release."""
        there = self.database.rows(self.database.dialect.exists)
        if not there or self.database.rows(_SCHEMA) != [(SCHEMA,)]:
            return None
        position, digest, time, latest, place = self.database.rows(_CHECKPOINT)[0]
        return Checkpoint(Head(position, digest, time), latest, place)

    def prepare(self) -> Checkpoint:
        """Create missing tables, and replace those of another release; return the checkpoint."""
        return self.checkpoint() or self.clear()

    def clear(self) -> Checkpoint:
        """Empty the index and create its tables."""
        with self.database.writing():
            for statement in (*drop(), *create(self.database.dialect)):
                self.database.run(statement)
            self.database.run(_BEGIN, schema=SCHEMA, hash=Head().hash)
        return Checkpoint(Head(), "", None)

    def write(self, old: Checkpoint, new: Checkpoint, rows: dict[str, list[dict[str, object]]]) -> None:
        """Add rows and advance the checkpoint; `Overtaken` if it is not `old` any more."""
        with self.database.writing():
            moved = self.database.run(
                _MOVE,
                position=new.head.position,
                hash=new.head.hash,
                time=new.head.time,
                latest=new.latest,
                place=new.place,
                old_position=old.head.position,
                old_hash=old.head.hash,
                schema=SCHEMA,
            )
            if moved != 1:
                raise Overtaken(f"the index is not at position {old.head.position} any more")
            for table, sql in INSERTS.items():
                if rows.get(table):
                    self.database.many(sql, rows[table])

    # Queries

    def commit(self, position: int) -> tuple[Bookmark, str, str]:
        """Return location, time and greatest time so far of a commit; `Unusable` if it is not in the index."""
        rows = self.database.rows(_COMMIT, position=position)
        if not rows:
            raise Unusable(f"the index lacks commit {position}")
        _, digest, time, latest, place = rows[0]
        return Bookmark(position, bytes(digest).hex(), place), time, latest

    def last_not_later(self, time: str) -> int:
        """Return the last commit that is not later than a time, although a commit before it is."""
        return int(self.database.rows(_LATE, time=time)[0][0])

    def largest(self, table: str) -> int:
        """Return the largest number of a table."""
        return int(self.database.rows(_LARGEST.format(table=table))[0][0])

    def word(self, text: str) -> int | None:
        """Return the number of an actor, a command name or a kind."""
        return _first(self.database.rows(_WORD, text=text))

    def number(self, kind: str, object_id: str) -> int | None:
        """Return the number of an object."""
        return _first(self.database.rows(_NUMBER, id=object_id, kind=kind))

    def touches_since_version(self, number: int) -> int:
        """Return how many commits have changed an object since its last version."""
        return int(self.database.rows(_SINCE_VERSION, number=number)[0][0])

    def with_id(self, object_id: str) -> list[Row]:
        """Return number, kind and id of the objects that had that id."""
        return self.database.rows(_OF_ID, id=object_id)

    def with_id_prefix(self, prefix: str) -> list[Row]:
        """Return number, kind and id of the objects with an id prefix."""
        return self.database.rows(_OF_PREFIX, low=prefix, high=prefix + _LAST)

    def ids(self) -> Iterator[str]:
        """Yield the ids of all objects, including deleted ones, in the order of creation."""
        return (row[0] for row in self.database.each(_IDS))

    def named(self, name: str, owner: str | None = None) -> list[Row]:
        """Return number, kind and id of the objects that ever had that name (and were parts of `owner`, if given)."""
        if owner is None:
            return self.database.rows(f"{_NAMED} ORDER BY o.number", name=name)
        return self.database.rows(f"{_NAMED} AND v.owner = :owner ORDER BY o.number", name=name, owner=owner)

    def version(self, number: int, kind: str, upto: int) -> tuple[int, State] | None:
        """Return the last version of an object at or before a position, with its position."""
        rows = self.database.rows(_VERSION, number=number, upto=upto)
        if not rows:
            return None
        position, name, owner, gone, body = rows[0]
        return position, State(kind, name, owner, bool(gone), msgspec.json.decode(bytes(body)))

    def touches(self, number: int, after: int, upto: int) -> list[int]:
        """Return the positions of the commits that changed an object."""
        return [position for (position,) in self.database.rows(_TOUCHES, number=number, after=after, upto=upto)]

    def select(self, query: Query, *, newest_first: bool = False) -> Iterator[int]:
        """Yield the positions of the commits that meet the conditions."""
        sql, values = _select(query)
        order = "DESC" if newest_first else "ASC"
        return (row[0] for row in self.database.each(f"{sql} ORDER BY c.position {order}", **values))


def _select(query: Query) -> tuple[str, dict[str, object]]:
    sql = "SELECT c.position FROM history_commits c"
    values: dict[str, object] = {"low": query.low, "high": query.high}
    where = ["c.position BETWEEN :low AND :high"]
    if query.key is not None:
        sql += " JOIN history_touches t ON t.position = c.position"
        where.append("t.object = (SELECT number FROM history_objects WHERE id = :id AND kind = :of)")
        values["of"], _, values["id"] = query.key.partition("/")
    if query.kind is not None:
        sql += " JOIN history_kinds k ON k.position = c.position"
        where.append("k.kind = (SELECT number FROM history_words WHERE text = :kind)")
        values["kind"] = query.kind
    if query.actor is not None:
        actors = "SELECT number FROM history_words WHERE text = :actor OR substr(text, 1, :length) = :user"
        where.append(f"c.actor IN ({actors})")
        user = f"{query.actor}@"
        values |= {"actor": query.actor, "user": user, "length": len(user)}
    return f"{sql} WHERE {' AND '.join(where)}", values


def _first(rows: Sequence[Row]) -> int | None:
    return int(rows[0][0]) if rows else None
