"""What an operator may set on the cluster daemon: options, variables and keys all follow from the declaration."""

import os
import re
from socket import gethostname
from typing import Annotated, Any, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from midonet.events.config.connection_security import ConnectionSecurity
from midonet.events.config.settings import HostPort, Node, Services, is_loopback, parse_servers, split_host_port
from midonet.events.errors import UsageError
from midonet.events.model.fields import Format
from midonet.services.zookeeper_members import client_hosts, members_of, parse_members

_DAY = 86_400
_PORT = 8181
_NODE = r"^[A-Za-z][A-Za-z0-9._+-]{0,254}$"
EMBEDDED = "embedded"


def _zookeeper(text: Any) -> str:
    return EMBEDDED if text == EMBEDDED else parse_servers(text)


def _members(text: Any) -> str:
    return parse_members(str(text))


def _index(text: Any) -> str:
    if not str(text).startswith(("sqlite:///", "postgresql+psycopg://")) or str(text) == "sqlite:///":
        raise ValueError("the address of a history index is sqlite:///FILE or postgresql+psycopg://…")
    return str(text)


HistoryIndex = Annotated[str, Format("index", _index)]


def _origins(text: Any) -> str:
    found = [part.strip() for part in str(text).split(",") if part.strip()]
    for one in found:
        if one != "*" and not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+", one):
            raise ValueError(f"{one!r} is no origin such as https://ui.example.org")
    return ",".join(found)


Origins = Annotated[str, Format("origins", _origins)]
ZooKeeperServers = Annotated[str, Format("servers", _zookeeper)]
Members = Annotated[str, Format("members", _members)]


