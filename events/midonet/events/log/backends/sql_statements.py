"""The table of a log and all statements on it, on SQLAlchemy Core: their only definition.

The table is contract §1: other programs read it with SQL alone. Loading SQLAlchemy takes ten times as long as opening a
SQLite file, so the statements for SQLite are also stored as text in `sqlite.py`; a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    cast,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql import ClauseElement

from midonet.events.log.backends.sql_backend import CHUNK_ROWS

_commits = Table(
    "commits",
    MetaData(),
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("id", Text, unique=True, nullable=False),
    Column("time", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# A manual edit may store TEXT in the column; the chain is defined on bytes.
_row = select(_commits.c.position, _commits.c.id, _commits.c.time, _commits.c.actor, cast(_commits.c.body, LargeBinary))
# SQLAlchemy adds an offset to every limit for SQLite, so it is given here.
_STATEMENTS: dict[str, ClauseElement] = {
    "create": CreateTable(_commits, if_not_exists=True),
    "insert": insert(_commits),
    "last": _row.order_by(_commits.c.position.desc()).limit(literal_column("1")).offset(literal_column("0")),
    "end": select(func.max(_commits.c.position)),
    "at": _row.where(_commits.c.position == bindparam("position")),
    "by_id": _row.where(_commits.c.id == bindparam("id")),
    "between": _row.where(_commits.c.position > bindparam("after"), _commits.c.position <= bindparam("end"))
    .order_by(_commits.c.position)
    .limit(literal_column(str(CHUNK_ROWS)))
    .offset(literal_column("0")),
}


def compiled(dialect: Dialect) -> dict[str, str]:
    """Return all statements by name in a dialect; values are bound by name."""
    return {name: " ".join(str(each.compile(dialect=dialect)).split()) for name, each in _STATEMENTS.items()}
