"""Where reported state is read: ZooKeeper if it is given, else a cluster's API."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec

from midonet.cli.options.options import Settings
from midonet.cli.session.session import Session
from midonet.events.api_client import ApiClient
from midonet.events.errors import UsageError

if TYPE_CHECKING:
    from midonet.projections.facts import Fact, HostState

F = TypeVar("F", bound="Fact")


class Facts(Protocol):
    """Reads facts; every method raises `Unavailable` without an answer."""

    def all(self, fact: type[F]) -> Mapping[str, F]:
        """Return the facts of a kind by object id."""

    def get_many(self, fact: type[F], ids: Iterable[str]) -> Mapping[str, F]:
        """Return the facts of a kind about these objects; objects without a report are omitted."""


class ApiFacts:
    """The facts that a cluster's API shows."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def all(self, fact: type[F]) -> Mapping[str, F]:
        """Return the facts of a kind by object id."""
        return msgspec.json.decode(self._client.get(f"/v1/facts/{fact.FOLDER}").body, type=dict[str, fact])  # type: ignore[valid-type]  # a type known at run time only

    def get_many(self, fact: type[F], ids: Iterable[str]) -> Mapping[str, F]:
        """Return the facts of a kind about these objects."""
        found = self.all(fact)
        return {one: found[one] for one in ids if one in found}


def facts_are_known(session: Session) -> bool:
    """Return whether an option says where facts are."""
    return session.cluster is not None or bool(session.settings.get("zookeeper"))


def facts_of(session: Session) -> AbstractContextManager[Facts]:
    """Return a reader of facts; `UsageError` if no option says where they are."""
    if session.cluster is not None and not session.settings.get("zookeeper"):
        return nullcontext(ApiFacts(session.cluster))
    from midonet.projections.facts.reader import FactsReader

    why = "reported state is in ZooKeeper or at a cluster's API (--server http://HOST:PORT)"
    return FactsReader(servers(session.settings, why), session.settings.get("root"))


def live_hosts(session: Session) -> "Mapping[str, HostState]":
    """Return the live hosts by id; `Unavailable` without an answer."""
    from midonet.projections.facts import HostState

    with facts_of(session) as facts:
        return facts.all(HostState)


def servers(settings: Settings, why: str = "") -> str:
    """Return the ZooKeeper servers; `UsageError`, which says `why` they are needed, if there are none."""
    found = settings.get("zookeeper")
    if not found:
        reason = f": {why}" if why else ""
        message = f"no ZooKeeper{reason}; give --zookeeper HOST:PORT or MIDOCTL_ZOOKEEPER"
        raise UsageError(message, option="zookeeper")
    from midonet.events.config.settings import split_host_port

    try:
        for server in found.split(","):
            split_host_port(server)
    except ValueError as error:
        raise UsageError(f"--zookeeper: {error}", option="zookeeper") from None
    return str(found)
