"""What an operator may set on the agent: options, variables and keys all follow from the declaration."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from midonet.events.model.fields import Format, canonical_id
from midonet.events.settings import split_host_port

__all__ = ["Settings"]

_MAX_TIMEOUT = 120


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
    if not parts or not path.startswith("/") or any(part in ("", ".", "..", "zookeeper") for part in parts):
        msg = f"{text!r} is not an absolute path such as /midonet"
        raise ValueError(msg)
    return path


def _host_port(text: Any) -> str:
    split_host_port(str(text))
    return str(text).strip()


class Settings(Struct, frozen=True, kw_only=True):
    """The effective settings of one agent."""

    zookeeper: Annotated[
        str | None, Format("hosts", _hosts), Meta(description="ZooKeeper servers, HOST:PORT[,HOST:PORT…].")
    ] = None
    root: Annotated[str, Format("path", _root), Meta(description="ZooKeeper path of the views.")] = "/midonet"
    host_id: Annotated[
        str | None,
        Format("id", lambda text: canonical_id(str(text))),
        Meta(description="Identity of this host, a UUID; by default the one in the host id file."),
    ] = None
    host_id_file: Annotated[
        str | None,
        Meta(
            description="File with the identity of this host, made on the first start. "
            "Default: /etc/midonet/host-id, or in the user's state directory."
        ),
    ] = None
    http: Annotated[
        str | None,
        Format("host:port", _host_port),
        Meta(description="Where to serve health, metrics and the snapshot; by default only on a Unix socket."),
    ] = None
    run_dir: Annotated[
        str | None,
        Meta(description="Directory of the agent's Unix socket. Default: /run/midonet, or the user's run directory."),
    ] = None
    session_timeout: Annotated[
        float,
        Meta(ge=1, le=_MAX_TIMEOUT, description="Seconds after which a silent agent counts as dead."),
    ] = 10.0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="What is worth a line on standard error.")
    ] = "info"
