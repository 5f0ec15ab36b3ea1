"""What SQLite is told is what SQLAlchemy would tell it."""

from pathlib import Path

from sqlalchemy.dialects import sqlite

from midonet.events.log.backends.sql_statements import compiled
from midonet.events.log.backends.sqlite import SqliteDatabase


def test_kept_statements_are_those_that_sqlalchemy_makes(tmp_path: Path) -> None:
    assert SqliteDatabase(tmp_path / "log.db").statements == compiled(sqlite.dialect(paramstyle="named"))
