"""How this process secures and authenticates its connections to ZooKeeper, Kafka and switches.

Settings of every program: daemons take them as options, variables or keys, `midoctl` from the same variables. They name
files and contain no secrets, so that they may be shown; a login file holds one line, USER:PASSWORD.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec
from msgspec import Struct

from midonet.events.errors import Misconfigured, UsageError
from midonet.events.model.fields import about

if TYPE_CHECKING:  # else `midoctl --help` would load it
    from ssl import SSLContext


_File = str | None


class ConnectionSecurity(Struct, frozen=True, kw_only=True):
    """Files are PEM unless stated otherwise."""

    zookeeper_ca: Annotated[_File, about("CA of the ZooKeeper servers: with it, only TLS is spoken.")] = None
    zookeeper_cert: Annotated[_File, about("Certificate to show to ZooKeeper, with its key or not.")] = None
    zookeeper_key: Annotated[_File, about("Key of that certificate.")] = None
    zookeeper_login: Annotated[
        _File, about("File with USER:PASSWORD of the scheme `digest`: what is written is then not for all.")
    ] = None
    zookeeper_agents: Annotated[
        str | None, about("Who agents are in ZooKeeper, USER:DIGEST; in a cluster only they may read.")
    ] = None
    zookeeper_cluster: Annotated[
        str | None, about("Who the cluster is in ZooKeeper, USER:DIGEST; an agent lets it see to its nodes.")
    ] = None
    kafka_ca: Annotated[_File, about("CA of the Kafka brokers: with it, only TLS is spoken.")] = None
    kafka_cert: Annotated[_File, about("Certificate to show to Kafka, with its key or beside.")] = None
    kafka_key: Annotated[_File, about("Key of that certificate.")] = None
    kafka_login: Annotated[_File, about("File with USER:PASSWORD for SASL.")] = None
    kafka_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], about("How that login is proved (SASL).")
    ] = "SCRAM-SHA-512"
    ovsdb_ca: Annotated[_File, about("CA of the switches: with it, VTEPs are spoken to by TLS only.")] = None
    ovsdb_cert: Annotated[_File, about("Certificate to show to switches, with its key or beside.")] = None
    ovsdb_key: Annotated[_File, about("Key of that certificate.")] = None


class _Secret(str):
    """A text that is hidden in the representation of its holder: clients log their settings."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Login(NamedTuple):
    """A user and its password."""

    user: str
    password: str


_in_use: ConnectionSecurity | None = None


def use(settings: ConnectionSecurity) -> None:
    """Set the security of connections that this process makes from now on; `UsageError` if it is inconsistent."""
    global _in_use  # noqa: PLW0603 - a process has one identity
    names = [field.name for field in msgspec.structs.fields(ConnectionSecurity)]
    _in_use = _checked(ConnectionSecurity(**{name: getattr(settings, name) for name in names}))


def current() -> ConnectionSecurity:
    """Return the security of connections: as set by `use`, else from the environment; `UsageError` as `use`."""
    if _in_use is not None:
        return _in_use
    from midonet.events.config.settings import load

    return _checked(load(ConnectionSecurity, flags={}, environ=os.environ))


def _checked(security: ConnectionSecurity) -> ConnectionSecurity:
    """Refuse a certificate without a CA: no TLS would be used, and the certificate would be ignored silently."""
    for peer in ("zookeeper", "kafka", "ovsdb"):
        for part in ("cert", "key"):
            if getattr(security, f"{peer}_{part}") is not None and getattr(security, f"{peer}_ca") is None:
                raise UsageError(
                    f"{peer}_{part} needs {peer}_ca: without a CA no TLS is spoken", setting=f"{peer}_{part}"
                )
    return security


def read_login(file: str) -> Login:
    """Return the login in a file; `Misconfigured` if there is none."""
    try:
        user, colon, password = Path(file).read_text().strip().partition(":")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise Misconfigured(f"the login in {file} cannot be read: {reason}", file=file) from None
    if not colon or not user or not password:
        raise Misconfigured(f"{file} holds no login: one line, USER:PASSWORD", file=file)
    return Login(user, _Secret(password))


def kafka_tls() -> "SSLContext | None":
    """Return the TLS context for Kafka, if there is one; `Misconfigured` names an invalid file."""
    security = current()
    if security.kafka_ca is None:
        return None
    return tls_context("Kafka", security.kafka_ca, security.kafka_cert, security.kafka_key)


def kafka_login() -> Login | None:
    """Return the login for Kafka (SASL), if there is one."""
    security = current()
    return read_login(security.kafka_login) if security.kafka_login is not None else None


def tls_context(peer: str, ca: str, certificate: str | None, key: str | None) -> "SSLContext":
    """Return a context that verifies servers by a CA and by host name, and presents our certificate.

    `Misconfigured` names an invalid file; a key with a passphrase is invalid, since there is no prompt for it.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    file = ca
    try:
        context.load_verify_locations(ca)
        if certificate is not None:
            file = certificate if key is None else f"{certificate} and {key}"
            context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        raise Misconfigured(f"no TLS with {peer}: {file}: {reason}", file=file) from None
    return context
