"""Ask a cluster's HTTP pages."""

import json
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from midonet.events.errors import Unavailable, UsageError

__all__ = ["get_json"]

_SECONDS = 10.0
_MAX_BYTES = 16 * 1024 * 1024


def get_json(url: str) -> Any:
    """Return what a page says; `Unavailable` if nobody answers, or not in JSON."""
    if not url.startswith(("http://", "https://")):
        raise UsageError("--cluster: not an address such as http://127.0.0.1:8181", option="cluster")
    try:
        with urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - http and https only
            return json.loads(answer.read(_MAX_BYTES))
    except (URLError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise Unavailable(f"{url} does not answer as a midonet-cluster: {reason}", url=url) from None
