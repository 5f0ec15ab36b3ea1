"""How this process protects its connections to ZooKeeper, Kafka and switches, and proves who it is there.

Settings of every program: the daemons take them as options, variables or keys, and `midoctl` by the same variables.
They name files and no secrets, so that they may be shown; a file with a login holds one line, USER:PASSWORD.
"""

import os
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from midonet.events.errors import Misconfigured

__all__ = ["Login", "Wire", "current", "read_login", "use"]

_File = str | None


class Wire(Struct, frozen=True, kw_only=True):
    """Files are PEM unless something else is said."""

    zookeeper_ca: Annotated[_File, Meta(description="CA of the ZooKeeper servers: with it, only TLS is spoken.")] = None
    zookeeper_cert: Annotated[_File, Meta(description="Certificate to show to ZooKeeper, with its key or not.")] = None
    zookeeper_key: Annotated[_File, Meta(description="Key of that certificate.")] = None
    zookeeper_login: Annotated[
        _File, Meta(description="File with USER:PASSWORD of the scheme `digest`: what is written is then not for all.")
    ] = None
    zookeeper_agents: Annotated[
        str | None, Meta(description="Who agents are in ZooKeeper, USER:DIGEST; a cluster lets nobody else read.")
    ] = None
    zookeeper_cluster: Annotated[
        str | None, Meta(description="Who the cluster is in ZooKeeper, USER:DIGEST; an agent lets it see to its nodes.")
    ] = None
    kafka_ca: Annotated[_File, Meta(description="CA of the Kafka brokers: with it, only TLS is spoken.")] = None
    kafka_cert: Annotated[_File, Meta(description="Certificate to show to Kafka, with its key or beside.")] = None
    kafka_key: Annotated[_File, Meta(description="Key of that certificate.")] = None
    kafka_login: Annotated[_File, Meta(description="File with USER:PASSWORD for SASL.")] = None
    kafka_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"], Meta(description="How that login is proved (SASL).")
    ] = "SCRAM-SHA-512"
    ovsdb_ca: Annotated[_File, Meta(description="CA of the switches: with it, VTEPs are spoken to by TLS only.")] = None
    ovsdb_cert: Annotated[_File, Meta(description="Certificate to show to switches, with its key or beside.")] = None
    ovsdb_key: Annotated[_File, Meta(description="Key of that certificate.")] = None


class Login(NamedTuple):
    """A name and what proves it."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.user!r}, ***)"


_in_use: Wire | None = None


def use(settings: Wire) -> None:
    """Let connections that this process makes from now on be protected so."""
    global _in_use  # noqa: PLW0603 - a process has one identity
    names = [field.name for field in msgspec.structs.fields(Wire)]
    _in_use = Wire(**{name: getattr(settings, name) for name in names})


def current() -> Wire:
    """Return how connections are protected: as was said, or else as the environment says."""
    if _in_use is not None:
        return _in_use
    from midonet.events.settings import load

    return load(Wire, flags={}, environ=os.environ)


def read_login(file: str) -> Login:
    """Return the login in a file; `Misconfigured` if there is none."""
    try:
        user, colon, password = Path(file).read_text().strip().partition(":")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise Misconfigured(f"the login in {file} cannot be read: {reason}", file=file) from None
    if not colon or not user or not password:
        raise Misconfigured(f"{file} holds no login: one line, USER:PASSWORD", file=file)
    return Login(user, password)
