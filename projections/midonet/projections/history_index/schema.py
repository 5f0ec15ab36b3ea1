"""The tables of a history index and the statements on them, in the SQL that SQLite and PostgreSQL share.

Plain text with named parameters, so that reading a SQLite file needs no database library. This module may depend on the
standard library only.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

SCHEMA = "1-8fb0d8b2"
"""Version of the tables and of their content: an index with another version is rebuilt. The second part is a digest
of the naming rules of the model (`rows.labels_digest`); a test compares it, so reading need not load the model."""


class Dialect(NamedTuple):
    """The type names of a database."""

    integer: str
    text: str
    """Text compared byte by byte."""
    blob: str
    keyed: str
    """Suffix of a table that is queried by its primary key only."""
    exists: str
    """A query that has a row if and only if there is an index."""


SQLITE = Dialect(
    "INTEGER", "TEXT", "BLOB", " WITHOUT ROWID", "SELECT 1 FROM sqlite_schema WHERE name = 'history_checkpoint'"
)
POSTGRESQL = Dialect(
    "BIGINT", 'TEXT COLLATE "C"', "BYTEA", "", "SELECT 1 WHERE to_regclass('history_checkpoint') IS NOT NULL"
)

TABLES: Mapping[str, str] = {
    # One row: the checkpoint. `schema` is the version of the tables and never changes its place.
    "history_checkpoint": (
        "(only_one {integer} PRIMARY KEY CHECK (only_one = 1), schema {text} NOT NULL, position {integer} NOT NULL,"
        " hash {text} NOT NULL, time {text} NOT NULL, latest {text} NOT NULL, place {integer})"
    ),
    # Actors, names of commands, kinds: few values, repeated often.
    "history_words": "(number {integer} PRIMARY KEY, text {text} NOT NULL UNIQUE)",
    # `latest` is the greatest time so far: it never decreases, so a moment is found by bisection.
    "history_commits": (
        "(position {integer} PRIMARY KEY, hash {blob} NOT NULL, time {text} NOT NULL, latest {text} NOT NULL,"
        " actor {integer} NOT NULL, command {integer} NOT NULL, place {integer})"
    ),
    # Numbers are in the order in which objects first appeared.
    "history_objects": "(number {integer} PRIMARY KEY, kind {text} NOT NULL, id {text} NOT NULL, UNIQUE (id, kind))",
    "history_touches": "(object {integer}, position {integer}, PRIMARY KEY (object, position)){keyed}",
    "history_kinds": "(kind {integer}, position {integer}, PRIMARY KEY (kind, position)){keyed}",
    # The state of an object after a commit: at creation, deletion and renaming, and at every 64th commit on it.
    "history_versions": (
        "(object {integer}, position {integer}, name {text}, owner {text}, gone {integer} NOT NULL,"
        " body {blob} NOT NULL, PRIMARY KEY (object, position)){keyed}"
    ),
}
_INDEXES: Mapping[str, str] = {
    "history_commits_actor": "history_commits (actor, position)",
    # Times are in order in a log of this project; these are exceptions in logs of other writers.
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
    """Return the statements that create missing tables."""
    tables = [f"CREATE TABLE IF NOT EXISTS {name} {text}" for name, text in TABLES.items()]
    indexes = [f"CREATE INDEX IF NOT EXISTS {name} ON {text}" for name, text in _INDEXES.items()]
    return [statement.format_map(dialect._asdict()) for statement in (*tables, *indexes)]


def drop() -> Sequence[str]:
    """Return the statements that remove everything."""
    return [f"DROP TABLE IF EXISTS {name}" for name in TABLES]
