"""Opens the log that a URL names; the only module that lists the backends."""

from midonet.events.api_client import ApiClient
from midonet.events.errors import UsageError
from midonet.events.log.base import Log

_SCHEMES = ("sqlite", "postgresql+psycopg", "kafka", "http", "https")
_FORMS = (
    "sqlite:///FILE",
    "postgresql+psycopg://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE",
    "kafka://HOST:PORT[,HOST:PORT…][/TOPIC]",
    "http(s)://HOST:PORT[,HOST:PORT…] (a cluster's API)",
)


def file_uri(path: str, mode: str) -> str:
    """Return the URI of a SQLite file with its open mode, `ro` or `rw` (https://www.sqlite.org/uri.html)."""
    for character, code in (("%", "%25"), ("?", "%3f"), ("#", "%23")):
        path = path.replace(character, code)
    return f"file:{path}?mode={mode}"


def check_form(url: str) -> None:
    """Raise `UsageError` if no backend has the form of this URL."""
    if url.partition("://")[0] not in _SCHEMES:
        raise UsageError(f"unknown form of a log's URL; known forms: {', '.join(_FORMS)}", allowed=_FORMS)


def open_log(url: str, *, create: bool = True, read_only: bool = False) -> Log:
    """Open the log at `url`; if there is none, `create` makes an empty one.

    `read_only` is for callers that never append: a SQLite file is then opened for reading, and is not created.
    Raises `UsageError` if the form of the URL is unknown, `Unavailable` if the log cannot be reached or does not
    exist, and `Misconfigured` if its server could lose commits.
    """
    check_form(url)
    create = create and not read_only
    match url.partition("://")[0]:
        case "sqlite":
            from midonet.events.log.backends.sqlite import open_sqlite

            return open_sqlite(url, create=create, read_only=read_only)
        case "postgresql+psycopg":
            from midonet.events.log.backends.postgres import open_postgres

            return open_postgres(url, create=create)
        case "kafka":
            from midonet.events.log.backends.kafka.log import open_kafka

            return open_kafka(url, create=create)
        case _:
            return open_api_log(url)


def open_api_log(url: str, client: ApiClient | None = None, *, partial: bool = False) -> Log:
    """Open a cluster's API as a log that can only be read, through `client` if one is given.

    `partial` is for users who may read only some objects: the log then holds the events that they may read, and its
    hash chain cannot be checked.
    """
    from midonet.events.log.backends.http import HttpLog, HttpPart

    return HttpPart(url, client) if partial else HttpLog(url, client)
