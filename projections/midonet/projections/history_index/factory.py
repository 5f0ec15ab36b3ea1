"""Opens the history index that a URL names."""

import os

from midonet.projections.history_index.backend import Database
from midonet.projections.history_index.sqlite import URL_PREFIX, SqliteFile


def open_database(url: str, *, write: bool) -> Database:
    """Open the database of an index; `UsageError` for an invalid address."""
    path = url.removeprefix(URL_PREFIX)
    if path in (url, ""):
        from midonet.projections.history_index.postgres import Server

        return Server(url, write=write)
    if write:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)  # noqa: PTH100, PTH103, PTH120 - pathlib takes 3 ms
    return SqliteFile(path, write=write)
