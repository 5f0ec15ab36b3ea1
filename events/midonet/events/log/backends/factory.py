"""From the address of a log to the log; the only place that knows which backends exist."""

from midonet.events.errors import UsageError
from midonet.events.log.base import Log

_FORMS = (
    "sqlite:///FILE",
    "postgresql+psycopg://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE",
    "kafka://HOST:PORT[,HOST:PORT…][/TOPIC]",
    "http(s)://HOST:PORT[,HOST:PORT…] (a cluster's API)",
)


def file_uri(path: str, mode: str) -> str:
    """Return a file as SQLite wants it where it is told how to open it (https://www.sqlite.org/uri.html)."""
    for character, code in (("%", "%25"), ("?", "%3f"), ("#", "%23")):
        path = path.replace(character, code)
    return f"file:{path}?mode={mode}"


def open_log(url: str, *, create: bool = True) -> Log:
    """Open the log at `url`; where it does not exist yet, `create` says whether to make an empty one.

    Raises `UsageError` for an address of no known form, `Unavailable` if the log cannot be reached or
    does not exist, and `Misconfigured` if it is set up so that commits could be lost.
    """
    match url.partition("://")[0]:
        case "sqlite":
            from midonet.events.log.backends.sqlite import open_sqlite

            return open_sqlite(url, create=create)
        case "postgresql+psycopg":
            from midonet.events.log.backends.postgres import open_postgres

            return open_postgres(url, create=create)
        case "kafka":
            from midonet.events.log.backends.kafka.log import open_kafka

            return open_kafka(url, create=create)
        case "http" | "https":
            from midonet.events.log.backends.http import HttpLog

            return HttpLog(url)
        case _:
            raise UsageError(f"not the address of a log; allowed are {', '.join(_FORMS)}", allowed=_FORMS)
