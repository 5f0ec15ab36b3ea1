"""The settings of the agent; options, environment variables and configuration keys follow from this declaration."""

from typing import Annotated, Literal

from midonet.events.config.connection_security import ConnectionSecurity
from midonet.events.config.settings import HostPort, Node, Servers
from midonet.events.model.fields import Id, about

_MAX_TIMEOUT = 120


class Settings(ConnectionSecurity, frozen=True, kw_only=True):
    """The effective settings of one agent."""

    zookeeper: Annotated[Servers | None, about("ZooKeeper servers, HOST:PORT[,HOST:PORT…].")] = None
    root: Annotated[Node, about("ZooKeeper path of the views.")] = "/midonet"
    host_id: Annotated[Id | None, about("Identity of this host, a UUID; by default the one in the host id file.")] = (
        None
    )
    host_id_file: Annotated[
        str | None,
        about(
            "File with the identity of this host, created at the first start. "
            "Default: /etc/midonet/host-id, or in the user's state directory."
        ),
    ] = None
    http: Annotated[
        HostPort | None,
        about("Address for health, metrics and the snapshot; by default these are on a Unix socket only."),
    ] = None
    run_dir: Annotated[
        str | None, about("Directory of the agent's Unix socket. Default: /run/midonet, or the user's run directory.")
    ] = None
    session_timeout: Annotated[
        float, about("Seconds after which a dead agent no longer counts as alive.", ge=1, le=_MAX_TIMEOUT)
    ] = 10.0
    probe_port: Annotated[
        int, about("UDP port on which hosts of a tunnel zone probe each other; 0 for none.", ge=0, le=65535)
    ] = 6680
    probe_interval: Annotated[float, about("Seconds between two probes.", ge=0.05, le=60)] = 1.0
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], about("Lowest level of log lines on standard error.")
    ] = "info"
