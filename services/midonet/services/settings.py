"""What an operator may set on the cluster daemon: options, variables and keys all follow from the declaration."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from midonet.events.model.fields import Format
from midonet.events.settings import HostPort, split_host_port

__all__ = ["Settings"]

_DAY = 86_400


def _hosts(text: Any) -> str:
    """Return a ZooKeeper connection string without spaces; the root is a setting of its own."""
    hosts = [host.strip() for host in str(text).split(",")]
    for host in hosts:
        split_host_port(host)
    return ",".join(hosts)


def _root(text: Any) -> str:
    """Return an absolute ZooKeeper path without a slash at its end."""
    path = str(text).rstrip("/")
    parts = path.split("/")[1:]
    if not path.startswith("/") or any(part in ("", ".", "..", "zookeeper") for part in parts):
        msg = f"{text!r} is not an absolute path such as /midonet"
        raise ValueError(msg)
    return path


class Settings(Struct, frozen=True, kw_only=True):
    """The effective settings of one cluster daemon."""

    log: Annotated[str, Meta(description="URL of the log, as for `midoctl --server`.")]
    zookeeper: Annotated[str, Format("hosts", _hosts), Meta(description="ZooKeeper servers, HOST:PORT[,HOST:PORT…].")]
    root: Annotated[str, Format("path", _root), Meta(description="ZooKeeper path of the views.")] = "/midonet"
    http: Annotated[HostPort, Meta(description="Where health and metrics are served; port 0 is any free one.")] = (
        "127.0.0.1:8181"
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="What is worth a line on standard error.")
    ] = "info"
    reconcile_interval: Annotated[
        float,
        Meta(ge=0.1, le=_DAY, description="Seconds between two searches for edits that others made to the views."),
    ] = 60.0
    max_lag: Annotated[
        float, Meta(ge=0.1, le=_DAY, description="Seconds that a view may be behind the log while the daemon is ready.")
    ] = 30.0
