"""What an operator may set on the cluster daemon: options, variables and keys all follow from the declaration."""

from socket import gethostname
from typing import Annotated, Literal

from msgspec import Meta, Struct

from midonet.events.settings import HostPort, Node, Servers

__all__ = ["Settings"]

_DAY = 86_400


class Settings(Struct, frozen=True, kw_only=True):
    """The effective settings of one cluster daemon."""

    log: Annotated[str, Meta(description="URL of the log, as for `midoctl --server`.")]
    zookeeper: Annotated[Servers, Meta(description="ZooKeeper servers, HOST:PORT[,HOST:PORT…].")]
    root: Annotated[Node, Meta(description="ZooKeeper path of the views.")] = "/midonet"
    http: Annotated[
        HostPort, Meta(description="Where the API, health and metrics are served; port 0 is any free one.")
    ] = "127.0.0.1:8181"
    http_cert: Annotated[
        str | None, Meta(description="PEM file with the certificate (chain): with it, the port speaks https only.")
    ] = None
    http_key: Annotated[
        str | None, Meta(description="PEM file with the certificate's private key, if it is in another file.")
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="What is worth a line on standard error.")
    ] = "info"
    reconcile_interval: Annotated[
        float, Meta(ge=0.1, le=_DAY, description="Seconds after which a view is read again though nobody touched it.")
    ] = 30.0
    takeover_grace: Annotated[
        float,
        Meta(
            ge=0.05,
            le=60,
            description="Seconds that a view may stay behind before a daemon that stands by writes it.",
        ),
    ] = 0.3
    node: Annotated[
        str,
        Meta(
            pattern=r"^\w[\w.+-]{0,254}$",
            description="Name of this node, for `midoctl service enable --node`.",
        ),
    ] = gethostname()
    container_grace: Annotated[
        float, Meta(ge=0, le=_DAY, description="Seconds that a host may be away before its service containers move.")
    ] = 15.0
    max_lag: Annotated[
        float, Meta(ge=0.1, le=_DAY, description="Seconds that a view may be behind the log while the daemon is ready.")
    ] = 30.0
