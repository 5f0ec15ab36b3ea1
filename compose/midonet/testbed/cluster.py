"""`midonet-cluster` as a server of the testbed."""

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from midonet.testbed.server import LOOPBACK, Server


class ClusterDaemon(Server):
    """One `midonet-cluster run` with these options, and HTTP on a port of its own; `environ` is added to ours."""

    name = "cluster"

    def __init__(self, *options: str, environ: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.port = self.lease_port()
        self._environ = environ or {}
        self._options = options

    @property
    def url(self) -> str:
        """Where its health and metrics are."""
        return f"http://{LOOPBACK}:{self.port}"

    def command(self) -> Sequence[str | Path]:
        """Run from this checkout, in the foreground."""
        http = f"{LOOPBACK}:{self.port}"
        added = [f"{name}={value}" for name, value in self._environ.items()]
        return ["env", *added, sys.executable, "-m", "midonet.services.main", "run", "--http", http, *self._options]

    def serves(self) -> bool:
        """Whether it answers; it may still be catching up."""
        return self.get("/healthz")[0] == HTTPStatus.OK

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page, 0 where nothing answers."""
        with closing(HTTPConnection(LOOPBACK, self.port, timeout=5)) as connection:
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                return answer.status, answer.read().decode()
            except (OSError, HTTPException):
                return 0, ""

    def status(self) -> Any:
        """Return the document of `/status`."""
        return json.loads(self.get("/status")[1])
