"""What an operator may set on the cluster daemon: options, variables and keys all follow from the declaration."""

import os
import re
from socket import gethostname
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from midonet.events.settings import HostPort, Node, Servers, Services, split_host_port

__all__ = ["Settings", "node_name"]

_DAY = 86_400
_PORT = 8181
_NODE = r"^[A-Za-z][A-Za-z0-9._+-]{0,254}$"


class Settings(Struct, frozen=True, kw_only=True):
    """The effective settings of one cluster daemon."""

    log: Annotated[str, Meta(description="URL of the log, as for `midoctl --server`.")]
    zookeeper: Annotated[Servers, Meta(description="ZooKeeper servers, HOST:PORT[,HOST:PORT…].")]
    root: Annotated[Node, Meta(description="ZooKeeper path of the views.")] = "/midonet"
    http: Annotated[HostPort, Meta(description="Where health and metrics are served; port 0 is any free one.")] = (
        f"127.0.0.1:{_PORT}"
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="What is worth a line on standard error.")
    ] = "info"
    reconcile_interval: Annotated[
        float, Meta(ge=0.1, le=_DAY, description="Seconds after which a view is read again though nobody touched it.")
    ] = 30.0
    max_lag: Annotated[
        float, Meta(ge=0.1, le=_DAY, description="Seconds that a view may be behind the log while the daemon is ready.")
    ] = 30.0
    node: Annotated[
        Annotated[str, Meta(pattern=_NODE)] | None,
        Meta(
            description="Name of this node, unlike all others. Default: the host's name, and the port if not 8181.",
        ),
    ] = None
    services: Annotated[
        Services, Meta(description="Settings of services, {NAME: {KEY: VALUE}}; each service knows its own keys.")
    ] = field(default_factory=dict)


def node_name(settings: Settings) -> str:
    """Return this node's name: the one that was set, else one that stays the same and differs from its neighbours'."""
    if settings.node is not None:
        return settings.node
    host, port = gethostname(), split_host_port(settings.http)[1]
    name = host if re.match(_NODE, host) else f"node-{host}"
    return name if port == _PORT else f"{name}-{port or os.getpid()}"
