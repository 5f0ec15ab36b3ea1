"""The members of an embedded ensemble: the setting, ZooKeeper's dynamic configuration, and its static one. Pure.

Source: ZooKeeper's administrator's guide and its guide to dynamic reconfiguration (3.5 and later).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from midonet.events.config.settings import split_host_port

_PORTS = (2181, 2888, 3888)
_MEMBER = re.compile(r"^server\.(\d+)=", re.MULTILINE)
_CLIENTS = re.compile(r"^(server\.(\d+)=[^;\n]*);(.*)$", re.MULTILINE)


class Member(NamedTuple):
    """One server: its fixed number, its host, and its ports for clients, peers and elections."""

    number: int
    host: str
    client: int
    peer: int
    election: int

    def line(self, clients: str, role: str = "participant") -> str:
        """Return the member as a line of ZooKeeper's dynamic configuration; `clients` is its client address."""
        return f"server.{self.number}={self.host}:{self.peer}:{self.election}:{role};{clients}"


def parse_members(text: str) -> str:
    """Return a list of members with all ports, `HOST:CLIENT:PEER:ELECTION,…`. Raises `ValueError`."""
    return ",".join(_in_full(part.strip()) for part in text.split(","))


def _in_full(text: str) -> str:
    host, *given = text.split(":")
    ports = [*given, *map(str, _PORTS[len(given) :])]
    if not host or len(given) > len(_PORTS):
        raise ValueError(f"{text!r} is not HOST[:CLIENT_PORT[:PEER_PORT:ELECTION_PORT]]")
    for port in ports:
        split_host_port(f"{host}:{port}")
    return ":".join([host, *ports])


def members_of(text: str) -> list[Member]:
    """Return the members of a list with all ports, numbered from 1."""
    parts = (part.split(":") for part in text.split(","))
    return [Member(number, host, *map(int, ports)) for number, (host, *ports) in enumerate(parts, 1)]


def client_hosts(members: Iterable[Member]) -> str:
    """Return the client addresses of members, `HOST:PORT,…`."""
    return ",".join(f"{member.host}:{member.client}" for member in members)


def numbers_in(config: str) -> set[int]:
    """Return the numbers of the servers that a dynamic configuration names."""
    return {int(number) for number in _MEMBER.findall(config)}


def with_clients_at(config: str, clients: Mapping[int, str]) -> str:
    """Return a dynamic configuration with new client addresses, given by server number."""
    return _CLIENTS.sub(lambda found: f"{found[1]};{clients.get(int(found[2]), found[3])}", config)


def configuration(data: Path, dynamic: Path, protection: Iterable[str] = ()) -> str:
    """Return the static configuration of a server; the members are in the file `dynamic`.

    A single server runs as an ensemble of one, so that others can join it.
    """
    return "".join(f"{line}\n" for line in [*_static(data, dynamic), *protection])


def _static(data: Path, dynamic: Path) -> Sequence[str]:
    return (
        f"dataDir={data}",
        f"dynamicConfigFile={dynamic}",
        "tickTime=1000",
        "initLimit=20",
        "syncLimit=10",
        "maxClientCnxns=0",
        "reconfigEnabled=true",
        "standaloneEnabled=false",
        "admin.enableServer=false",
        "4lw.commands.whitelist=srvr",
        "autopurge.snapRetainCount=3",
        "autopurge.purgeInterval=24",
    )