class Settings(ConnectionSecurity, frozen=True, kw_only=True):
    """The effective settings of one cluster daemon."""

    log: Annotated[str, Meta(description="URL of the log, as for `midoctl --server`.")]
    zookeeper: Annotated[
        ZooKeeperServers, Meta(description="ZooKeeper servers, HOST:PORT[,HOST:PORT…], or `embedded`: run here.")
    ]
    root: Annotated[Node, Meta(description="ZooKeeper path of the views.")] = "/midonet"
    http: Annotated[
        HostPort, Meta(description="Where the API, health and metrics are served; port 0 is any free one.")
    ] = f"127.0.0.1:{_PORT}"
    http_cert: Annotated[
        str | None, Meta(description="PEM file with the certificate (chain): with it, the port speaks https only.")
    ] = None
    http_key: Annotated[
        str | None, Meta(description="PEM file with the certificate's private key, if it is in another file.")
    ] = None
    http_clients_ca: Annotated[
        str | None,
        Meta(description="PEM file with the CA of clients' certificates: a client may show one, and is who it names."),
    ] = None
    cors_origins: Annotated[
        Origins | None,
        Meta(
            description="Web pages that may ask the API from a browser, by origin: https://HOST[:PORT],…, or *. "
            "Off if unset."
        ),
    ] = None
    auth: Annotated[
        Literal["none", "tokens"] | None,
        Meta(
            description="Who may use the API: everybody who reaches the port (none), or users with a token, "
            "password or certificate. Default: none on the machine itself; elsewhere there is no API until it is said."
        ),
    ] = None
    vault: Annotated[
        str | None,
        Meta(description="Where secrets are kept, sealed: file:///FILE, sqlite:///FILE or postgresql+psycopg://…."),
    ] = None
    vault_key: Annotated[
        str | None, Meta(description="File with the key of the vault, for its owner alone (`midoctl secret key`).")
    ] = None
    history: Annotated[
        HistoryIndex | None,
        Meta(description="Index for questions about the past, sqlite:///FILE or postgresql+psycopg://…; off if unset."),
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
    container_grace: Annotated[
        float, Meta(ge=0, le=_DAY, description="Seconds that a host may be away before its service containers move.")
    ] = 15.0
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
    zookeeper_members: Annotated[
        Members,
        Meta(
            description="All members of the embedded ensemble, alike on every node: "
            "HOST[:CLIENT_PORT[:PEER_PORT:ELECTION_PORT]],…; the first one founds it, others may be added at the end."
        ),
    ] = "127.0.0.1:2181:2888:3888"
    zookeeper_member: Annotated[
        Annotated[int, Meta(ge=1, le=255)] | None, Meta(description="Which of these members runs here, counted from 1.")
    ] = None
    zookeeper_data: Annotated[
        str | None,
        Meta(
            description="Folder of the embedded server's data. Default: /var/lib/midonet/zookeeper, or the user's own."
        ),
    ] = None
    zookeeper_members_ca: Annotated[
        str | None,
        Meta(description="CA of the embedded members among each other, if it is not the one that clients have, too."),
    ] = None
    zookeeper_members_cert: Annotated[
        str | None, Meta(description="Certificate of that CA for the member here, with its key or beside.")
    ] = None
    zookeeper_members_key: Annotated[str | None, Meta(description="Key of that certificate.")] = None
    zookeeper_jars: Annotated[
        str | None, Meta(description="Folder with the jars of the ZooKeeper server; by default Maven fetches them.")
    ] = None


def effective(settings: Settings) -> Settings:
    """Return settings as the daemon uses them: who this node is, and where ZooKeeper is; `UsageError` names a gap."""
    settings = replace(settings, node=node_name(settings), auth=_auth(settings))
    if "*" in (settings.cors_origins or "").split(",") and settings.auth == "none":
        raise UsageError(
            "cors_origins: with --auth none, any page that somebody here opens could change the network: name origins",
            setting="cors_origins",
        )
    if settings.zookeeper != EMBEDDED:
        if settings.zookeeper_member is not None:
            raise UsageError("zookeeper_member needs `--zookeeper embedded`", setting="zookeeper_member")
        return settings
    _check_keys(settings)
    members = members_of(settings.zookeeper_members)
    member = settings.zookeeper_member or 1
    if member > len(members):
        raise UsageError(
            f"zookeeper_member: there are {len(members)} members, not {member}", setting="zookeeper_member"
        )
    if settings.zookeeper_member is None and len(members) > 1:
        raise UsageError("say by --zookeeper-member which of the members runs here", setting="zookeeper_member")
    return replace(settings, zookeeper=client_hosts(members), zookeeper_member=member)


def _check_keys(settings: Settings) -> None:
    """Refuse what would leave an embedded member without the TLS that its operator means it to speak."""
    if settings.zookeeper_ca is not None and settings.zookeeper_cert is None:
        raise UsageError(
            "zookeeper_cert: an embedded member that speaks TLS needs a certificate", setting="zookeeper_cert"
        )
    members = settings.zookeeper_members_ca, settings.zookeeper_members_cert
    if any(members) and not all([*members, settings.zookeeper_ca]):
        raise UsageError(
            "zookeeper_members_ca goes with zookeeper_members_cert, and with zookeeper_ca and zookeeper_cert",
            setting="zookeeper_members_ca",
        )


def _auth(settings: Settings) -> Literal["none", "tokens"] | None:
    """Return the effective `auth`; None disables the API (see `auth_unset_reason`)."""
    known = settings.vault or settings.http_clients_ca or settings.services.get("api", {}).get("oidc_issuer")
    if settings.auth == "tokens" and not known:
        raise UsageError(
            "auth: to know users it takes a vault (--vault, --vault-key), a CA of their certificates "
            "(--http-clients-ca) or an identity provider (services.api.oidc_issuer)",
            setting="auth",
        )
    return settings.auth or (None if auth_unset_reason(settings) else "none")


def auth_unset_reason(settings: Settings) -> str | None:
    """Return why there is no API where others reach it: somebody has to say who may use it."""
    if settings.auth is not None or is_loopback(settings.http):
        return None
    return (
        f"everybody who reaches {settings.http} could change the network: say --auth tokens, or --auth none if all who "
        "can reach it may"
    )


def node_name(settings: Settings) -> str:
    """Return this node's name: the one that was set, else one that stays the same and differs from its neighbours'."""
    if settings.node is not None:
        return settings.node
    host, port = gethostname(), split_host_port(settings.http)[1]
    name = host if re.match(_NODE, host) else f"node-{host}"
    return name if port == _PORT else f"{name}-{port or os.getpid()}"
