"""Settings of the cluster daemon: options, environment variables and keys are derived from this declaration."""

import os
import re
from socket import gethostname
from typing import Annotated, Any, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from midonet.events.config.connection_security import ConnectionSecurity
from midonet.events.config.settings import HostPort, Node, Services, is_loopback, parse_servers, split_host_port
from midonet.events.errors import UsageError
from midonet.events.model.fields import Format, about
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
            raise ValueError(f"{one!r} is not an origin such as https://ui.example.org")
    return ",".join(found)


Origins = Annotated[str, Format("origins", _origins)]
ZooKeeperServers = Annotated[str, Format("servers", _zookeeper)]
Members = Annotated[str, Format("members", _members)]


class Settings(ConnectionSecurity, frozen=True, kw_only=True):
    """The effective settings of one cluster daemon."""

    log: Annotated[str, about("URL of the log, as for `midoctl --server`.")]
    zookeeper: Annotated[ZooKeeperServers, about("ZooKeeper servers, HOST:PORT[,HOST:PORT…], or `embedded`.")]
    root: Annotated[Node, about("ZooKeeper path of the views.")] = "/midonet"
    http: Annotated[HostPort, about("Address of the API, health and metrics; port 0 is any free port.")] = (
        f"127.0.0.1:{_PORT}"
    )
    http_cert: Annotated[
        str | None, about("PEM file with the certificate chain; enables https (http is then off).")
    ] = None
    http_key: Annotated[str | None, about("PEM file with the private key, if not in http_cert.")] = None
    http_clients_ca: Annotated[
        str | None, about("PEM file with the CA of client certificates; a client may authenticate with one.")
    ] = None
    cors_origins: Annotated[
        Origins | None,
        about("Origins whose web pages may use the API from a browser: https://HOST[:PORT],…, or *. Default: none."),
    ] = None
    auth: Annotated[
        Literal["none", "tokens"] | None,
        about(
            "Authentication of API clients: none, or a token, password or certificate (tokens). "
            "Default: none on a loopback address; on any other address the API is off until this is set."
        ),
    ] = None
    vault: Annotated[
        str | None, about("Encrypted store of secrets: file:///FILE, sqlite:///FILE or postgresql+psycopg://….")
    ] = None
    vault_key: Annotated[str | None, about("File with the key of the vault, mode 0600 (`midoctl secret key`).")] = None
    history: Annotated[
        HistoryIndex | None, about("History index: sqlite:///FILE or postgresql+psycopg://…; off if unset.")
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], about("Lowest level of log lines on standard error.")
    ] = "info"
    reconcile_interval: Annotated[float, about("Seconds between two full comparisons of a view.", ge=0.1, le=_DAY)] = (
        30.0
    )
    takeover_grace: Annotated[
        float, about("Seconds that a view may lag before a standby daemon takes over.", ge=0.05, le=60)
    ] = 0.3
    container_grace: Annotated[
        float, about("Seconds that a host may be down before its service containers move.", ge=0, le=_DAY)
    ] = 15.0
    max_clock_skew: Annotated[
        float,
        about(
            "Seconds that the last commit may be ahead of this machine's clock; else commands are refused.",
            ge=0,
            le=1e9,
        ),
    ] = 300.0
    accept_clock: Annotated[
        bool, about("Write although this machine's clock and the time of the last commit differ too much.")
    ] = False
    max_lag: Annotated[float, about("Largest lag of a view, in seconds, of a ready daemon.", ge=0.1, le=_DAY)] = 30.0
    node: Annotated[
        Annotated[str, Meta(pattern=_NODE)] | None,
        about("Unique name of this node. Default: the host name, with the port if it is not 8181."),
    ] = None
    services: Annotated[Services, about("Settings of services, {NAME: {KEY: VALUE}}.")] = field(default_factory=dict)
    zookeeper_members: Annotated[
        Members,
        about(
            "All members of the embedded ensemble, the same list on every node: "
            "HOST[:CLIENT_PORT[:PEER_PORT:ELECTION_PORT]],…; append new members at the end."
        ),
    ] = "127.0.0.1:2181:2888:3888"
    zookeeper_member: Annotated[
        Annotated[int, Meta(ge=1, le=255)] | None, about("Number of the member that runs on this node, from 1.")
    ] = None
    zookeeper_data: Annotated[
        str | None,
        about("Data folder of the embedded server. Default: /var/lib/midonet/zookeeper, or one of the user."),
    ] = None
    zookeeper_members_ca: Annotated[
        str | None, about("CA of the connections between embedded members. Default: zookeeper_ca.")
    ] = None
    zookeeper_members_cert: Annotated[str | None, about("Certificate of this member under zookeeper_members_ca.")] = (
        None
    )
    zookeeper_members_key: Annotated[
        str | None, about("Private key of zookeeper_members_cert, if not in the same file.")
    ] = None
    zookeeper_jars: Annotated[
        str | None, about("Folder with the jars of the ZooKeeper server. Default: fetched by Maven.")
    ] = None


def effective(settings: Settings) -> Settings:
    """Return the settings with defaults of node, auth and ZooKeeper filled in. Raises `UsageError`."""
    settings = replace(settings, node=node_name(settings), auth=_auth(settings))
    if "*" in (settings.cors_origins or "").split(",") and settings.auth == "none":
        raise UsageError(
            "cors_origins: with --auth none, * would let any web page change the network; list the origins",
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
        raise UsageError(
            "--zookeeper-member is required: the number of the member that runs here", setting="zookeeper_member"
        )
    return replace(settings, zookeeper=client_hosts(members), zookeeper_member=member)


def _check_keys(settings: Settings) -> None:
    """Raise `UsageError` for incomplete TLS settings of an embedded member."""
    if settings.zookeeper_ca is not None and settings.zookeeper_cert is None:
        raise UsageError("zookeeper_cert: an embedded member with TLS needs a certificate", setting="zookeeper_cert")
    members = settings.zookeeper_members_ca, settings.zookeeper_members_cert
    if any(members) and not all([*members, settings.zookeeper_ca]):
        raise UsageError(
            "zookeeper_members_ca needs zookeeper_members_cert, zookeeper_ca and zookeeper_cert",
            setting="zookeeper_members_ca",
        )


def _auth(settings: Settings) -> Literal["none", "tokens"] | None:
    """Return the effective `auth`; None disables the API (see `auth_unset_reason`)."""
    known = settings.vault or settings.http_clients_ca or settings.services.get("api", {}).get("oidc_issuer")
    if settings.auth == "tokens" and not known:
        raise UsageError(
            "auth: tokens needs a vault (--vault, --vault-key), a CA of client certificates "
            "(--http-clients-ca) or an identity provider (services.api.oidc_issuer)",
            setting="auth",
        )
    return settings.auth or (None if auth_unset_reason(settings) else "none")


def auth_unset_reason(settings: Settings) -> str | None:
    """Return why the API is off: its address is not loopback and `auth` is unset; None if it is on."""
    if settings.auth is not None or is_loopback(settings.http):
        return None
    return (
        f"auth is not set and {settings.http} is not a loopback address: set --auth tokens, or --auth none to let any "
        "client change the network"
    )


def node_name(settings: Settings) -> str:
    """Return the configured name of this node, else one derived from host name and port."""
    if settings.node is not None:
        return settings.node
    host, port = gethostname(), split_host_port(settings.http)[1]
    name = host if re.match(_NODE, host) else f"node-{host}"
    return name if port == _PORT else f"{name}-{port or os.getpid()}"
