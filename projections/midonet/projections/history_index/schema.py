"""The tables of a history index and the statements on them, in the SQL that SQLite and PostgreSQL have in common.

Plain text with named parameters, so that a reader of a SQLite file needs no database library. Nothing here may depend
on anything but the standard library.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

SCHEMA = "1-8fb0d8b2"
"""Of tables and of what is in them: an index with another one is made anew. The second part is the digest of what the
model says about names (`entries.labels_digest`); a test compares them, so that reading need not load the model."""


class Dialect(NamedTuple):
    """How a database calls what the tables are made of."""

    integer: str
    text: str
    """Text that is compared byte by byte."""
    blob: str
    keyed: str
    """Ends a table that is looked up by nothing but its primary key."""
    exists: str
    """A query with a row iff there is an index."""


SQLITE = Dialect(
    "INTEGER", "TEXT", "BLOB", " WITHOUT ROWID", "SELECT 1 FROM sqlite_schema WHERE name = 'history_checkpoint'"
)
POSTGRESQL = Dialect(
    "BIGINT", 'TEXT COLLATE "C"', "BYTEA", "", "SELECT 1 WHERE to_regclass('history_checkpoint') IS NOT NULL"
)

TABLES: Mapping[str, str] = {
    # One row: up to where the index goes. Whatever else may change, `schema` says what it is.
    "history_checkpoint": (
        "(only_one {integer} PRIMARY KEY CHECK (only_one = 1), schema {text} NOT NULL, position {integer} NOT NULL,"
        " hash {text} NOT NULL, time {text} NOT NULL, latest {text} NOT NULL, place {integer})"
    ),
    # Actors, names of commands and kinds: they are few and repeated often.
    "history_words": "(number {integer} PRIMARY KEY, text {text} NOT NULL UNIQUE)",
    # `latest` is the greatest time up to here: it never falls, so that a moment is found by bisection.
    "history_commits": (
        "(position {integer} PRIMARY KEY, hash {blob} NOT NULL, time {text} NOT NULL, latest {text} NOT NULL,"
        " actor {integer} NOT NULL, command {integer} NOT NULL, place {integer})"
    ),
    # Numbers are in the order in which objects first appeared.
    "history_objects": "(number {integer} PRIMARY KEY, kind {text} NOT NULL, id {text} NOT NULL, UNIQUE (id, kind))",
    "history_touches": "(object {integer}, position {integer}, PRIMARY KEY (object, position)){keyed}",
    "history_kinds": "(kind {integer}, position {integer}, PRIMARY KEY (kind, position)){keyed}",
    # What an object was after a commit: when it came and went, when its name changed, and every now and then.
    "history_versions": (
        "(object {integer}, position {integer}, name {text}, owner {text}, gone {integer} NOT NULL,"
        " body {blob} NOT NULL, PRIMARY KEY (object, position)){keyed}"
    ),
}
_INDEXES: Mapping[str, str] = {
    "history_commits_actor": "history_commits (actor, position)",
    # Whoever writes a log keeps times in order; for those of others these are the exceptions.
    "history_commits_late": "history_commits (position) WHERE time < latest",
    "history_versions_name": "history_versions (name, owner)",
}
INSERTS: Mapping[str, str] = {
    "history_words": "INSERT INTO history_words (number, text) VALUES (:number, :text)",
    "history_objects": "INSERT INTO history_objects (number, kind, id) VALUES (:number, :kind, :id)",
    "history_commits": (
        "INSERT INTO history_commits (position, hash, time, latest, actor, command, place)"
        " VALUES (:position, :hash, :time, :latest, :actor, :command, :place)"
    ),
    "history_touches": "INSERT INTO history_touches (object, position) VALUES (:object, :position)",
    "history_kinds": "INSERT INTO history_kinds (kind, position) VALUES (:kind, :position)",
    "history_versions": (
        "INSERT INTO history_versions (object, position, name, owner, gone, body)"
        " VALUES (:object, :position, :name, :owner, :gone, :body)"
    ),
}


def create(dialect: Dialect) -> Sequence[str]:
    """Return the statements that make what is not there yet."""
    tables = [f"CREATE TABLE IF NOT EXISTS {name} {text}" for name, text in TABLES.items()]
    indexes = [f"CREATE INDEX IF NOT EXISTS {name} ON {text}" for name, text in _INDEXES.items()]
    return [statement.format_map(dialect._asdict()) for statement in (*tables, *indexes)]


def drop() -> Sequence[str]:
    """Return the statements that remove everything."""
    return [f"DROP TABLE IF EXISTS {name}" for name in TABLES]
