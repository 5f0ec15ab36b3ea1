"""Ask a cluster's HTTP pages."""

from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import msgspec

from midonet.events.api_client import ApiClient
from midonet.events.errors import UsageError

__all__ = ["get_json"]


def get_json(url: str) -> Any:
    """Return what a page says; `Unavailable` if nobody answers, or not as a cluster does."""
    if not url.startswith(("http://", "https://")):
        raise UsageError("--cluster: not an address such as http://127.0.0.1:8181", option="cluster")
    base, path = url.rpartition("/")[0], f"/{urlsplit(url).path.rpartition('/')[2]}"
    with closing(ApiClient(base)) as client:
        return msgspec.json.decode(client.get(path).body)
