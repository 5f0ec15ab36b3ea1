"""The URL of a log on Kafka: `kafka://HOST:PORT[,HOST:PORT…][/TOPIC]`. Loads no Kafka library."""

import re

from midonet.events.errors import UsageError

DEFAULT_TOPIC = "midonet.topology"

_URL = re.compile(r"kafka://(?P<servers>[^/@]+:\d+(,[^/@,]+:\d+)*)(/(?P<topic>[A-Za-z0-9._-]{1,249})?)?")
_LAST_PORT = 65_535


def kafka_address(url: str) -> tuple[str, str]:
    """Return the servers (`HOST:PORT,…`) and the topic of a URL; `UsageError` for any other form."""
    match = _URL.fullmatch(url)
    if match is None or any(int(port) > _LAST_PORT for port in re.findall(r":(\d+)", match["servers"])):
        raise UsageError("the URL of a log on Kafka has the form kafka://HOST:PORT[,HOST:PORT…][/TOPIC]")
    return match["servers"], match["topic"] or DEFAULT_TOPIC
